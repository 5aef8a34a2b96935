"""Silence, feed and system by the alert service on a real Elasticsearch: who is alerted, and what ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts import answering, patient_rules
from alerts.__main__ import run
from alerts.lease import LEASE_ID
from alerts.lookout import Lookout
from alerts.patient_rules import PatientRules
from alerts.rules import RULES_FILE, load_rules
from alerts.service import Service
from alerts.silence import Watch, load
from conf.settings import Settings
from elastic.bulk import Operation, write
from elastic.client import Search, connect
from elastic.names import (
    ALERT_EVENTS,
    ALERT_SERVICE,
    ALERTS,
    ALL_INDICES,
    LATEST,
    MODEL_MONITORING,
    OBSERVATIONS,
    fit_id,
    instant_id,
    monthly_index,
)
from elastic.schema import put_templates
from elastic.search import alerts as alert_search
from elastic.search import observations
from embedded.services import Addresses
from jobs.streaming.progress import Metrics
from tests.integration.pipeline import delete_documents
from tests.support.ward import prediction, reading

pytestmark = pytest.mark.integration

Document = dict[str, Any]
RULES = load_rules(RULES_FILE)
INTERVAL = timedelta(minutes=15)
NOW = datetime.now(UTC).replace(microsecond=0)
RETRACTED: dict[str, Any] = {"status": "entered-in-error"}
ANNE = answering.Person("anne", "clinician")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


class Ward:
    """A ward with the alert service over it, whose clock is the test's."""

    def __init__(self, search: Search, folder: Path) -> None:
        self.search = search
        self.settings = Settings(local_dir=folder)
        self.service = Service(search, RULES, Lookout(search, RULES, self.settings))
        self.kept: dict[str, Any] = {}

    def start(self, now: datetime) -> None:
        """Start the service anew, with what the one before has kept."""
        self.service = Service(self.search, RULES, Lookout(self.search, RULES, self.settings))
        self.service.start(self.kept.get("position"), now, self.kept.get("state"))
        self.turn(now)

    def turn(self, now: datetime) -> None:
        """Let it look until there is nothing more to be done at this time."""
        while self.service.turn(now):
            pass
        self.kept = msgspec.json.decode(msgspec.json.encode(self.service.kept))

    def store(self, *documents: Document) -> None:
        """Store observations, and make them searchable."""
        put(self.search, documents)

    def alerts(self, kind: str, *, is_open: bool = True) -> list[Document]:
        """Return the alerts of a kind in order of whom they are about."""
        query = {"bool": {"filter": [{"term": {"kind": kind}}, {"term": {"is_open": is_open}}]}}
        found = self.search.page(ALERTS, {"size": 5000, "query": query, "sort": ["part", "patient_id"]})
        return found.documents

    def silent(self) -> list[str]:
        return [document["patient_id"] for document in self.alerts("silence")]

    def events(self, alert_id: str) -> list[str]:
        query = {"term": {"alert_id": alert_id}}
        self.search.client.indices.refresh(index=ALERT_EVENTS)
        found = self.search.page(ALERT_EVENTS, {"size": 100, "query": query, "sort": ["@timestamp", "event"]})
        return [document["event"] for document in found.documents]


@pytest.fixture
def search(services: Addresses) -> Search:
    client = connect(Settings(elasticsearch_url=services.elasticsearch_url))
    delete_documents(client)
    put_templates(client)
    return Search(client)


@pytest.fixture
def ward(search: Search, tmp_path: Path) -> Ward:
    return Ward(search, tmp_path)


def stored(patient_id: str, taken_at: datetime, stored_at: datetime | None = None, **more: Any) -> Document:
    at = stored_at or taken_at + timedelta(seconds=2)
    return reading(patient_id, taken_at, 130, 80) | {"ingested_at": at.isoformat()} | more


def put(search: Search, documents: Iterable[Document]) -> None:
    """Store observations, and make them searchable."""
    operations = []
    for document in documents:
        taken_us = round(datetime.fromisoformat(document["@timestamp"]).timestamp() * 1_000_000)
        index, id_ = monthly_index(OBSERVATIONS, taken_us), instant_id(document["patient_id"], taken_us)
        operations.append(Operation("index", index, id_, msgspec.json.encode(document)))
    write(search.client, operations)
    search.client.indices.refresh(index=ALL_INDICES)


def usual_arrivals(until: datetime, every_s: float = 2) -> list[Document]:
    """Return readings of an hour that end then, one stored every so many seconds, each of another patient of a ward."""
    times = [until - timedelta(seconds=every_s * number) for number in range(int(3600 / every_s))]
    return [stored(f"w-{number % 450}", at - timedelta(seconds=1), at) for number, at in enumerate(times)]


