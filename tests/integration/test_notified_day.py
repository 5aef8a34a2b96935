"""A day of a ward at sixty times its speed while every browser is closed: BP_TEST_DAY=1000x24 takes half an hour.

So many patients, so many hours. Producer, Kafka, stream, Elasticsearch and alert service are what runs on a ward. A
mail server and a receiver of webhooks note what comes, and refuse everything for ten of the day's twenty-four minutes;
somebody answers alerts. What must have come is reckoned of the journal alone: when an alert was raised, and when it
was answered or ended.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alerts import answering
from alerts.answering import Acknowledgement, Fate, Person
from alerts.channels.disclosing import Disclosing
from alerts.events import Event
from alerts.model import AnswerReason
from conf.clinical import is_crisis
from conf.settings import Settings
from elastic.client import Search, refresh
from elastic.names import ALERT_EVENTS, ALERTS, OBSERVATIONS, all_months
from elastic.schema import put_templates
from elastic.search.queries import term
from embedded.services import Addresses
from tests.integration.job import PROJECT, Job
from tests.integration.notified import Hook, hook, mailed, ways, write_rules
from tests.integration.pipeline import build_settings, delete_documents, environment, publish_model
from tests.support.smtp_server import MailServer, mail_server
from tests.support.tellings import SECRET

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("BP_TEST_DAY" not in os.environ, reason="a day takes half an hour: BP_TEST_DAY=1000x24"),
    pytest.mark.timeout(3600),
]

PATIENTS, HOURS = map(int, os.environ.get("BP_TEST_DAY", "1000x24").split("x"))
SPEED = 60
DAY_S = HOURS * 3600 / SPEED
REFUSED_S = DAY_S * 5 / 12  # ten minutes of the 24
REFUSED_FROM_S = DAY_S / 4
CHAIN: list[dict[str, Any]] = [
    {"after_minutes": 0, "tell": ["nurse", "doctor"]},
    {"after_minutes": 1.5, "tell": ["doctor"], "remind_every_minutes": 1, "reminders": 1},
]
NOT_SILENT = {  # at sixty times its speed, what is news was measured up to a day ago
    "intervals": 100,
    "longest_hours": 168,
    "answer_within_minutes": {},
}
SLACK = timedelta(seconds=20)  # about which of two things that happen at once nothing is said
IN_LINE = timedelta(seconds=45)  # how long a message may wait for those before it: the day begins with hundreds
BACK_OFF = timedelta(seconds=75)  # the longest pause of a message that was refused, and some
STOPPED_WITHIN = timedelta(seconds=5)
ANSWER_EVERY_S = 5.0
FOR_EVER = datetime.max.replace(tzinfo=UTC)
PAUSE = timedelta(minutes=60)
ENDS = frozenset({Event.ACKNOWLEDGED, Event.RESOLVED, Event.EXPIRED, Event.WITHDRAWN, Event.RAISED})

Telling = tuple[str, str, int, int]  # alias of the alert, time of the raise, step, reminder


class Due(NamedTuple):
    """A telling with when it is due, when its raise was noted, and when that needs to be told no more."""

    telling: Telling
    at: datetime
    known_at: datetime
    until: datetime


def settings_of(services: Addresses, folder: Path, mails: MailServer, hooks: Hook) -> Settings:
    """Return the settings of the ward, its rules written and its model published."""
    recipients = {"nurse": {"mail": "nurse@hospital.example"}, "doctor": {"webhook": f"{hooks.url}/hook"}}
    route = {"kinds": ["measured", "predicted", "attention"], "chain": CHAIN}
    told = {"recipients": recipients, "routes": [route], "group_minutes": 0, "burst": 1000}
    write_rules(folder / "alerts.yaml", told, silence=NOT_SILENT)
    made = build_settings(
        services,
        folder,
        trigger_seconds=2.0,
        min_readings=10,
        alert_rules=folder / "alerts.yaml",
        **ways(mails),
    )
    publish_model(made.model_dir, even_at=166.0)
    return made


@contextmanager
def program(settings: Settings, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of the project, its log in the local folder."""
    secrets = {"BP_SECRET_KEY": SECRET, "BP_WEBHOOK_SECRET": SECRET}
    known = {name: value for name, value in environment(settings).items() if name not in secrets}
    settings.local_dir.mkdir(parents=True, exist_ok=True)
    with (settings.local_dir / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], **known, **secrets},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def answer_half(search: Search, ended: threading.Event) -> None:
    """Acknowledge now and then half of what waits, until the day is over."""
    chance = random.Random(1)  # noqa: S311 - a simulation
    given = Acknowledgement(AnswerReason.SEEN, "", PAUSE)
    while not ended.wait(ANSWER_EVERY_S):
        body = {"size": 1000, "query": term("is_unanswered", True), "sort": [{"alert_id": "asc"}]}
        waiting = [it["alert_id"] for it in search.page(ALERTS, body).documents if "patient_id" in it]
        chosen = [id_ for id_ in waiting if chance.random() < 0.04]
        outcomes = answering.acknowledge(search, chosen, given, Person("anne", "clinician"), datetime.now(UTC))
        assert {outcome.fate for outcome in outcomes} <= {Fate.STORED, Fate.LATE, Fate.OVER}


