"""Alerts in Elasticsearch: how an answer reaches the journal, and those that are over, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import journal
from alerts.episodes import history_since
from alerts.journal import Acknowledgement, NoOpenAlert, Person, acknowledge, episodes_of_patient, episodes_of_patients
from alerts.model import AlertKind, AnswerReason, Episode, State, alert_id
from elastic.names import ALERT_EVENTS, LATEST, OBSERVATIONS, PREDICTIONS
from elastic.search import alert_events
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, Patient, prediction, reading

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EARLIEST = history_since(NOW)
ANNE, BEA = Person("anne", "clinician"), Person("bea", "clinician")
SEEN = Acknowledgement(AnswerReason.SEEN, "on my way", timedelta(minutes=30))

LOW, MEDIUM, HIGH, CRITICAL = 0.05, 0.25, 0.45, 0.7
CRISIS = -1.0  # of a risk list: low risk, but measured in crisis
MISSING = None  # a reading that never came
Risks = Sequence[float | None]


def store(*patients: Patient) -> FakeSearch:
    search = FakeSearch()
    for patient in patients:
        search.put_history(patient, NOW)
    return search


def predicted(search: FakeSearch, now: datetime = NOW) -> Episode:
    """Return the open alert about a predicted risk."""
    episodes = episodes_of_patient(search, "p-1", now, INTERVAL)
    (episode,) = (episode for episode in episodes if episode.is_open and episode.kind is AlertKind.PREDICTED)
    return episode


def test_an_answer_is_stored_once_with_what_was_seen() -> None:
    search = store(Patient("p-1", 186, 0.7))
    (first, second) = acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL)
    assert first.stored
    assert second.stored
    event = next(event for event in search.documents[ALERT_EVENTS] if event["kind"] == "measured")
    assert (event["by"], event["reason"], event["note"], event["number"]) == ("anne", "seen", "on my way", 1)
    assert (event["seen_risk_6h"], event["seen_systolic"], event["seen_level"]) == (0.7, 186, "CRITICAL")
    assert event["until"] == (NOW + SEEN.pause).isoformat()
    assert event["answered_after_s"] >= 0


def test_one_kind_of_several_open_alerts_can_be_answered() -> None:
    search = store(Patient("p-1", 186, 0.7))
    (result,) = acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL, AlertKind.MEASURED)
    assert result.winner["kind"] == "measured"
    assert predicted(search).is_unanswered


def test_the_second_answer_hears_whose_stands() -> None:
    search = store(Patient("p-1", 150, 0.7))
    assert acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL)[0].stored
    (result,) = acknowledge(search, "p-1", SEEN, BEA, NOW + timedelta(seconds=40), INTERVAL)
    assert (result.stored, result.winner["by"]) == (False, "anne")


def test_two_answers_at_the_same_moment_have_one_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen the journal without the other's event."""
    search = store(Patient("p-1", 150, 0.7))
    before = episodes_of_patient(search, "p-1", NOW, INTERVAL)
    assert acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL)[0].stored
    monkeypatch.setattr(journal, "episodes_of_patient", lambda *_: before)
    monkeypatch.setattr(alert_events, "of_alert", lambda *_: [])
    (result,) = acknowledge(search, "p-1", SEEN, BEA, NOW, INTERVAL)
    assert (result.stored, result.winner["by"]) == (False, "anne")


def test_an_answered_alert_is_acknowledged_and_reminds_in_time() -> None:
    search = store(Patient("p-1", 150, 0.7))
    acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL)
    states = [predicted(search, NOW + after).state for after in (timedelta(minutes=1), SEEN.pause)]
    assert states == [State.ACKNOWLEDGED, State.REMINDED]


def test_without_an_open_alert_there_is_nothing_to_answer() -> None:
    with pytest.raises(NoOpenAlert):
        acknowledge(store(Patient("p-1", 120, 0.05)), "p-1", SEEN, ANNE, NOW, INTERVAL)
    with pytest.raises(NoOpenAlert):
        acknowledge(store(Patient("p-1", 150, 0.7)), "p-1", SEEN, ANNE, NOW, INTERVAL, AlertKind.MEASURED)