# Reading what is stored


def test_everybodys_newest_standing_reading_is_loaded_in_pages(search: Search) -> None:
    ids = [f"p-{number:03d}" for number in range(25)]
    put(search, [stored(id_, ago(minutes=minutes)) for id_ in ids for minutes in (50, 35, 20)])
    put(search, [stored("p-007", ago(minutes=20), **RETRACTED), stored("old", ago(hours=2))])
    put(search, [stored("rate", ago(minutes=5)) | {"systolic": None, "diastolic": None}])
    pages = list(observations.newest_times(search, ago(hours=1), NOW, size=10))
    assert [len(page) for page in pages] == [10, 10, 5]
    newest = dict(pair for page in pages for pair in page.items())
    expected: dict[str, datetime] = dict.fromkeys(ids, ago(minutes=20))
    assert newest == expected | {"p-007": ago(minutes=35)}
    assert [len(page) for page in observations.newest_times(search, ago(hours=1), NOW, size=25)] == [25, 0]


def test_who_has_a_longer_limit_is_looked_for_further_back(search: Search) -> None:
    put(search, [stored("anna", ago(hours=20)), stored("bert", ago(hours=20)), stored("carl", ago(minutes=5))])
    watch = Watch(INTERVAL, RULES.silence)
    watch.rules([{"patient_id": "anna", "silence_minutes": 1440}])
    assert list(load(search, watch, ago(hours=1), NOW)) == [1, 1]
    assert watch.newest("anna") == ago(hours=20)
    assert watch.newest("bert") is None
    assert watch.newest("carl") == ago(minutes=5)


def test_without_any_index_nothing_is_loaded(search: Search) -> None:
    watch = Watch(INTERVAL, RULES.silence)
    assert list(load(search, watch, ago(hours=1), NOW)) == [0, 0]
    assert observations.arrivals(search, ago(hours=1)) == {}


def test_arrivals_are_counted_by_second(search: Search) -> None:
    put(search, [stored("anna", ago(hours=9), ago(seconds=8)), stored("bert", ago(minutes=1), ago(seconds=8))])
    put(search, [stored("carl", ago(minutes=1), ago(seconds=3))])
    assert observations.arrivals(search, ago(hours=1)) == {ago(seconds=8): 2, ago(seconds=3): 1}


# Silent patients


def test_a_thousand_silent_patients_are_all_alerted_once_each_and_nobody_else(ward: Ward) -> None:
    ids = [f"p-{number:04d}" for number in range(1000)]
    last = {id_: ago(seconds=number * 0.2) for number, id_ in enumerate(ids)}
    ward.store(*(stored(id_, at) for id_, at in last.items()))
    ward.start(NOW)
    assert ward.silent() == []
    told: dict[str, datetime] = {}
    for step in range(26 * 60, 31 * 60, 25):
        now = later(seconds=step)
        ward.store(*(stored(f"other-{number}", now, now) for number in range(3)))  # the feed goes on
        ward.turn(now)
        for id_ in ward.silent():
            told.setdefault(id_, now)
    assert sorted(told) == ids
    late = [(told[id_] - at - 2 * INTERVAL).total_seconds() for id_, at in last.items()]
    assert min(late) >= 0
    assert max(late) <= 60
    assert all(
        datetime.fromisoformat(alert["worst"]["at"]) == last[alert["patient_id"]] for alert in ward.alerts("silence")
    )
    assert {alert["level"] for alert in ward.alerts("silence")} == {"STALE"}


def test_a_new_reading_resolves_it_and_the_next_silence_is_another_alert(ward: Ward) -> None:
    ward.store(stored("anna", ago(minutes=40)))
    ward.start(NOW)
    (first,) = ward.alerts("silence")
    ward.store(stored("anna", later(minutes=1)))
    ward.turn(later(minutes=2))
    assert ward.silent() == []
    (resolved,) = ward.alerts("silence", is_open=False)
    assert (resolved["alert_id"], resolved["state"]) == (first["alert_id"], "resolved")
    assert ward.events(first["alert_id"]) == ["raised", "resolved"]
    ward.turn(later(minutes=31))
    (second,) = ward.alerts("silence")
    assert second["alert_id"] != first["alert_id"]
    assert datetime.fromisoformat(second["started_at"]) == later(minutes=31)