def reckon(events: list[dict[str, Any]], settings: Settings) -> tuple[list[Due], list[Due]]:
    """Return all that is ever due by the journal: to the doctor with all steps, to the nurse with the first one."""
    alias = Disclosing(settings).alias
    by_alert = defaultdict(list)
    for event in events:
        if event["kind"] in ("measured", "predicted", "attention") and event["event"] in ENDS:
            by_alert[event["alert_id"]].append(event)
    doctor, nurse = [], []
    for alert_id, told in by_alert.items():
        for raised_at, known_at in {at: noted_at(it) for it in told if (at := raised_at_of(it))}.items():
            end = min((noted_at(it) for it in told if is_end(it, raised_at, known_at)), default=FOR_EVER)
            for step, rule in enumerate(CHAIN):
                for repeat in range(1 + rule.get("reminders", 0)):
                    minutes = rule["after_minutes"] + repeat * rule.get("remind_every_minutes", 0)
                    at = raised_at + timedelta(minutes=minutes)
                    due = Due((alias(alert_id), stamp(raised_at), step, repeat), at, known_at, end)
                    doctor.append(due)
                    nurse += [due] if "nurse" in rule["tell"] else []
    return doctor, nurse


def is_end(event: dict[str, Any], raised_at: datetime, known_at: datetime) -> bool:
    """Tell whether a raise, noted at `known_at`, is over by an event: one noted after it, or with it and then later.

    A raise bears the time at which its prediction was made: one that was noted before it is none that ends it.
    """
    of_raise = raised_at_of(event)
    return of_raise != raised_at and (noted_at(event), of_raise or FOR_EVER) > (known_at, raised_at)


def raised_at_of(event: dict[str, Any]) -> datetime | None:
    """Return when an alert was raised; None for an event that says anything else."""
    return datetime.fromisoformat(event["@timestamp"]) if event["event"] == Event.RAISED else None


def noted_at(event: dict[str, Any]) -> datetime:
    """Return when somebody noted an event: that an alert has ended bears the time of a reading, maybe long ago."""
    return datetime.fromisoformat(event.get("written_at") or event["@timestamp"])


def telling_of(alert: dict[str, Any]) -> Telling:
    """Return which telling an alert in a webhook is."""
    return alert["alert"], alert["raised_at"], alert["step"], alert["repeat"]


