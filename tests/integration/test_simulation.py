"""The burden simulator on a real Elasticsearch: for today's rules it says what the alert service has done."""

from __future__ import annotations

import json
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts import simulate as command
from alerts.__main__ import run
from alerts.answering import Person
from alerts.model import AlertKind
from alerts.rule_versions import save
from alerts.rules import load_rules
from alerts.simulation.running import FEW, simulate
from conf.retry import wait_until
from conf.times import iso
from elastic import columns
from elastic.names import ALERT_SERVICE, ALERTS, OBSERVATIONS
from elastic.schema import create_standing_indices
from fhir.readings import CONFLICTING_VALUES, RETRACTED_STATUS
from tests.integration.test_alert_service import INTERVAL, Store, store
from tests.support.ward import writing

__all__ = ["store"]

pytestmark = pytest.mark.integration

PATIENTS = 14
TURNS = 110
MOMENT = timedelta(seconds=10)
RETRACTED = {"status": RETRACTED_STATUS}
TAKEN_OVER_S = 15.0
SIMULATED = ("measured", "limit", "low", "predicted", "silence")


class Days:
    """A day of a small ward, turn by turn with everything that happens there, and the service that follows it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.chance = random.Random(14)  # noqa: S311 - the same day each time
        self.pressures = {f"P-{number}": 118.0 + 6 * number for number in range(PATIENTS)}
        self.crises: list[dict[str, Any]] = []

    def pass_by(self) -> None:
        """Let all turns pass."""
        for turn in range(TURNS):
            if turn not in range(60, 64):  # the whole feed is away for an hour
                for patient_id in self.pressures:
                    self._measure(patient_id, turn)
            self._correct()
            if turn % 3 == 0:
                self._answer()
            self.store.turn()
            self.store.turn((INTERVAL - MOMENT) / timedelta(minutes=1))  # the service looks all the time
            self.store.now += MOMENT
        self.store.turn()

    def _measure(self, patient_id: str, turn: int) -> None:
        """Store a reading and its prediction, most of them in time; some patients are silent for a while."""
        self.pressures[patient_id] += self.chance.gauss(0, 7) - 0.06 * (self.pressures[patient_id] - 150)
        if (turn // 12 + len(patient_id) * int(patient_id[2:])) % 5 == 0 and self.chance.random() < 0.5:
            return
        late = self.chance.choice([0, 0, 0, 0, 0, 0, 0, 22, 47, 130])
        measured = round(self.pressures[patient_id], 1)
        told = self.store.measure(patient_id, late + self.chance.choice([0, 0, 0.25]) * (late > 0), measured, came=0)
        if self.chance.random() < 0.9:
            self.store.score(told, round(min(0.99, max(0.01, (measured - 120) / 80 + self.chance.gauss(0, 0.04))), 6))
        if measured >= 180:
            self.crises.append(told)

    def _correct(self) -> None:
        """Take a crisis back, give it another value of the other arm, or leave it."""
        if not self.crises:
            return
        told = self.crises.pop()
        if self.chance.random() < 0.2:
            self.store.pending.append(writing(OBSERVATIONS, told | RETRACTED | {"withdrawn_at": iso(self.store.now)}))
        elif self.chance.random() < 0.3:
            other = {"observation_id": "other arm", "systolic": told["systolic"], "diastolic": told["diastolic"]}
            quiet = {"systolic": 140.0, "diastolic": 85.0, "flags": [CONFLICTING_VALUES], "merged": [other]}
            self.store.pending.append(writing(OBSERVATIONS, told | quiet))

    def _answer(self) -> None:
        """Acknowledge an alert that waits."""
        waiting = [alert for alert in self.store.alerts() if alert["is_unanswered"] and not alert.get("number")]
        if waiting:
            self.store.answer(self.chance.choice(waiting))


def journal(store: Store) -> dict[str, tuple[Any, ...]]:
    """Return of the live alerts, by id, beginning, end, level, highest rank and state; without those withdrawn."""
    query = {"bool": {"filter": {"terms": {"kind": SIMULATED}}, "must_not": {"term": {"state": "withdrawn"}}}}
    found = store.client.search(index=ALERTS, query=query, size=10_000)["hits"]["hits"]
    return {
        it["alert_id"]: (
            datetime.fromisoformat(it["started_at"]),
            datetime.fromisoformat(it["ended_at"]) if "ended_at" in it else None,
            it["level"],
            it["peak"],
            it["state"],
            "answer" in it,
        )
        for it in (hit["_source"] for hit in found)
    }


def simulated(store: Store, since: datetime, rules: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    done = simulate(store.settings, since, store.now, rules)
    return {
        alert.id: (
            alert.episode.started_at,
            None if alert.episode.is_open else alert.episode.changed_at,
            alert.episode.level,
            alert.episode.peak,
            alert.episode.state,
            alert.episode.answer is not None,
        )
        for alert in done.alerts("today")
    }


@pytest.fixture
def day(store: Store) -> tuple[Store, datetime]:
    create_standing_indices(store.client)
    since = store.now
    Days(store).pass_by()
    return store, since


def test_the_alerts_of_todays_rules_are_those_of_the_live_service_one_by_one(
    day: tuple[Store, datetime], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, since = day
    live, again = journal(store), simulated(store, since, {"today": load_rules()})
    without_answer = {id_: of[:5] for id_, of in live.items()}
    assert {id_: of[:5] for id_, of in again.items()} == without_answer
    kinds = {id_.split("-")[0] for id_ in live}
    assert kinds == {"measured", "predicted", "silence"}
    assert len(live) > 60
    assert {"resolved", "latched", "raised"} <= {of[4] for of in live.values()}
    answered = {id_ for id_, of in live.items() if of[5] and AlertKind.SILENCE not in id_}
    assert {id_ for id_, of in again.items() if of[5]} == answered != set()
    begun = [id_ for id_, of in live.items() if since <= of[0] < store.now]
    _command_tells_the_same(store, since, len(begun), tmp_path, monkeypatch)
    assert "alerts per patient-day" in capsys.readouterr().out


def _command_tells_the_same(
    store: Store, since: datetime, alerts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run the command as somebody does who wants to know."""
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", store.settings.elasticsearch_url)
    ends = ["--from", since.isoformat(), "--to", store.now.isoformat()]
    files = ["--json", str(tmp_path / "figures.json"), "--plot", str(tmp_path / "plot.svg")]
    assert command.main([*ends, *files, "--rules", "conf/alerts.yaml"]) == 0
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["rules"]["today"] == found["rules"]["tried"]
    assert found["rules"]["today"]["alerts"] == alerts
    assert found["patients"] == PATIENTS
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")


