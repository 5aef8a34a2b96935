"""From readings to mails and webhooks, by the alert service as it runs: with a real mail server, receiver, and deaths.

What is expected is reckoned apart, of the alerts and what was answered (`tests.integration.notified.reckon`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts import __main__ as command
from alerts.channels.disclosing import Disclosing
from conf.retry import wait_until
from conf.settings import Settings
from conf.times import iso
from elastic.bulk import write
from elastic.client import Search, connect, refresh
from elastic.names import ALERT_EVENTS, ALERTS, ALL_INDICES, NOTIFICATIONS, OBSERVATIONS
from elastic.schema import put_templates
from embedded.services import Addresses
from tests.integration.notified import Document, Hook, Told, alert_service, hook, mailed, reckon, ways, write_rules
from tests.integration.pipeline import delete_documents
from tests.support.smtp_server import MailServer, mail_server
from tests.support.ward import reading, writing

pytestmark = pytest.mark.integration

SECOND = 1 / 60  # of the minutes that rules are written in
DUE_AT_ONCE = 1000
KILLS = 4
WITHIN_S = 5.0  # an answer stops everything
UNAVAILABLE = 503


class Ward:
    """A ward with readings, its rules, and the alert service over it."""

    def __init__(self, addresses: Addresses, folder: Path, mails: MailServer, hooks: Hook) -> None:
        self.mails, self.hooks, self._folder = mails, hooks, folder
        self.settings = Settings(
            elasticsearch_url=addresses.elasticsearch_url,
            local_dir=folder,
            alert_rules=folder / "alerts.yaml",
            **ways(mails),
        )
        self.client = connect(self.settings)
        self.alias = Disclosing(self.settings).alias

    def rule(self, *chain: dict[str, Any], **more: Any) -> None:
        """Write the usual rules with a chain for critical alerts."""
        recipients = {"nurse": {"mail": "nurse@hospital.example"}, "doctor": {"webhook": f"{self.hooks.url}/hook"}}
        route = {"levels": ["CRITICAL"], "kinds": ["measured", "predicted"], "chain": list(chain)}
        section = {"recipients": recipients, "routes": [route], "burst": 1000}
        write_rules(self.settings.alert_rules, section | more)

    def measure(self, patients: int) -> None:
        """Store a reading in crisis of each of so many patients."""
        now = datetime.now(UTC)
        readings = [reading(f"P-{number:04}", now, 204, 121) | {"ingested_at": iso(now)} for number in range(patients)]
        write(self.client, [writing(OBSERVATIONS, each) for each in readings])
        refresh(self.client, ALL_INDICES)

    def acknowledge(self, alert: Document) -> datetime:
        """Note that somebody acknowledges an alert, as the site does; return when."""
        now = datetime.now(UTC)
        said = {"event": "acknowledged", "number": 1, "by": "anne", "role": "clinician", "reason": "seen"}
        about = {name: alert[name] for name in ("alert_id", "patient_id", "kind", "started_at")}
        event = {"@timestamp": iso(now), "until": iso(now + timedelta(minutes=30)), **about, **said}
        self.client.index(index=ALERT_EVENTS, id=f"{alert['alert_id']}-1", document=event, refresh=True)
        return now

    def stored(self, index: str) -> list[Document]:
        """Return all documents of an index."""
        refresh(self.client, index)
        query = {"query": {"match_all": {}}, "sort": [{"_doc": "asc"}]}
        return Search(self.client, 30).pages(index, query, 100_000)

    @property
    def crises(self) -> list[Document]:
        """Return the alerts of measured crises."""
        return sorted(
            (it for it in self.stored(ALERTS) if it["kind"] == "measured"), key=lambda it: str(it["alert_id"])
        )

    def service(self) -> AbstractContextManager[None]:
        """Run the alert service."""
        return alert_service(self.settings)

    def by_alias(self, told: set[Told], name: str) -> Counter[tuple[str, int, int]]:
        """Return what is expected at one recipient, as a receiver sees it."""
        return Counter((self.alias(id_), step, repeat) for id_, _, step, repeat, to in told if to == name)


@pytest.fixture
def ward(services: Addresses, tmp_path: Path) -> Iterator[Ward]:
    with mail_server() as mails, hook() as hooks:
        made = Ward(services, tmp_path, mails, hooks)
        delete_documents(made.client)
        put_templates(made.client)
        yield made


def soon(is_so: Any, within_s: float = 90) -> None:
    assert wait_until(is_so, within_s, 0.05)


def test_every_crisis_is_told_once_at_each_step_and_no_longer_once_it_is_acknowledged(ward: Ward) -> None:
    """Fifty patients; the receiver is away for a while; ten are acknowledged between two steps."""
    chain = (
        {"after_minutes": 0, "tell": ["nurse", "doctor"]},
        {"after_minutes": 18 * SECOND, "tell": ["doctor"], "remind_every_minutes": 3 * SECOND, "reminders": 1},
    )
    ward.rule(*chain, group_minutes=0)
    ward.hooks.status, ward.mails.refusal = UNAVAILABLE, "451 try later"
    with ward.service():
        ward.measure(50)
        soon(lambda: len(ward.crises) == 50)
        crises = ward.crises
        time.sleep(3)
        assert (ward.hooks.taken, ward.mails.mails) == ([], [])
        ward.hooks.status, ward.mails.refusal = 200, ""
        soon(lambda: len(ward.hooks.told) >= 50 and len(mailed(ward.mails)) >= 50)
        answers = {each["alert_id"]: ward.acknowledge(each) for each in crises[:10]}
        expected = reckon(crises, chain, datetime.now(UTC) + timedelta(minutes=1), answers)
        soon(lambda: len(ward.hooks.told) >= len(ward.by_alias(expected, "doctor").keys()))
        time.sleep(2)
    assert Counter(ward.hooks.told) == ward.by_alias(expected, "doctor")
    assert Counter((alias, 0, 0) for alias in mailed(ward.mails)) == ward.by_alias(expected, "nurse")
    noted = Counter(
        (it["alert_id"], it["step"], it["repeat"], it["recipient"])
        for it in ward.stored(ALERT_EVENTS)
        if it["event"] == "notified"
    )
    assert noted == Counter((id_, step, repeat, name) for id_, _, step, repeat, name in expected)
    assert len(expected) == 2 * 50 + 2 * 40, "the machine was too slow to acknowledge in time"


def test_an_acknowledgement_stops_reminders_within_five_seconds(ward: Ward) -> None:
    ward.rule(
        {"after_minutes": 0, "tell": ["doctor"], "remind_every_minutes": SECOND, "reminders": 100}, group_minutes=0
    )
    with ward.service():
        ward.measure(2)
        soon(lambda: len(ward.crises) == 2)
        first, other = ward.crises
        soon(lambda: max(repeat for _, _, repeat in [("", 0, 0), *ward.hooks.told]) >= 2)
        ward.acknowledge(first)
        began_s = time.monotonic()
        soon(lambda: not next(it for it in ward.crises if it["alert_id"] == first["alert_id"])["is_unanswered"])
        time.sleep(max(0.0, began_s + WITHIN_S - time.monotonic()))
        told = len(ward.hooks.told)
        soon(lambda: len(ward.hooks.told) >= told + 4)
    assert {alias for alias, _, _ in ward.hooks.told[told:]} == {ward.alias(other["alert_id"])}


def test_a_mail_server_that_never_answers_delays_neither_alerts_nor_webhooks(ward: Ward) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        ward.settings = ward.settings.model_copy(update={"smtp_port": deaf.getsockname()[1]})
        ward.rule({"after_minutes": 0, "tell": ["nurse", "doctor"]})
        with ward.service():
            ward.measure(200)
            soon(lambda: len(ward.hooks.told) == 200)
            now = datetime.now(UTC)
            write(ward.client, [writing(OBSERVATIONS, reading("Q-1", now, 204, 121) | {"ingested_at": iso(now)})])
            refresh(ward.client, ALL_INDICES)
            soon(lambda: len(ward.hooks.told) == 201, WITHIN_S)
            assert {it["state"] for it in ward.stored(NOTIFICATIONS) if it["channel"] == "mail"} == {"due"}


def test_a_service_that_is_killed_while_a_thousand_messages_are_due_loses_none_and_doubles_carry_the_same_key(
    ward: Ward,
) -> None:
    ward.rule({"after_minutes": 0, "tell": ["doctor", "nurse"]})
    ward.measure(DUE_AT_ONCE)
    own_client = ward.settings.model_copy(update={"web_port": 1})  # a fork must not share connections
    context = multiprocessing.get_context("fork")
    for number in range(1, KILLS + 1):
        copy = context.Process(target=command.run, args=(own_client,), daemon=True)
        copy.start()
        share = DUE_AT_ONCE * number // (KILLS + 1)
        soon(lambda share=share: len(ward.hooks.taken) >= share, 60)
        assert copy.pid
        os.kill(copy.pid, signal.SIGKILL)
        copy.join()
        assert len(ward.hooks.taken) < DUE_AT_ONCE
    with ward.service():
        soon(lambda: len({alias for alias, _, _ in ward.hooks.told}) == DUE_AT_ONCE, 200)
        soon(lambda: len(set(mailed(ward.mails))) == DUE_AT_ONCE, 200)
        soon(lambda: {it["state"] for it in ward.stored(NOTIFICATIONS)} == {"sent"})
    keys = defaultdict(set)
    for _, key, body in ward.hooks.taken:
        keys[body["alerts"][0]["alert"]].add(key)
    assert {len(of_alert) for of_alert in keys.values()} == {1}
    assert len({key for of_alert in keys.values() for key in of_alert}) == DUE_AT_ONCE
    doubles = len(ward.hooks.taken) - DUE_AT_ONCE
    assert doubles <= KILLS * 8, "more were sent twice than were in flight"
    assert len(ward.stored(NOTIFICATIONS)) == 2 * DUE_AT_ONCE
