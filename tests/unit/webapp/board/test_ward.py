"""How a board is loaded: what it looks at does not grow with what is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from elastic.names import OBSERVATIONS
from tests.support.ward import INTERVAL, reading
from tests.unit.webapp.api.fake_search import FakeSearch
from tests.unit.webapp.site import NOON
from webapp.board import ward
from webapp.board.ward import Board, View


def counted_since(search: FakeSearch) -> list[str]:
    """From when on the patients with few readings were looked for."""
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
