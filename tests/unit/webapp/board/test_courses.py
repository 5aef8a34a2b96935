"""What is kept of each patient's last days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.indices import LATEST, PREDICTIONS
from tests.unit.webapp.api.fake_search import FakeSearch
from tests.ward import INTERVAL, Patient, history, prediction, reading
from webapp.alerts import Kind
from webapp.board.courses import MOST_AT_ONCE, Courses, risk_line

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def search() -> FakeSearch:
    found = FakeSearch()
    predictions = history(Patient("p-1", 160, 0.5, rise=8), NOW)[1]
    found.put(PREDICTIONS, *predictions)
    found.put(LATEST, predictions[-1])
    return found


def read(courses: Courses, search: FakeSearch, now: datetime = NOW) -> int:
    """Read the patient's course; how many searches that took."""
    before = len(search.asked)
    courses.read(search, {"p-1": (search.documents[LATEST][-1], None)}, now)
    return len(search.asked) - before


def test_a_course_is_read_again_only_after_a_newer_prediction(search: FakeSearch) -> None:
    courses = Courses(INTERVAL)
    assert [read(courses, search), read(courses, search)] == [1, 0]
    newer = prediction(reading("p-1", NOW, 165, 100), 0.6)
    search.put(LATEST, newer)
    search.put(PREDICTIONS, newer)
    assert read(courses, search) == 1
    assert courses.course("p-1").findings.predicted[-1].rank == 3


def test_the_slope_is_that_of_the_last_two_hours(search: FakeSearch) -> None:
    courses = Courses(INTERVAL)
    read(courses, search)
    assert courses.course("p-1").slope == pytest.approx(4, abs=3)


def test_time_alone_escalates_and_brings_the_technical_alert(search: FakeSearch) -> None:
    courses = Courses(INTERVAL)
    read(courses, search)
    later = NOW + timedelta(minutes=45)
    before, after = ({one.kind: one for one in courses.episodes("p-1", [], now)} for now in (NOW, later))
    assert Kind.TECHNICAL not in before
    assert after[Kind.TECHNICAL].is_open
    assert after[Kind.PREDICTED].escalated


def test_a_patient_without_prediction_needs_no_search(search: FakeSearch) -> None:
    courses = Courses(INTERVAL)
    courses.read(search, {"p-2": (None, reading("p-2", NOW, 190, 100))}, NOW)
    assert search.asked == []
    assert [one.kind for one in courses.episodes("p-2", [], NOW)] == [Kind.MEASURED]


def test_the_risk_line_ends_at_the_right_edge_and_rises_with_the_risk() -> None:
    known = [prediction(reading("p-1", NOW - INTERVAL * back, 150, 90), risk) for back, risk in ((1, 0.0), (0, 1.0))]
    assert risk_line(known) == "M63.3 16.0L64.0 0.0"
    assert risk_line(known[:1]) == ""


def test_after_a_start_courses_are_read_in_portions_the_first_ones_first() -> None:
    search, courses = FakeSearch(), Courses(INTERVAL)
    newest = {f"p-{n:03}": prediction(reading(f"p-{n:03}", NOW, 150, 90), 0.5) for n in range(MOST_AT_ONCE + 1)}
    search.put(PREDICTIONS, *newest.values())
    rows = {id_: (document, None) for id_, document in newest.items()}
    last = list(newest)[-1]
    courses.read(search, rows, NOW)
    assert [len(courses.episodes(id_, [], NOW)) for id_ in ("p-000", last)] == [1, 0]
    courses.read(search, rows, NOW)
    assert len(courses.episodes(last, [], NOW)) == 1