def test_a_retraction_of_the_newest_reading_moves_the_beginning_of_silence(ward: Ward) -> None:
    ward.store(stored("anna", ago(minutes=50)), stored("anna", ago(minutes=40)))
    ward.start(NOW)
    ward.store(stored("anna", ago(minutes=40), **RETRACTED))
    ward.turn(later(seconds=1))
    ward.turn(later(seconds=7))
    (withdrawn,) = ward.alerts("silence", is_open=False)
    assert (withdrawn["state"], withdrawn["why"]) == ("withdrawn", "changed")
    (now_open,) = ward.alerts("silence")
    assert datetime.fromisoformat(now_open["worst"]["at"]) == ago(minutes=50)


def test_the_end_of_surveillance_withdraws_it_and_a_new_reading_brings_it_back(ward: Ward) -> None:
    ward.store(stored("anna", ago(minutes=40)))
    ward.start(NOW)
    patient_rules.end_surveillance(ward.search, "anna", ANNE, later(seconds=10), "discharged")
    ward.turn(later(seconds=20))
    (withdrawn,) = ward.alerts("silence", is_open=False)
    assert (withdrawn["state"], withdrawn["why"]) == ("withdrawn", "ended")
    ward.start(later(minutes=5))
    assert ward.silent() == []
    ward.store(stored("anna", later(minutes=6)))
    ward.turn(later(minutes=6))
    ward.turn(later(minutes=36))
    assert ward.silent() == ["anna"]


def test_a_longer_silence_that_is_set_withdraws_it_and_holds_after_a_restart(ward: Ward) -> None:
    ward.store(stored("anna", ago(minutes=40)), stored("bert", ago(minutes=1)))
    ward.start(NOW)
    wanted = PatientRules(patient_id="anna", silence_minutes=240)
    patient_rules.set_limits(ward.search, wanted, ANNE, later(seconds=10), "asleep")
    ward.turn(later(seconds=20))
    assert ward.silent() == []
    ward.start(later(minutes=180))
    assert "anna" not in ward.silent()
    ward.turn(later(minutes=201))
    assert "anna" in ward.silent()


def test_an_answer_silences_it_and_it_reminds(ward: Ward) -> None:
    ward.store(stored("anna", ago(minutes=40)))
    ward.start(NOW)
    (alert,) = ward.alerts("silence")
    answer(ward, alert, later(minutes=1), minutes=15)
    ward.turn(later(minutes=1, seconds=1))
    (answered,) = ward.alerts("silence")
    assert (answered["state"], answered["answer"]["by"], answered["number"]) == ("acknowledged", "anne", 1)
    ward.turn(later(minutes=17))
    (reminded,) = ward.alerts("silence")
    assert reminded["state"] == "reminded"
    assert ward.events(alert["alert_id"]) == ["raised", "acknowledged", "reminded"]


def answer(ward: Ward, alert: Document, at: datetime, minutes: float) -> None:
    subject: Document = {name: alert[name] for name in ("patient_id", "part") if name in alert}
    event: Document = {
        "@timestamp": at.isoformat(),
        "event": "acknowledged",
        "alert_id": alert["alert_id"],
        "number": alert.get("number", 0) + 1,
        "kind": alert["kind"],
        "started_at": alert["started_at"],
        "by": "anne",
        "role": "clinician",
        "reason": "seen",
        "until": (at + timedelta(minutes=minutes)).isoformat(),
        **subject,
    }
    ward.search.client.index(index=ALERT_EVENTS, document=event, refresh=True)


def test_an_erased_patient_is_not_brought_back_by_an_alert(ward: Ward) -> None:
    ward.store(stored("anna", ago(minutes=10)), stored("bert", ago(minutes=10)))
    ward.start(NOW)
    taken_us = round(ago(minutes=10).timestamp() * 1_000_000)
    index, id_ = monthly_index(OBSERVATIONS, taken_us), instant_id("anna", taken_us)
    ward.search.client.delete(index=index, id=id_, refresh=True)
    ward.turn(later(minutes=21))
    assert ward.silent() == ["bert"]


def test_a_service_that_dies_at_any_moment_alerts_the_same_patients_once(ward: Ward) -> None:
    ids = [f"p-{number}" for number in range(40)]
    ward.store(*(stored(id_, ago(minutes=number / 4)) for number, id_ in enumerate(ids)))
    ward.start(NOW)
    for minute in range(15, 40, 2):
        now = later(minutes=minute)
        ward.store(stored("other", now, now))
        kept = ward.kept
        ward.turn(now)
        if minute % 3:
            ward.kept = kept  # what it did last it had no time to keep
        ward.start(now)
    assert ward.silent() == sorted(ids)
    assert ward.alerts("silence", is_open=False) == []


