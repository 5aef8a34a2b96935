"""What is kept of each patient's last hours: trend and risk line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from elastic.names import LATEST, PREDICTIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, Patient, prediction, reading
from webapp.board.past import KEPT, MOST_AT_ONCE, Past, Pasts, risk_line

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def search() -> FakeSearch:
    found = FakeSearch()
    found.put_history(Patient("p-1", 160, 0.5, rise=8), NOW)
    return found


def of(pasts: Pasts, search: FakeSearch, now: datetime = NOW) -> tuple[Past, int]:
    """Return the patient's past, and how many searches that took."""
    before = len(search.asked)
    past = pasts.of(search, {"p-1": (search.documents[LATEST][-1], None)}, now)["p-1"]
    return past, len(search.asked) - before


def test_trend_and_line_are_read_once_for_a_newest_reading_and_again_after_a_minute(search: FakeSearch) -> None:
    pasts = Pasts(INTERVAL)
    asked = [of(pasts, search, now)[1] for now in (NOW, NOW + KEPT / 2, NOW + KEPT)]
    assert asked == [2, 0, 2]


def test_a_newer_prediction_is_in_the_line_before_the_index_of_all_predictions_shows_it(search: FakeSearch) -> None:
    pasts = Pasts(INTERVAL)
    before = of(pasts, search)[0]
    search.put(LATEST, prediction(reading("p-1", NOW, 165, 100), 0.9))
    past, asked = of(pasts, search)
    assert asked == 2
    assert past.risk_line != before.risk_line
    assert past.risk_line.endswith("L64.0 1.6")


def test_the_slope_is_that_of_the_last_two_hours(search: FakeSearch) -> None:
    assert of(Pasts(INTERVAL), search)[0].slope == pytest.approx(4, abs=3)


def test_after_a_start_the_past_is_read_in_portions_the_first_ones_first() -> None:
    search, pasts = FakeSearch(), Pasts(INTERVAL)
    newest = {f"p-{n:03}": prediction(reading(f"p-{n:03}", NOW, 150, 90), 0.5) for n in range(MOST_AT_ONCE + 1)}
    search.put(PREDICTIONS, *newest.values())
    rows = {id_: (document, None) for id_, document in newest.items()}
    last = list(newest)[-1]
    first_time, second_time = pasts.of(search, rows, NOW), pasts.of(search, rows, NOW)
    assert ("p-000" in first_time, last in first_time, last in second_time) == (True, False, True)


def test_nobody_needs_no_search() -> None:
    search = FakeSearch()
    assert Pasts(INTERVAL).of(search, {}, NOW) == {}
    assert search.asked == []


def test_the_risk_line_ends_at_the_right_edge_and_rises_with_the_risk() -> None:
    known = [prediction(reading("p-1", NOW - INTERVAL * back, 150, 90), risk) for back, risk in ((1, 0.0), (0, 1.0))]
    assert risk_line(known) == "M63.3 16.0L64.0 0.0"
    assert risk_line(known[:1]) == ""
    assert risk_line([prediction(reading("p-1", NOW - timedelta(days=2), 150, 90), 0.3), *known]) == risk_line(known)