def test_feedback_takes_the_next_number_and_silences_nothing() -> None:
    search = store(Patient("p-1", 150, 0.7))
    alert = predicted(search)
    for useful in (True, False):
        id_ = alert_id("p-1", alert.kind, alert.started_at)
        assert journal.give_feedback(search, id_, useful, ANNE, NOW).stored
    assert [event["number"] for event in search.documents[ALERT_EVENTS]] == [1, 2]
    assert predicted(search).is_unanswered


def ward(patients: dict[str, Risks], newest_min: float = 2) -> FakeSearch:
    """Return patients with a prediction for each of their risks, in the usual rhythm."""
    search = FakeSearch()
    for patient_id, risks in patients.items():
        documents = list(predictions_of(patient_id, risks, newest_min))
        search.put(PREDICTIONS, *documents)
        search.put(LATEST, *documents[-1:])
    return search


def predictions_of(patient_id: str, risks: Risks, newest_min: float) -> Iterator[dict[str, Any]]:
    newest = NOW - timedelta(minutes=newest_min)
    for back, risk in zip(range(len(risks) - 1, -1, -1), risks, strict=True):
        if risk is not MISSING:
            taken = reading(patient_id, newest - INTERVAL * back, 190 if risk == CRISIS else 140, 80)
            yield prediction(taken, LOW if risk == CRISIS else risk) | {"window_largest_gap_hours": 24.0}


def ended(search: FakeSearch, start: datetime = EARLIEST, end: datetime = NOW) -> list[str]:
    """Return the ids of alerts on all pages."""
    found, after = journal.ended(search, start, end, NOW, INTERVAL)
    while after is not None:
        more, after = journal.ended(search, start, end, NOW, INTERVAL, after)
        found += more
    return [id_of(*alert) for alert in found]


def id_of(patient_id: str, episode: Episode) -> str:
    return alert_id(patient_id, episode.kind, episode.started_at)


RISKS = st.lists(st.sampled_from([LOW, LOW, LOW, MEDIUM, HIGH, CRITICAL, CRISIS, MISSING, MISSING]), max_size=24)
WARDS = st.dictionaries(st.sampled_from([f"p-{number}" for number in range(6)]), RISKS, max_size=6)


@settings(deadline=None)
@given(patients=WARDS, most=st.integers(1, 3))
def test_the_pages_together_are_what_the_whole_histories_say_each_alert_once(
    patients: dict[str, Risks], most: int
) -> None:
    search = ward(patients)
    whole = episodes_of_patients(search, dict.fromkeys(patients), NOW, INTERVAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "MOST_PATIENTS", most)
        assert sorted(ended(search)) == sorted(id_of(*alert) for alert in whole if not alert[1].is_open)


def test_on_a_page_the_alert_comes_first_whose_condition_went_last() -> None:
    search = ward({"early": [HIGH, LOW, LOW, LOW, LOW], "late": [LOW, LOW, HIGH, LOW, LOW]})
    assert [id_.rpartition("-")[2] for id_ in ended(search)] == ["late", "early"]


def test_a_span_holds_the_alerts_whose_condition_was_last_found_in_it() -> None:
    search = ward({"p-1": [HIGH, HIGH, LOW, LOW, LOW, LOW]}, newest_min=0)
    last_met = NOW - 4 * INTERVAL
    assert len(ended(search, last_met, last_met + INTERVAL)) == 1
    assert ended(search, EARLIEST, last_met) == []
    assert ended(search, last_met + INTERVAL, NOW) == []


def test_a_page_reads_few_histories_however_many_patients_alert() -> None:
    search = ward({f"p-{number:03}": [HIGH, LOW, LOW] for number in range(2 * journal.MOST_PATIENTS)})
    found, after = journal.ended(search, EARLIEST, NOW, NOW, INTERVAL)
    assert len({id_ for id_, _ in found}) == journal.MOST_PATIENTS
    assert after is not None


def test_only_the_months_of_the_span_are_asked() -> None:
    search = FakeSearch()
    journal.ended(search, datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), NOW, INTERVAL)
    (asked,) = [question["index"] for question in search.asked]
    months = ("2025.12", "2026.01", "2026.02")
    assert asked == ",".join(f"{name}-{month}" for name in (PREDICTIONS, OBSERVATIONS) for month in months)
