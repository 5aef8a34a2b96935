"""The alert service on a real Elasticsearch: what is stored becomes alerts, whatever comes when, and whoever dies.

Alerts of what does not come are in test_silence.py.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts import __main__ as command
from alerts.documents import Document
from alerts.events import Event
from alerts.lease import Lease
from alerts.lookout import KINDS, Lookout
from alerts.rules import load_rules
from alerts.service import Service
from conf.settings import Settings
from conf.times import iso
from elastic.bulk import Operation, write
from elastic.client import Search, connect
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    ALL_INDICES,
    LATEST,
    OBSERVATIONS,
    PREDICTIONS,
    REJECTED,
)
from elastic.schema import put_templates
from embedded.services import Addresses
from tests.integration.pipeline import delete_documents
from tests.support.ward import prediction, reading, refusal, writing

pytestmark = pytest.mark.integration

INTERVAL = timedelta(minutes=15)
KILLS = 50
OF_WRITING = ("written_at",)


class Store:
    """Elasticsearch as the stream fills it, and one copy of the service that reads it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = connect(settings)
        self.search = Search(self.client, 30)
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.pending: list[Operation] = []
        self.service = self.start()

    def start(self, position: Any = None) -> Service:
        """Start a copy, at a position or for the first time."""
        self.flush()
        rules = load_rules()
        service = Service(self.search, rules, Lookout(self.search, rules, self.settings))
        service.start(position, self.now)
        return service

    def measure(
        self, patient_id: str, minutes_ago: float, systolic: float, diastolic: float = 82, **more: Any
    ) -> Document:
        """Store a reading; `came` is how many minutes ago it came, unless it came at once."""
        at = self.now - timedelta(minutes=minutes_ago)
        came = more.pop("came", minutes_ago)
        document = reading(patient_id, at, systolic, diastolic) | more
        document["ingested_at"] = iso(self.now - timedelta(minutes=came))
        return self._put(document, OBSERVATIONS)

    def score(self, of: Document, risk: float) -> Document:
        """Store the prediction of a reading."""
        return self._put(prediction(of, risk), PREDICTIONS, LATEST)

    def answer(self, alert: Document, number: int = 1, **more: Any) -> None:
        """Note what somebody says of an alert, now."""
        event = {
            "@timestamp": iso(self.now),
            "event": Event.ACKNOWLEDGED,
            "number": number,
            "by": "anne",
            "role": "clinician",
            "reason": "seen",
            "until": iso(self.now + timedelta(minutes=30)),
        }
        about = {name: alert[name] for name in ("alert_id", "patient_id", "kind", "started_at")}
        self.client.index(index=ALERT_EVENTS, id=f"{alert['alert_id']}-{number}", document=about | event | more)

    def turn(self, minutes: float = 0.0) -> None:
        """Let the service do what there is to do, some minutes later."""
        self.now += timedelta(minutes=minutes)
        self.flush()
        while self.service.turn(self.now) or self.service.is_behind:
            pass

    def flush(self) -> None:
        """Write what is pending, and make all that is written searchable."""
        write(self.client, self.pending)
        self.pending.clear()
        self.client.indices.refresh(index=ALL_INDICES)

    def alerts(self, patient_id: str | None = None) -> list[Document]:
        """Return the alerts of a patient, or of all, oldest first."""
        asked = {"term": {"patient_id": patient_id}} if patient_id else {"match_all": {}}
        query = {"bool": {"filter": asked, "must_not": {"terms": {"kind": sorted(KINDS)}}}}
        found = self.client.search(index=ALERTS, query=query, size=10_000, sort=["started_at", "alert_id"])
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def journal(self) -> list[tuple[str, str, str]]:
        """Return what happened to which alert, and when, in order."""
        self.client.indices.refresh(index=ALERT_EVENTS)
        others = {"bool": {"must_not": {"terms": {"kind": sorted(KINDS)}}}}
        found = self.client.search(index=ALERT_EVENTS, query=others, size=10_000)["hits"]["hits"]
        return sorted(
            (hit["_source"]["@timestamp"], hit["_source"]["event"], hit["_source"]["alert_id"]) for hit in found
        )

    def _put(self, document: Document, *families: str) -> Document:
        self.pending += [writing(family, document) for family in families]
        return document


@pytest.fixture
def store(services: Addresses, tmp_path: Path) -> Store:
    settings = Settings(elasticsearch_url=services.elasticsearch_url, local_dir=tmp_path)
    delete_documents(connect(settings))
    put_templates(connect(settings))
    return Store(settings)


def only(alerts: list[Document]) -> Document:
    (alert,) = alerts
    return alert


def test_a_reading_in_crisis_is_an_alert_in_the_next_turn_with_its_values_and_its_entry_in_the_journal(
    store: Store,
) -> None:
    store.measure("P-1", 16, 124)
    store.measure("P-1", 1, 204, 128)
    store.turn()
    alert = only(store.alerts("P-1"))
    assert (alert["kind"], alert["state"], alert["level"]) == ("measured", "raised", "CRITICAL")
    assert (alert["worst"]["systolic"], alert["worst"]["diastolic"]) == (204, 128)
    assert [event for _, event, _ in store.journal()] == ["raised"]