# The feed


def test_a_stopped_feed_is_one_alert_within_a_minute_and_no_patient_is_silent(ward: Ward) -> None:
    ward.store(*usual_arrivals(NOW))
    ward.start(NOW)
    told = None
    for second in (*range(0, 70, 10), *range(600, 3700, 600)):
        ward.turn(later(seconds=second))
        if told is None and ward.alerts("feed"):
            told = second
    assert told is not None
    assert 30 <= told <= 60
    (alert,) = ward.alerts("feed")
    assert (alert["part"], alert["level"], alert["escalated"]) == ("ward", "CRITICAL", True)
    assert datetime.fromisoformat(alert["worst"]["at"]) == NOW
    assert ward.silent() == []
    assert alert_search.without_patient(ward.search) == [alert]


def test_a_canary_keeps_no_stopped_feed_alive(ward: Ward) -> None:
    ward.store(*usual_arrivals(NOW), *(stored("canary-1", ago(minutes=m)) for m in range(1, 120)))
    ward.start(NOW)
    for second in (20, 40, 60):
        ward.store(stored("canary-1", later(seconds=second - 2)))
        ward.turn(later(seconds=second))
    assert len(ward.alerts("feed")) == 1
    ward.store(stored("p-1", later(minutes=2)))
    ward.turn(later(minutes=2, seconds=5))
    assert len(ward.alerts("feed", is_open=False)) == 1


def test_a_canary_is_never_silent(ward: Ward) -> None:
    ward.store(*usual_arrivals(NOW), *(stored(id_, ago(minutes=50)) for id_ in ("p-1", "canary-1")))
    ward.start(NOW)
    assert ward.silent() == ["p-1"]


def test_when_the_feed_returns_patients_are_judged_from_then_on(ward: Ward) -> None:
    ids = [f"p-{number:02d}" for number in range(50)]
    ward.store(*usual_arrivals(NOW, every_s=120), *(stored(id_, ago(minutes=1)) for id_ in ids))
    ward.start(NOW)
    before = ward.silent()
    ward.turn(later(minutes=25))
    assert len(ward.alerts("feed")) == 1
    ward.start(later(minutes=50))
    returned_at = later(minutes=60)
    ward.store(*(stored(id_, returned_at, returned_at) for id_ in ids[:40]))
    ward.turn(returned_at)
    assert ward.alerts("feed") == []
    (ended,) = ward.alerts("feed", is_open=False)
    assert (ended["state"], datetime.fromisoformat(ended["ended_at"])) == ("resolved", returned_at)
    for minute in (10, 20, 29):
        now = returned_at + timedelta(minutes=minute)
        ward.store(*(stored(id_, now, now) for id_ in ids[:40]))
        ward.start(now)
        assert ward.silent() == before
    ward.start(returned_at + timedelta(minutes=30))
    assert set(ward.silent()) - set(before) >= set(ids[40:])
    assert not set(ward.silent()) & set(ids[:40])
    began = {alert["started_at"] for alert in ward.alerts("silence") if alert["patient_id"] in ids}
    assert {datetime.fromisoformat(at) for at in began} == {returned_at + timedelta(minutes=30)}


def test_a_stopped_feed_is_answered_and_stays_one_alert_after_a_restart(ward: Ward) -> None:
    ward.store(*usual_arrivals(NOW))
    ward.start(NOW)
    ward.turn(later(seconds=40))
    (alert,) = ward.alerts("feed")
    answer(ward, alert, later(seconds=50), minutes=30)
    ward.turn(later(seconds=51))
    assert [found["state"] for found in ward.alerts("feed")] == ["acknowledged"]
    ward.kept = {}
    ward.start(later(minutes=10))
    assert [(found["alert_id"], found["state"]) for found in ward.alerts("feed")] == [
        (alert["alert_id"], "acknowledged")
    ]


def test_a_ward_that_was_emptied_is_no_stopped_feed(ward: Ward) -> None:
    ward.store(*(stored("anna", ago(seconds=20 * number)) for number in range(100)))
    ward.start(NOW)
    patient_rules.end_surveillance(ward.search, "anna", ANNE, later(seconds=10), "discharged")
    for minute in range(1, 60, 7):
        ward.turn(later(minutes=minute))
    assert ward.alerts("feed") == ward.alerts("feed", is_open=False) == ward.alerts("silence") == []


# The system


