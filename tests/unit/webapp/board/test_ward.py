"""How a board is loaded: what the alert service has written, the newest readings and predictions; nothing is folded."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.model import AlertKind, Answer, Finding, State
from assessment.urgency import Urgency
from elastic.names import ALERT_SERVICE, LATEST, OBSERVATIONS, REJECTED
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, Document, Patient, alert, prediction, reading, refusal
from tests.unit.webapp.site import NOON
from webapp.board import ward
from webapp.board.rows import Row, Ward
from webapp.board.ward import Board, View

ALL = View(quiet=True)


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


def load(search: FakeSearch, view: View = ALL, now: datetime = NOON) -> Ward:
    return Board(search, INTERVAL).ward(view, now)


def totals(shown: Ward) -> dict[str, int]:
    return {section.urgency: section.total for section in shown.sections if section.total}


def measured(search: FakeSearch, patient_id: str, systolic: float, minutes: float = 1) -> Document:
    """Store a newest reading with its prediction; return the reading."""
    taken = reading(patient_id, NOON - timedelta(minutes=minutes), systolic, 80)
    search.put(OBSERVATIONS, taken)
    search.documents[LATEST] = [each for each in search.documents[LATEST] if each["patient_id"] != patient_id]
    search.put(LATEST, prediction(taken, 0.05))
    return taken


def crisis(patient_id: str, minutes: float = 15, **more: object) -> Document:
    at = NOON - timedelta(minutes=minutes)
    return alert(patient_id, at, worst=Finding(at, 3, systolic=208, diastolic=126), **more)  # type: ignore[arg-type]


def only_row(shown: Ward, place: Urgency) -> Row:
    (row,) = shown[place].rows
    return row


def test_one_normal_reading_takes_no_unanswered_crisis_off(search: FakeSearch) -> None:
    """The level falls to LOW, then the alert is latched: the patient stays among the first until somebody answers."""
    measured(search, "p-1", 122)
    for document in (crisis("p-1", quiet=1), crisis("p-1", state=State.LATCHED)):
        search.put_alerts(document)
        shown = load(search, View())
        assert only_row(shown, Urgency.CRITICAL).alert == document
        assert (shown.unanswered, only_row(shown, Urgency.CRITICAL).level) == (1, "LOW")
    search.put_alerts(crisis("p-1", state=State.RESOLVED))
    assert totals(load(search)) == {"NONE": 1}


def test_of_120_such_patients_all_are_counted_whatever_is_shown(
    search: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ward, "SIZES", {**ward.SIZES, Urgency.CRITICAL: 42})
    for number in range(120):
        measured(search, f"p-{number}", 122)
        search.put_alerts(crisis(f"p-{number}", quiet=1))
    shown = load(search, View())
    critical = shown[Urgency.CRITICAL]
    assert (len(critical.rows), critical.total, critical.more, shown.unanswered) == (42, 120, 78, 120)


def test_a_patient_is_counted_once_where_the_worst_alert_is(search: FakeSearch) -> None:
    at = NOON - timedelta(minutes=5)
    for patient_id in ("worst", "high", "silent", "medium", "none"):
        measured(search, patient_id, 130)
    every = [alert("worst", at, kind, rank=rank) for kind, rank in ((AlertKind.PREDICTED, 2), (AlertKind.SILENCE, 1))]
    search.put_alerts(crisis("worst"), *every)
    search.put_alerts(alert("high", at, AlertKind.PREDICTED, rank=2), alert("high", at, AlertKind.SILENCE, rank=1))
    search.put_alerts(alert("silent", at, AlertKind.PREDICTED, rank=1), alert("silent", at, AlertKind.SILENCE, rank=1))
    search.put_alerts(alert("medium", at, AlertKind.PREDICTED, rank=1))

    assert totals(load(search)) == {"CRITICAL": 1, "HIGH": 1, "SILENT": 1, "MEDIUM": 1, "NONE": 1}


def test_a_silence_alert_of_any_rank_is_no_crisis(search: FakeSearch) -> None:
    search.put_alerts(alert("p-1", NOON - timedelta(hours=1), AlertKind.SILENCE, rank=3))
    assert totals(load(search)) == {"SILENT": 1}


def test_a_crisis_that_is_not_the_newest_reading_is_shown_with_its_values(search: FakeSearch) -> None:
    newest = measured(search, "p-1", 164)
    search.put_alerts(crisis("p-1", minutes=97))
    row = only_row(load(search), Urgency.CRITICAL)
    assert (row.reading, row.is_crisis) == (newest, False)
    assert row.alert is not None
    assert row.alert["worst"]["systolic"] == 208


def test_who_has_no_open_alert_has_none_whatever_was_measured(search: FakeSearch) -> None:
    """The board concludes nothing: the alert service says who is alerted of what."""
    measured(search, "p-1", 205)
    search.documents[ALERT_SERVICE] = [{"until": "2999-01-01T00:00:00Z"}]
    assert totals(load(search)) == {"NONE": 1}


def test_a_crisis_before_any_prediction_and_a_refused_one_before_any_reading_are_shown(search: FakeSearch) -> None:
    search.put(OBSERVATIONS, reading("waits", NOON - timedelta(hours=3), 210, 130))
    search.put_alerts(crisis("waits"), alert("refused", NOON, AlertKind.ATTENTION))
    rows = {row.patient_id: row for row in load(search)[Urgency.CRITICAL].rows}
    assert rows["waits"].reading is not None
    assert (rows["refused"].reading, rows["waits"].prediction) == (None, None)
    assert totals(load(search)) == {"CRITICAL": 2}


def test_an_answer_keeps_the_patient_in_the_section(search: FakeSearch) -> None:
    answer = Answer(NOON, NOON + timedelta(minutes=30), "anne")
    measured(search, "p-1", 208)
    search.put_alerts(crisis("p-1", state=State.ACKNOWLEDGED, answer=answer))
    shown = load(search)
    assert (totals(shown), shown.unanswered) == ({"CRITICAL": 1}, 0)


def test_alerts_about_the_feed_are_no_patients(search: FakeSearch) -> None:
    search.put_alerts(alert(None, NOON, AlertKind.FEED, part="feed"))
    shown = load(search)
    assert ([outage["part"] for outage in shown.outages], totals(shown), shown.unanswered) == (["feed"], {}, 0)


def test_without_the_alert_service_a_board_says_so(search: FakeSearch) -> None:
    assert load(search).never_watched
    until = NOON - timedelta(seconds=40)
    search.put(ALERT_SERVICE, {"holder": "x", "until": until.isoformat()})
    assert load(search).unwatched_since == until
    assert load(search, now=until).is_watched


def test_a_list_of_quiet_patients_costs_the_same_searches_however_many_there_are(search: FakeSearch) -> None:
    asked = []
    for number in (1, 9):
        for patient in range(number):
            measured(search, f"p-{number}-{patient}", 122)
        search.asked.clear()
        load(search)
        asked.append(len(search.asked))
    assert asked[0] == asked[1]


def test_one_section_can_be_asked_for(search: FakeSearch) -> None:
    for patient in (Patient("p-1", 150, 0.7), Patient("p-2", 150, 0.45), Patient("p-3", 120, 0.05)):
        search.put_history(patient, NOON)
    assert {place: [row.patient_id for row in load(search, View(place)).rows] for place in Urgency} == {
        "CRITICAL": ["p-1"],
        "HIGH": ["p-2"],
        "SILENT": [],
        "MEDIUM": [],
        "NONE": ["p-3"],
        "WAITING": [],
    }


def test_as_long_as_nothing_changes_three_small_searches_are_all(search: FakeSearch) -> None:
    search.put_history(Patient("p-1", 186, 0.7), NOON)
    board = Board(search, INTERVAL)
    first = board.ward(View(), NOON)
    before = len(search.asked)
    assert board.ward(View(), NOON + timedelta(seconds=1)) is first
    assert len(search.asked) - before == 3
    search.put_alerts(crisis("p-2"))
    assert board.ward(View(), NOON + timedelta(seconds=2))[Urgency.CRITICAL].total == 2


def test_a_load_takes_no_more_searches_for_more_patients(search: FakeSearch) -> None:
    board = Board(search, INTERVAL)
    asked = []
    for size in (2, 30):
        for number in range(size):
            search.put_history(Patient(f"p-{number}", 186, 0.7, readings=20), NOON)
        search.asked.clear()
        board.forget()
        board.ward(View(), NOON)
        asked.append(len(search.asked))
    assert asked[0] >= asked[1]


def test_what_names_nobody_is_told_for_an_hour(search: FakeSearch) -> None:
    search.put(REJECTED, refusal(None, NOON - timedelta(minutes=59), "212/134 mmHg", "SUBJECT_MISSING"))
    assert [told["attention"] for told in load(search).nameless] == ["212/134 mmHg"]
    assert load(search, now=NOON + timedelta(minutes=2)).nameless == ()


def counted_since(search: FakeSearch) -> list[str]:
    """Return from when on the patients with few readings were looked for."""
    asked = [question for question in search.asked if "'_count'" in str(question.get("aggs"))]
    return [question["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"] for question in asked]


@pytest.mark.parametrize(("most", "hours"), [(96, 24), (95, 6), (24, 6), (23, 1), (4, 1), (3, 0.25), (0, 0.25)])
def test_patients_who_wait_are_looked_for_in_a_shorter_time_where_there_are_many_readings(
    most: int, hours: float, monkeypatch: pytest.MonkeyPatch, search: FakeSearch
) -> None:
    search.put(OBSERVATIONS, *(reading("p-1", NOON - INTERVAL * back - INTERVAL / 2, 120, 80) for back in range(96)))
    monkeypatch.setattr(ward, "MOST_READINGS", most)

    load(search, View())

    assert counted_since(search) == [(NOON - timedelta(hours=hours)).isoformat()]