def test_one_normal_reading_takes_no_crisis_off_the_board_nor_do_two(store: Store) -> None:
    store.measure("P-1", 40, 208, 126)
    store.turn()
    for minutes_ago, state in ((25, "raised"), (10, "latched")):
        store.measure("P-1", minutes_ago, 122)
        store.turn()
        alert = only(store.alerts("P-1"))
        assert (alert["state"], alert["is_open"], alert["is_unanswered"]) == (state, True, True)
        assert alert["escalated"]


def test_the_worst_of_three_readings_that_come_together_raises(store: Store) -> None:
    for minutes_ago, systolic in ((3, 206), (2, 178), (1, 164)):
        last = store.measure("P-1", minutes_ago, systolic, came=0)
    store.score(last, 0.45)
    store.turn()
    assert {alert["kind"]: alert["state"] for alert in store.alerts("P-1")} == {
        "measured": "latched",
        "predicted": "raised",
    }


def test_a_crisis_that_comes_late_is_raised_and_may_wait_for_an_answer_from_when_it_came(store: Store) -> None:
    for minutes_ago in (90, 75, 60, 45, 30, 15):
        store.measure("P-1", minutes_ago, 124)
    store.turn()
    store.measure("P-1", 97, 214, 132, came=0)
    store.turn()
    alert = only(store.alerts("P-1"))
    assert (alert["state"], alert["escalated"]) == ("latched", False)
    store.turn(minutes=5)
    assert only(store.alerts("P-1"))["escalated"]


def test_a_reading_of_the_future_hides_no_crisis_of_now_and_one_in_crisis_asks_for_attention_until_its_time(
    store: Store,
) -> None:
    store.measure("P-1", -4.5, 124, came=0)
    store.measure("P-1", 0, 204, 128)
    store.measure("P-2", -4.5, 204, 128, came=0)
    store.turn()
    assert only(store.alerts("P-1"))["kind"] == "measured"
    assert only(store.alerts("P-2"))["kind"] == "attention"
    store.turn(minutes=5)
    assert [(alert["kind"], alert["state"]) for alert in store.alerts("P-2") if alert["is_open"]] == [
        ("measured", "raised")
    ]


def test_a_crisis_that_is_retracted_or_corrected_ends_as_withdrawn_with_the_reason(store: Store) -> None:
    taken_back = store.measure("P-1", 5, 222, 136)
    wrong = store.measure("P-2", 5, 218, 130)
    store.score(taken_back, 0.7)
    store.turn()
    assert len(store.alerts("P-1")) == 2
    store.measure("P-1", 5, 222, 136, status="entered-in-error")
    store.measure("P-2", 5, 128, 80, observation_id=wrong["observation_id"])
    store.turn()
    ended = [*store.alerts("P-1"), *store.alerts("P-2")]
    assert {(alert["state"], alert["why"]) for alert in ended} == {("withdrawn", "changed")}
    store.measure("P-1", 5, 222, 136)
    store.turn()
    assert {alert["state"] for alert in store.alerts("P-1")} == {"raised"}


def test_a_prediction_that_is_searchable_before_its_reading_alerts_at_once(store: Store) -> None:
    unseen = reading("P-1", store.now, 165, 99)
    store.score(unseen, 0.63)
    store.turn()
    alert = only(store.alerts("P-1"))
    assert (alert["kind"], alert["level"], alert["worst"]["risk_6h"]) == ("predicted", "CRITICAL", 0.63)
    store.measure("P-1", 0, 165, 99)
    store.turn()
    assert only(store.alerts("P-1"))["alert_id"] == alert["alert_id"]


def test_a_message_that_sounds_like_a_crisis_asks_for_attention_until_somebody_answers(store: Store) -> None:
    store.client.index(index=REJECTED, document=refusal("P-1", store.now, "systolic > 250 mmHg"))
    store.turn()
    alert = only(store.alerts("P-1"))
    assert (alert["kind"], alert["state"], alert["refusals"][0]["words"]) == (
        "attention",
        "raised",
        "systolic > 250 mmHg",
    )
    store.answer(alert, seen_until=alert["met_at"])
    store.turn()
    assert only(store.alerts("P-1"))["state"] == "resolved"


def test_an_answer_a_take_over_and_an_undoing_are_in_the_alert_after_a_turn(store: Store) -> None:
    store.measure("P-1", 1, 204, 128)
    store.turn()
    alert = only(store.alerts("P-1"))
    store.answer(alert)
    store.turn()
    answered = only(store.alerts("P-1"))
    assert (answered["state"], answered["answer"]["by"], answered["number"]) == ("acknowledged", "anne", 1)
    store.answer(alert, 2, event=Event.OWNED)
    store.turn()
    assert (only(store.alerts("P-1"))["owner"], only(store.alerts("P-1"))["number"]) == ("anne", 2)
    store.answer(alert, 3, event=Event.UNDONE, undone=1)
    store.turn()
    undone = only(store.alerts("P-1"))
    assert (undone["state"], undone["number"]) == ("raised", 3)
    assert "answer" not in undone