def stamp(at: datetime) -> str:
    """Return a time as messages write it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def must_and_may(
    due: list[Due], refused: tuple[datetime, datetime], until: datetime
) -> tuple[set[Telling], set[Telling]]:
    """Return what must have been told, and what may have been, beside what happened at the same moment.

    What is due while messages are refused, or until the next attempt after that, goes once they are taken again.
    """
    must, may = set(), set()
    taken_again = refused[1] + BACK_OFF
    for telling, at, known_at, end in due:
        begin = max(at, known_at)
        goes_at = taken_again if refused[0] - IN_LINE <= begin <= taken_again else begin
        if goes_at + IN_LINE < min(end, until):
            must.add(telling)
        if at - SLACK <= end:
            may.add(telling)
    return must, may


def test_a_day_of_a_ward_is_told_step_by_step_while_no_browser_is_open(services: Addresses, tmp_path: Path) -> None:
    with mail_server() as mails, hook() as hooks, ExitStack() as parts:
        settings = settings_of(services, tmp_path, mails, hooks)
        job = Job(settings)
        search, ended = Search(job.client, 30.0), threading.Event()
        delete_documents(job.client)
        put_templates(job.client)
        parts.enter_context(job.running())
        parts.enter_context(program(settings, "alerts"))
        history = ("--history", f"{HOURS}h", "--speed", str(SPEED))
        parts.enter_context(program(settings, "producer", "--patients", str(PATIENTS), *history))
        answering_ = threading.Thread(target=answer_half, args=(search, ended))
        answering_.start()
        time.sleep(REFUSED_FROM_S)
        hooks.status, mails.refusal, began = 503, "451 try later", datetime.now(UTC)
        before = len(hooks.taken)
        time.sleep(REFUSED_S)
        assert len(hooks.taken) == before
        hooks.status, mails.refusal, back = 200, "", datetime.now(UTC)
        time.sleep(DAY_S - REFUSED_FROM_S - REFUSED_S + 60)
        ended.set()
        answering_.join()
        until = datetime.now(UTC)
        time.sleep(30)
    refresh(job.client, ALERT_EVENTS)
    events = search.pages(ALERT_EVENTS, {"query": {"match_all": {}}, "sort": [{"_doc": "asc"}]}, 1_000_000)
    doctor, nurse = reckon(events, settings)
    must, may = must_and_may(doctor, (began, back), until)
    at_hook = [(telling_of(alert), it.at) for it in hooks.taken for alert in it.body["alerts"]]
    came = Counter(telling for telling, _ in at_hook)
    by_mail = Counter(mailed(mails))
    answered = Counter(it["event"] for it in events)
    print(f"\n{PATIENTS} patients, {HOURS} h at {SPEED}x: journal {dict(answered)}")
    print(f"webhook: {len(came)} tellings, {len(must)} had to come, {len(may)} may have; {len(mails.mails)} mails")
    assert {telling for telling, number in came.items() if number > 1} == set()
    assert must - set(came) == set()
    assert set(came) - may == set()
    until_of = {due.telling: due.until for due in doctor}
    late = [telling for telling, at in at_hook if at - STOPPED_WITHIN > until_of.get(telling, at)]
    assert late == []
    must_mail, _ = must_and_may(nurse, (began, back), until)
    assert {alias for alias, *_ in must_mail} <= set(by_mail)
    assert all(number <= len([due for due in nurse if due.telling[0] == alias]) for alias, number in by_mail.items())
    assert len(must) > PATIENTS / 20
    assert answered[Event.ACKNOWLEDGED] > PATIENTS / 50
    assert uncovered(search) == []


def uncovered(search: Search) -> list[tuple[str, datetime]]:
    """Return the readings in crisis, by patient and time, that no alert of a measured crisis covers."""
    body = {"query": {"match_all": {}}, "sort": [{"patient_id": "asc"}, {"@timestamp": "asc"}]}
    body["_source"] = ["patient_id", "@timestamp", "systolic", "diastolic", "status"]
    refresh(search.client, ALERTS)
    alerts = search.pages(ALERTS, {"query": term("kind", "measured"), "sort": [{"alert_id": "asc"}]}, 1_000_000)
    spans = defaultdict(list)
    for alert in alerts:
        end = datetime.fromisoformat(alert["ended_at"]) if "ended_at" in alert else FOR_EVER
        spans[alert["patient_id"]].append((datetime.fromisoformat(alert["started_at"]), end))
    crises = (
        (it["patient_id"], datetime.fromisoformat(it["@timestamp"]))
        for it in search.pages(all_months(OBSERVATIONS), body, 1_000_000)
        if is_crisis(it.get("systolic"), it.get("diastolic"))
    )
    return [(id_, at) for id_, at in crises if not any(start <= at <= end for start, end in spans[id_])]
