"""How a board is loaded: what it looks at does not grow with what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from assessment.urgency import CRISIS_KEPT
from elastic.names import OBSERVATIONS
from elastic.search import latest, observations
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, reading
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

    def crises(_search: FakeSearch, start: datetime) -> set[str]:
        asked.append(start)
        return set()

    monkeypatch.setattr(latest, "newest_time", lambda _: scored_until and scored_until.isoformat())
    monkeypatch.setattr(observations, "crises", crises)

    Board(FakeSearch(), INTERVAL).ward(View(), NOON)

    assert asked == [since]
