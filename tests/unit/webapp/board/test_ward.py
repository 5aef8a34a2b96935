"""How a board is loaded: what it looks at does not grow with what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.model import AlertKind
from assessment.urgency import CRISIS_KEPT, Urgency
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS
from elastic.search import latest, observations
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, Patient, prediction, reading
from tests.unit.webapp.site import NOON
from webapp.board import ward
from webapp.board.ward import Board, View


def counted_since(search: FakeSearch) -> list[str]:
    """Return from when on the patients with few readings were looked for."""
    asked = [question for question in search.asked if "'_count'" in str(question.get("aggs"))]
    return [question["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"] for question in asked]


@pytest.mark.parametrize(("most", "hours"), [(96, 24), (95, 6), (24, 6), (23, 1), (4, 1), (3, 0.25), (0, 0.25)])
def test_patients_who_wait_are_looked_for_in_a_shorter_time_where_there_are_many_readings(
    most: int, hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = FakeSearch()
    search.put(OBSERVATIONS, *(reading("p-1", NOON - INTERVAL * back - INTERVAL / 2, 120, 80) for back in range(96)))
    monkeypatch.setattr(ward, "MOST_READINGS", most)

    Board(search, INTERVAL).ward(View(), NOON)

    assert counted_since(search) == [(NOON - timedelta(hours=hours)).isoformat()]


@pytest.mark.parametrize(
    ("scored_until", "since"),
    [
        (NOON, NOON - 2 * INTERVAL),
        (NOON - timedelta(hours=3), NOON - timedelta(hours=3) - 2 * INTERVAL),
        (NOON - timedelta(days=9), NOON - CRISIS_KEPT),
        (None, NOON - CRISIS_KEPT),
    ],
    ids=["scoring at work", "stopped", "stopped long ago", "never"],
)
def test_crises_without_prediction_are_looked_for_since_scoring_stopped(
    scored_until: datetime | None, since: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []

    def crises(_search: FakeSearch, start: datetime, _now: datetime) -> set[str]:
        asked.append(start)
        return set()

    monkeypatch.setattr(latest, "newest_time", lambda _: scored_until and scored_until.isoformat())
    monkeypatch.setattr(observations, "crises", crises)

    Board(FakeSearch(), INTERVAL).ward(View(), NOON)

    assert asked == [since]


def stored(search: FakeSearch, at: datetime, systolic: float, diastolic: float, received: datetime = NOON) -> None:
    """Store a reading of p-1 that no prediction knows yet."""
    document = reading("p-1", at, systolic, diastolic)
    search.put(OBSERVATIONS, document | {"ingested_at": received.isoformat()})


@pytest.mark.parametrize("ahead", [timedelta(hours=23), timedelta(minutes=4, seconds=30)], ids=["23 h", "4.5 min"])
def test_a_crisis_of_now_is_shown_whatever_a_clock_that_runs_ahead_has_sent_before(
    ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = FakeSearch()
    search.put_history(Patient("p-1", 128, 0.05, silent=INTERVAL), NOON)
    monkeypatch.setattr(observations, "crises", lambda *_: {"p-1"})  # the fake aggregates nothing
    stored(search, NOON + ahead, 124, 76)
    stored(search, NOON, 190, 125)

    (row,) = Board(search, INTERVAL).ward(View(), NOON)[Urgency.CRITICAL].rows

    assert (row.reading["systolic"], row.is_crisis, [alert.kind for alert in row.episodes]) == (
        190,
        True,
        [AlertKind.MEASURED],
    )


def test_a_crisis_by_a_clock_that_runs_ahead_asks_for_attention_until_its_time_has_come() -> None:
    search = FakeSearch()
    search.put_history(Patient("p-1", 128, 0.05, silent=INTERVAL), NOON)
    stored(search, NOON + timedelta(hours=1), 212, 134)

    (row,) = Board(search, INTERVAL).ward(View(), NOON).attention

    assert (row.patient_id, row.newest.words, row.newest.reason) == ("p-1", "212/134 mmHg", "TIME_IN_FUTURE")
    assert row.newest.measured_at == NOON + timedelta(hours=1)
    assert not Board(search, INTERVAL).ward(View(), NOON + timedelta(hours=1)).attention


def test_a_reading_of_the_future_counts_once_its_time_has_come() -> None:
    search = FakeSearch()
    stored(search, NOON + timedelta(hours=2), 190, 125)

    found = [observations.newest(search, ["p-1"], NOON + timedelta(hours=hours)) for hours in (0, 1, 2)]

    assert [set(newest) for newest in found] == [set(), set(), {"p-1"}]


def test_an_old_crisis_of_a_backlog_is_told_beside_the_newer_normal_value_that_came_with_it() -> None:
    search = FakeSearch()
    search.put_history(Patient("p-1", 128, 0.05, silent=timedelta(hours=2)), NOON)
    board = Board(search, INTERVAL)
    assert not board.ward(View(), NOON - timedelta(minutes=1))[Urgency.UNSEEN].rows

    stored(search, NOON - timedelta(minutes=97), 214, 132)
    normal = reading("p-1", NOON, 126, 78)
    newest = prediction(normal, 0.05)
    search.put(OBSERVATIONS, normal)
    search.put(PREDICTIONS, newest)
    search.documents[LATEST] = [newest]

    (row,) = board.ward(View(), NOON)[Urgency.UNSEEN].rows

    assert row.reading["systolic"] == 126
    assert row.alert is not None
    assert (row.alert.kind, row.alert.started_at) == (AlertKind.MEASURED, NOON - timedelta(minutes=97))