def test_a_copy_that_goes_on_from_a_position_sees_what_came_meanwhile_and_nothing_twice(store: Store) -> None:
    store.measure("P-1", 30, 200)
    store.turn()
    position = msgspec.json.decode(msgspec.json.encode(store.service.position))
    before = store.alerts("P-1")
    store.measure("P-2", 10, 201)
    store.service = store.start(position)
    store.turn()
    assert store.alerts("P-1") == before
    assert only(store.alerts("P-2"))["state"] == "raised"


def test_the_first_start_finds_the_crises_of_three_days_and_the_newest_predictions(store: Store) -> None:
    store.measure("P-1", 60 * 70, 210)
    store.measure("P-2", 60 * 74, 210)
    store.score(store.measure("P-3", 5, 160), 0.5)
    store.service = store.start()
    store.turn()
    assert [(alert["patient_id"], alert["kind"]) for alert in store.alerts()] == [
        ("P-1", "measured"),
        ("P-3", "predicted"),
    ]


def test_two_copies_that_write_at_once_end_in_the_same_alerts_as_one(store: Store) -> None:
    other = store.start()
    for minutes_ago in range(40, 0, -4):
        for patient in range(8):
            store.measure(f"P-{patient}", minutes_ago, 190 if (minutes_ago // 4 + patient) % 3 else 120)
        store.flush()
        turns = [threading.Thread(target=service.turn, args=(store.now,)) for service in (store.service, other)]
        for turn in turns:
            turn.start()
        for turn in turns:
            turn.join()
    store.turn()
    kept = [_told(alert) for alert in store.alerts()]
    store.client.indices.delete(index=ALERTS)
    store.service = store.start()
    store.turn()
    assert kept == [_told(alert) for alert in store.alerts()]


def _told(alert: Document) -> Document:
    return {name: repr(value) for name, value in alert.items() if name not in OF_WRITING}


def test_only_one_copy_holds_the_lease_and_another_one_takes_over_when_it_has_run_out(store: Store) -> None:
    length = timedelta(seconds=2)
    first, second = (Lease(store.search, name, length) for name in ("first", "second"))
    assert first.take(store.now)
    assert not second.take(store.now)
    assert first.renew(store.now, {"position": {"a": 1}})
    assert second.take(store.now + length)
    assert second.kept["position"] == {"a": 1}
    assert not first.renew(store.now + length, {"position": {}})
    assert not first.is_held


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "WAIT_S", 0.05)
    monkeypatch.setattr(command, "EVERY_S", 0.02)
    monkeypatch.setattr(command, "LEASE", timedelta(seconds=0.4))


@pytest.mark.usefixtures("short_lease")
def test_a_service_that_is_killed_fifty_times_under_load_ends_in_the_same_alerts_and_journal(store: Store) -> None:
    """Beside an undisturbed run over the same readings, stored step by step."""
    begin = store.now - timedelta(hours=30)

    def tell(step: int) -> None:
        chance = random.Random(step)  # noqa: S311 - the same ward each time
        for patient in range(6):
            minutes_ago = (store.now - begin) / timedelta(minutes=1) - step * 15 - patient / 10
            told = store.measure(f"P-{patient}", minutes_ago, chance.choice([120, 130, 182, 215]))
            store.score(told, chance.choice([0.05, 0.7]))
        store.flush()

    for step in range(KILLS):
        tell(step)
        store.turn()
    undisturbed, journal = [_told(alert) for alert in store.alerts()], store.journal()
    assert (len(undisturbed), len(journal) > 100) == (12, True)  # both kinds of six patients
    delete_documents(store.client)
    put_templates(store.client)
    own_client = store.settings.model_copy(update={"web_port": 1})  # a fork must not share connections
    command.run(store.settings, once=True)  # the first start, which begins with the newest predictions, is over
    context = multiprocessing.get_context("fork")
    chance = random.Random(0)  # noqa: S311
    for step in range(KILLS):
        copy = context.Process(target=command.run, args=(own_client,), daemon=True)
        copy.start()
        tell(step)
        time.sleep(chance.uniform(0.2, 0.8))
        assert copy.pid
        os.kill(copy.pid, signal.SIGKILL)
        copy.join()
    time.sleep(0.5)
    command.run(store.settings, once=True)
    kept = {alert["alert_id"]: _told(alert) for alert in store.alerts()}
    assert kept.keys() == {alert["alert_id"].strip("'") for alert in undisturbed}
    assert [
        field for alert in undisturbed for field in alert.items() - kept[alert["alert_id"].strip("'")].items()
    ] == []
    assert set(store.journal()) ^ set(journal) == set()
