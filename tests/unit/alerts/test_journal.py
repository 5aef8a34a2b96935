"""How an answer reaches the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts import episodes
from alerts import journal as answering
from alerts import model as alerts
from alerts.journal import Acknowledgement, NoOpenAlert, Person
from alerts.model import Kind, State
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS
from elastic.search import alert_events
from elastic.search.alert_events import ALERT_EVENTS
from tests.support.ward import INTERVAL, Patient, history
from tests.unit.webapp.api.fake_search import FakeSearch

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANNE, BEA = Person("anne", "clinician"), Person("bea", "clinician")
SEEN = Acknowledgement(alerts.Reason.SEEN, "on my way", timedelta(minutes=30))


def store(*patients: Patient) -> FakeSearch:
    search = FakeSearch()
    for patient in patients:
        readings, predictions = history(patient, NOW)
        search.put(OBSERVATIONS, *readings)
        search.put(PREDICTIONS, *predictions)
        search.put(LATEST, *predictions[-1:])
    return search


def test_an_answer_is_stored_once_with_what_was_seen() -> None:
    search = store(Patient("p-1", 186, 0.7))
    (first, second) = answering.acknowledge_all(search, "p-1", SEEN, ANNE, NOW, INTERVAL)
    assert first.stored
    assert second.stored
    event = next(one for one in search.documents[ALERT_EVENTS] if one["kind"] == "measured")
    assert (event["by"], event["reason"], event["note"], event["number"]) == ("anne", "seen", "on my way", 1)
    assert (event["seen_risk_6h"], event["seen_systolic"], event["seen_level"]) == (0.7, 186, "CRITICAL")
    assert event["until"] == (NOW + SEEN.pause).isoformat()
    assert event["answered_after_s"] >= 0


def test_the_second_answer_hears_whose_stands() -> None:
    search = store(Patient("p-1", 150, 0.7))
    assert answering.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, ANNE, NOW, INTERVAL).stored
    later = NOW + timedelta(seconds=40)
    result = answering.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, BEA, later, INTERVAL)
    assert not result.stored
    assert result.winner["by"] == "anne"


def test_two_answers_at_the_same_moment_have_one_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen the journal without the other's event."""
    search = store(Patient("p-1", 150, 0.7))
    before = episodes.patient_episodes(search, "p-1", NOW, INTERVAL)
    assert answering.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, ANNE, NOW, INTERVAL).stored
    monkeypatch.setattr(answering, "patient_episodes", lambda *_: before)
    monkeypatch.setattr(alert_events, "of_alert", lambda *_: [])
    result = answering.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, BEA, NOW, INTERVAL)
    assert (result.stored, result.winner["by"]) == (False, "anne")


def test_an_answered_alert_is_acknowledged_and_reminds_in_time() -> None:
    search = store(Patient("p-1", 150, 0.7))
    answering.acknowledge(search, "p-1", Kind.PREDICTED, SEEN, ANNE, NOW, INTERVAL)
    states = [
        answering.open_episode(episodes.patient_episodes(search, "p-1", NOW + after, INTERVAL), Kind.PREDICTED).state
        for after in (timedelta(minutes=1), SEEN.pause)
    ]
    assert states == [State.ACKNOWLEDGED, State.REMINDED]


def test_without_an_open_alert_there_is_nothing_to_answer() -> None:
    search = store(Patient("p-1", 120, 0.05))
    with pytest.raises(NoOpenAlert):
        answering.acknowledge_all(search, "p-1", SEEN, ANNE, NOW, INTERVAL)
    with pytest.raises(NoOpenAlert):
        answering.acknowledge(search, "p-1", Kind.MEASURED, SEEN, ANNE, NOW, INTERVAL)


def test_feedback_takes_the_next_number_and_silences_nothing() -> None:
    search = store(Patient("p-1", 150, 0.7))
    alert = answering.open_episode(episodes.patient_episodes(search, "p-1", NOW, INTERVAL), Kind.PREDICTED)
    id_ = alerts.alert_id("p-1", alert.kind, alert.started_at)
    for useful in (True, False):
        assert answering.give_feedback(search, id_, useful, ANNE, NOW).stored
    assert [one["number"] for one in search.documents[ALERT_EVENTS]] == [1, 2]
    assert answering.open_episode(episodes.patient_episodes(search, "p-1", NOW, INTERVAL), Kind.PREDICTED).is_unanswered
