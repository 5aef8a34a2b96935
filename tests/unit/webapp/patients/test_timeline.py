"""The timeline of predictions: what held when, and when nothing did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.ward import prediction, reading
from webapp.patients.timeline import Timeline, changes, drawing, make_timeline

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def timeline(*predictions: tuple[float, float], length: float = 120) -> Timeline:
    documents = [prediction(reading("P-1", at(minute), 140, 85), risk) for minute, risk in predictions]
    return make_timeline(documents, start=NOON, end=at(length), expected_interval=QUARTER)


def test_a_prediction_holds_until_the_next_one_or_until_data_grow_stale() -> None:
    made = timeline((0, 0.1), (15, 0.5), (90, 0.7), length=100)

    assert [(step.at, step.until) for step in made.steps] == [
        (at(0), at(15)),
        (at(15), at(45)),
        (at(90), at(100)),
    ]
    assert made.gaps == ((at(45), at(90)),)


def test_without_predictions_all_is_a_gap() -> None:
    assert timeline().gaps == ((at(0), at(120)),)
    assert timeline().highest is None


def test_the_order_of_arrival_does_not_matter() -> None:
    assert timeline((15, 0.5), (0, 0.1)) == timeline((0, 0.1), (15, 0.5))


def test_times_at_levels_and_the_highest_risk_are_told() -> None:
    made = timeline((0, 0.1), (15, 0.5), (30, 0.61), (45, 0.61), length=60)

    assert made.time_at("CRITICAL") == timedelta(minutes=30)
    assert made.highest is not None
    assert made.highest.at == at(45)


def test_only_changes_of_level_are_listed() -> None:
    assert [step.at for step in changes(timeline((0, 0.1), (15, 0.15), (30, 0.5), (45, 0.41), (60, 0.3)))] == [
        at(0),
        at(30),
        at(60),
    ]


@given(st.lists(st.tuples(st.integers(0, 239), st.floats(0, 1)), unique_by=lambda pair: pair[0]))
def test_times_at_levels_and_gaps_fill_the_whole_time_but_for_a_short_start(pairs: list[tuple[int, float]]) -> None:
    made = timeline(*pairs, length=240)

    held = sum((step.until - step.at for step in made.steps), timedelta(0))
    unknown = sum((until - since for since, until in made.gaps), timedelta(0))
    assert timedelta(0) <= timedelta(minutes=240) - held - unknown <= 2 * QUARTER


def test_a_drawing_has_one_value_for_each_step() -> None:
    drawn = drawing(timeline((0, 0.1), (15, 0.5)))

    assert {len(values) for values in drawn["steps"].values()} == {2}
    assert drawn["thresholds"] == [0.2, 0.4, 0.6]