def test_a_stream_that_dies_is_an_alert_for_each_of_its_queries_until_it_is_back(ward: Ward) -> None:
    metrics = Metrics(ward.settings.local_dir / "metrics.json", NOW, None)
    ward.start(later(seconds=170))
    assert ward.alerts("system") == []
    ward.turn(later(seconds=181))
    assert [alert["part"] for alert in ward.alerts("system")] == ["stream-ingest", "stream-score"]
    metrics.see("ingest", later(seconds=195))
    ward.turn(later(seconds=196))
    assert [alert["part"] for alert in ward.alerts("system")] == ["stream-score"]
    ward.start(later(seconds=230))
    assert [alert["part"] for alert in ward.alerts("system")] == ["stream-score"]
    metrics.see("score", later(seconds=240))
    ward.turn(later(seconds=241))
    assert ward.alerts("system") == []
    assert [alert["state"] for alert in ward.alerts("system", is_open=False)] == ["resolved", "resolved"]


def test_a_stored_reading_is_a_sign_of_a_stream_that_runs_elsewhere(ward: Ward) -> None:
    Metrics(ward.settings.local_dir / "metrics.json", ago(days=3), None)
    ward.store(stored("anna", ago(seconds=20)))
    ward.start(NOW)
    assert [alert["part"] for alert in ward.alerts("system")] == ["stream-score"]


def scored(ward: Ward, of: Document, scored_at: datetime) -> None:
    document = prediction(of, 0.1) | {"scored_at": scored_at.isoformat()}
    ward.search.client.index(index=LATEST, id=fit_id(of["patient_id"]), document=document, refresh=True)


def test_predictions_that_stay_behind_readings_are_an_alert_of_the_scoring(ward: Ward) -> None:
    first, second = stored("anna", ago(minutes=20)), stored("anna", ago(minutes=4))
    ward.store(first, second)
    scored(ward, first, ago(minutes=19))
    ward.start(NOW)
    (alert,) = ward.alerts("system")
    assert alert["part"] == "stream-score"
    assert datetime.fromisoformat(alert["worst"]["at"]) == ago(minutes=4) + timedelta(seconds=2)
    scored(ward, second, NOW)
    ward.turn(later(seconds=11))
    assert ward.alerts("system") == []


@pytest.mark.parametrize(("readings", "parts"), [(9, []), (10, ["stream-score"])])
def test_a_patient_with_too_few_readings_waits_for_no_prediction(ward: Ward, readings: int, parts: list[str]) -> None:
    ward.store(*(stored("anna", ago(minutes=4 + number)) for number in range(readings)))
    ward.start(NOW)
    assert [alert["part"] for alert in ward.alerts("system")] == parts


def test_a_reading_older_than_what_was_scored_waits_for_nothing(ward: Ward) -> None:
    newest = stored("anna", ago(minutes=20))
    ward.store(newest, stored("anna", ago(minutes=50), ago(minutes=5)))
    scored(ward, newest, ago(minutes=19))
    ward.start(NOW)
    assert ward.alerts("system") == []


def test_a_monitor_that_has_not_judged_for_two_days_is_a_high_alert_where_there_ever_was_one(ward: Ward) -> None:
    ward.start(NOW)
    assert ward.alerts("system") == []
    judged = {"@timestamp": ago(days=3).isoformat(), "kind": "quality", "judged_at": ago(days=2).isoformat()}
    ward.search.client.index(index=MODEL_MONITORING, document=judged, refresh=True)
    ward.turn(later(seconds=10))
    assert [(alert["part"], alert["level"]) for alert in ward.alerts("system")] == [("monitor", "HIGH")]


def test_the_command_keeps_them_and_what_it_goes_on_from(ward: Ward, services: Addresses) -> None:
    ward.store(*(stored("anna", datetime.now(UTC) - timedelta(minutes=minutes)) for minutes in (55, 40, 36)))
    settings = ward.settings.model_copy(update={"elasticsearch_url": services.elasticsearch_url})
    for _ in range(2):
        run(settings, once=True, stopping=threading.Event())
        assert ward.silent() == ["anna"]
    state = (ward.search.get(ALERT_SERVICE, LEASE_ID) or {})["state"]
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(state["at"]) < timedelta(minutes=2)
    assert datetime.fromisoformat(state["feed"]["last_at"]) > ago(minutes=40)


def test_a_turn_with_nothing_new_costs_little(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    ward.store(*usual_arrivals(NOW))
    ward.start(NOW)
    began, turns = time.process_time(), 60
    for turn in range(turns):
        ward.service.turn(later(seconds=turn / 2))
    share = (time.process_time() - began) / (turns / 2)
    with capsys.disabled():
        print(f"\na turn of the whole service every half second: {share:.1%} of a core")
    assert share < 0.1
