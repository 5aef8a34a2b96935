"""Alerts out of stored documents, and how an answer reaches the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.indices import LATEST, OBSERVATIONS, PREDICTIONS
from tests.unit.webapp.api.fake_search import FakeSearch
from tests.ward import INTERVAL, Patient, history, prediction, reading
from webapp import alerts, episodes
from webapp.alerts import Kind, State
from webapp.episodes import Acknowledgement, NoOpenAlert, Person
from webapp.search import alert_events
from webapp.search.alert_events import ALERT_EVENTS

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANNE, BEA = Person("anne", "clinician"), Person("bea", "clinician")
SEEN = Acknowledgement(alerts.Reason.SEEN, "on my way", timedelta(minutes=30))


def documents(*risks: float, systolic: float = 150, newest_min: float = 2) -> list[dict[str, Any]]:
    """Predictions in the usual rhythm, the last one `newest_min` minutes ago."""
    newest = NOW - timedelta(minutes=newest_min)
    times = [newest - INTERVAL * back for back in range(len(risks) - 1, -1, -1)]
    return [prediction(reading("p-1", at, systolic, 90), risk) for at, risk in zip(times, risks, strict=True)]


def store(*patients: Patient) -> FakeSearch:
    search = FakeSearch()
    for patient in patients:
        readings, predictions = history(patient, NOW)
        search.put(OBSERVATIONS, *readings)
        search.put(PREDICTIONS, *predictions)
        search.put(LATEST, *predictions[-1:])
    return search


def fold(history_of: list[dict[str, Any]], unscored: dict[str, Any] | None = None) -> dict[Kind, alerts.Episode]:
    found = episodes.find(history_of, unscored)
    return {one.kind: one for one in episodes.fold_findings(found, [], NOW, INTERVAL)}


def test_a_high_prediction_is_a_predicted_alert_and_no_measured_one() -> None:
    found = fold(documents(0.1, 0.5))
    assert set(found) == {Kind.PREDICTED}
    assert found[Kind.PREDICTED].level == "HIGH"


def test_a_measured_crisis_is_an_alert_whatever_the_prediction_says() -> None:
    found = fold(documents(0.05, systolic=180))
    assert set(found) == {Kind.MEASURED}
    assert found[Kind.MEASURED].level == "CRITICAL"


def test_a_crisis_that_is_not_scored_yet_is_an_alert() -> None:
    found = fold([], reading("p-1", NOW, 150, 121))
    assert set(found) == {Kind.MEASURED}


def test_a_reading_that_a_prediction_knows_counts_once() -> None:
    known = documents(0.1, 0.1)
    assert episodes.find(known, known[-1]) == episodes.find(known)


def test_silence_after_a_high_prediction_is_a_technical_alert() -> None:
    assert set(fold(documents(0.5, newest_min=31))) == {Kind.PREDICTED, Kind.TECHNICAL}
    assert set(fold(documents(0.5, newest_min=29))) == {Kind.PREDICTED}


def test_a_time_in_the_future_is_replaced_by_when_it_was_stored() -> None:
    wrong = reading("p-1", NOW + timedelta(days=3), 190, 100) | {"ingested_at": NOW.isoformat()}
    assert fold([], wrong)[Kind.MEASURED].started_at == NOW


def test_history_begins_at_a_midnight_so_that_alerts_keep_their_ids() -> None:
    morning, evening = (episodes.history_since(NOW.replace(hour=hour)) for hour in (1, 23))
    assert morning == evening
    assert NOW - morning >= episodes.HISTORY


def test_an_answer_is_stored_once_with_what_was_seen() -> None:
    search = store(Patient("p-1", 186, 0.7))
    (first, second) = episodes.acknowledge_all(search, "p-1", SEEN, ANNE, NOW, INTERVAL)
    assert first.stored
    assert second.stored
    event = next(one for one in search.documents[ALERT_EVENTS] if one["kind"] == "measured")
    assert (event["by"], event["reason"], event["note"], event["number"]) == ("anne", "seen", "on my way", 1)
    assert (event["seen_risk_6h"], event["seen_systolic"], event["seen_level"]) == (0.7, 186, "CRITICAL")
    assert event["until"] == (NOW + SEEN.pause).isoformat()
    assert event["answered_after_s"] >= 0


def test_the_second_answer_hears_whose_stands() -> None:
    search = store(Patient("p-1", 150, 0.7))
    assert episodes.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, ANNE, NOW, INTERVAL).stored
    later = NOW + timedelta(seconds=40)
    result = episodes.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, BEA, later, INTERVAL)
    assert not result.stored
    assert result.winner["by"] == "anne"


def test_two_answers_at_the_same_moment_have_one_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen the journal without the other's event."""
    search = store(Patient("p-1", 150, 0.7))
    before = episodes.patient_episodes(search, "p-1", NOW, INTERVAL)
    assert episodes.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, ANNE, NOW, INTERVAL).stored
    monkeypatch.setattr(episodes, "patient_episodes", lambda *_: before)
    monkeypatch.setattr(alert_events, "of_alert", lambda *_: [])
    result = episodes.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, BEA, NOW, INTERVAL)
    assert (result.stored, result.winner["by"]) == (False, "anne")


def test_an_answered_alert_is_acknowledged_and_reminds_in_time() -> None:
    search = store(Patient("p-1", 150, 0.7))
    episodes.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, ANNE, NOW, INTERVAL)
    states = [
        episodes.open_episode(episodes.patient_episodes(search, "p-1", NOW + after, INTERVAL), Kind.PREDICTED).state
        for after in (timedelta(minutes=1), SEEN.pause)
    ]
    assert states == [State.ACKNOWLEDGED, State.REMINDED]


def test_without_an_open_alert_there_is_nothing_to_answer() -> None:
    search = store(Patient("p-1", 120, 0.05))
    with pytest.raises(NoOpenAlert):
        episodes.acknowledge_all(search, "p-1", SEEN, ANNE, NOW, INTERVAL)
    with pytest.raises(NoOpenAlert):
        episodes.acknowledge(search, "p-1", Kind.MEASURED, SEEN, ANNE, NOW, INTERVAL)


def test_feedback_takes_the_next_number_and_silences_nothing() -> None:
    search = store(Patient("p-1", 150, 0.7))
    alert = episodes.open_episode(episodes.patient_episodes(search, "p-1", NOW, INTERVAL), Kind.PREDICTED)
    id_ = alerts.alert_id("p-1", alert.kind, alert.started_at)
    for useful in (True, False):
        assert episodes.give_feedback(search, id_, useful, ANNE, NOW).stored
    assert [one["number"] for one in search.documents[ALERT_EVENTS]] == [1, 2]
    assert episodes.open_episode(episodes.patient_episodes(search, "p-1", NOW, INTERVAL), Kind.PREDICTED).is_unanswered