def test_several_processes_find_what_one_does_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(FEW + 5):
        for step in range(20):
            told = store.measure(f"P-{number}", 300 - 15 * step, 200 if step in (number % 10, number % 10 + 1) else 120)
            store.score(told, 0.7 if step < number % 5 else 0.05)
    store.flush()
    since, rules = store.now - timedelta(hours=6), {"today": load_rules()}
    many = simulate(store.settings, since, store.now, rules)
    monkeypatch.setattr(columns, "MOST_DOCUMENTS", 7)
    few = simulate(store.settings, since, store.now, rules, FEW - 1)
    assert len(many.outcomes) == FEW + 5
    assert len(few.outcomes) == FEW - 1
    by_id = {alert.id: alert for alert in many.alerts("today")}
    assert few.alerts("today") == [by_id[alert.id] for alert in few.alerts("today")] != []


def test_a_saved_version_is_taken_over_by_the_service_that_runs(store: Store) -> None:
    create_standing_indices(store.client)
    settings, stop = store.settings, threading.Event()
    service = threading.Thread(target=run, args=(settings,), kwargs={"stopping": stop})
    service.start()
    try:
        assert wait_until(lambda: bool(store.client.count(index=ALERT_SERVICE)["count"]), TAKEN_OVER_S, 0.2)
        _crisis_now(store, "before", 172)
        _crisis_now(store, "known", 185)
        assert wait_until(lambda: [it["patient_id"] for it in store.alerts()] == ["known"], TAKEN_OVER_S, 0.2)
        save(
            store.search, {"measured.systolic": 170.0}, Person("roy", "manager"), datetime.now(UTC), "earlier", None, 0
        )
        assert wait_until(lambda: _is_alerted_at_172(store), 2 * TAKEN_OVER_S, 1.0)
        assert {"known"} <= {it["patient_id"] for it in store.alerts()}
        assert "before" not in {it["patient_id"] for it in store.alerts()}, "what is past is not judged anew"
    finally:
        stop.set()
        service.join()


def _is_alerted_at_172(store: Store) -> bool:
    """Store another reading of 172 mmHg, and tell whether one of them has become an alert by now."""
    _crisis_now(store, f"after-{time.monotonic_ns()}", 172)
    time.sleep(1.5)
    return any(it["patient_id"].startswith("after") for it in store.alerts())


def _crisis_now(store: Store, patient_id: str, systolic: float) -> None:
    store.now = datetime.now(UTC)
    store.measure(patient_id, 0, systolic)
    store.flush()
