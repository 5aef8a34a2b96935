from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.clinical import HORIZONS_H
from conf.times import HOUR_US
from ml.labels import GREATEST_GAP_H, Targets, crisis_targets, targets_on_record

T_US = 1_740_787_200_000_000
FAR_US = T_US + 1000 * HOUR_US
CALM = (120, 80)
CRISIS = (180, 80)
NAN = np.nan
COLUMNS = list(enumerate(HORIZONS_H))
Reading = tuple[float, tuple[int, int]]


def hour_us(hours: float) -> int:
    return T_US + round(hours * HOUR_US)


def targets(*readings: Reading, measured: bool = True, end_us: int = FAR_US) -> list[float]:
    """Return the targets of one window whose newest reading is at t; a reading is (hours after t, pressures)."""
    effective_us = np.array([[hour_us(hours) for hours, _ in readings]])
    pressures = np.array([pressures for _, pressures in readings], dtype=np.int16).reshape(1, -1, 2)
    flags = np.full(effective_us.shape, measured)
    made = crisis_targets(np.array([T_US]), effective_us, pressures[..., 0], pressures[..., 1], flags, end_us, 0)
    return [float(value) for value in made.shown[0]]


def every_quarter_hour(until_h: float = 25, without: tuple[float, float] = (0, 0)) -> list[Reading]:
    """Return calm readings every 15 minutes after t, none strictly between the hours `without`."""
    hours = np.arange(0.25, until_h + 0.1, 0.25)
    return [(float(hour), CALM) for hour in hours if not without[0] < hour < without[1]]


def with_crisis(hours: float) -> list[Reading]:
    return sorted([*every_quarter_hour(), (hours, CRISIS)])


def same(made: list[float], expected: list[float]) -> bool:
    return bool(np.array_equal(made, expected, equal_nan=True))


@pytest.mark.parametrize("hours", [-30.0, -0.25, 0.0])
def test_readings_at_t_and_earlier_never_count(hours: float) -> None:
    """Leakage list, 1: a target looks at (t, t + h] and nowhere else."""
    assert targets(*with_crisis(hours)) == [0, 0, 0]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(1, [1, 1, 1]), (1.001, [0, 1, 1]), (6, [0, 1, 1]), (6.001, [0, 0, 1]), (24, [0, 0, 1]), (24.001, [0, 0, 0])],
)
def test_a_horizon_ends_with_the_instant_h_hours_after_t_included(hours: float, expected: list[float]) -> None:
    assert targets(*with_crisis(hours)) == expected


def test_a_failed_measurement_shows_no_crisis() -> None:
    assert same(targets((0.25, CRISIS), measured=False), [NAN, NAN, NAN])


@pytest.mark.parametrize(("column", "horizon_h"), COLUMNS)
def test_no_crisis_is_believed_up_to_the_greatest_gap_and_not_beyond(column: int, horizon_h: int) -> None:
    gap_h = GREATEST_GAP_H[horizon_h]
    within, beyond = (every_quarter_hour(without=(0.25, 0.25 + gap_h + extra)) for extra in (0, 0.25))
    assert targets(*within)[column] == 0
    assert np.isnan(targets(*beyond)[column])


@pytest.mark.parametrize(("column", "horizon_h"), COLUMNS)
def test_follow_up_must_reach_to_the_end_of_the_horizon(column: int, horizon_h: int) -> None:
    gap_h = GREATEST_GAP_H[horizon_h]
    assert targets(*every_quarter_hour(until_h=horizon_h - gap_h))[column] == 0
    assert np.isnan(targets(*every_quarter_hour(until_h=horizon_h - gap_h - 0.25))[column])


def test_what_happens_after_the_horizon_does_not_censor_it() -> None:
    assert same(targets(*every_quarter_hour(until_h=6)), [0, 0, NAN])


def test_a_crisis_counts_as_soon_as_it_is_seen_whatever_the_gaps() -> None:
    assert targets((0.9, CRISIS)) == [1, 1, 1]


def test_without_any_later_reading_nothing_is_known() -> None:
    assert same(targets(), [NAN, NAN, NAN])


def test_beyond_the_end_of_the_record_neither_calm_nor_crisis_is_told() -> None:
    """Otherwise only the crises of the last day would stay."""
    assert same(targets(*with_crisis(0.5), end_us=hour_us(6)), [1, 1, NAN])
    assert same(targets(*every_quarter_hour(), end_us=hour_us(6) - 1), [0, NAN, NAN])


minutes = st.integers(0, 30 * 60)
some_readings = st.lists(st.tuples(minutes, st.sampled_from([CALM, CRISIS]), st.booleans()), max_size=30)
Timed = tuple[int, tuple[int, int], bool]


def naive(readings: list[Timed], end: int) -> list[float]:
    """Apply the definition, one reading at a time: (minutes after t, pressures, measured)."""
    return [_naive(readings, end, horizon_h) for horizon_h in HORIZONS_H]


def _naive(readings: list[Timed], end: int, horizon_h: int) -> float:
    until = 60 * horizon_h
    inside = [(minute, pressures) for minute, pressures, measured in readings if measured and 0 < minute <= until]
    if until > end:
        return NAN
    if any(pressures == CRISIS for _, pressures in inside):
        return 1
    marks = [0, *(minute for minute, _ in inside), until]
    return 0 if max(np.diff(marks)) <= 60 * GREATEST_GAP_H[horizon_h] else NAN


@given(some_readings, minutes)
def test_many_readings_at_once_give_what_the_definition_gives(readings: list[Timed], end: int) -> None:
    readings.sort(key=lambda reading: reading[0])
    effective_us = np.array([[hour_us(minute / 60) for minute, _, _ in readings]], dtype=np.int64)
    pressures = np.array([pressures for _, pressures, _ in readings], dtype=np.int16).reshape(1, -1, 2)
    measured = np.array([[flag for _, _, flag in readings]], dtype=np.bool_)
    end_us = np.array([hour_us(end / 60)])
    made = crisis_targets(np.array([T_US]), effective_us, pressures[..., 0], pressures[..., 1], measured, end_us, 0)
    np.testing.assert_array_equal(made.shown[0], naive(readings, end))


def test_instants_after_the_last_reading_on_record_and_records_without_readings_have_no_targets() -> None:
    times = np.array([T_US], dtype=np.int64)
    assert np.isnan(targets_on_record(times + HOUR_US, times, np.array([190.0]), np.array([80.0])).shown).all()
    assert np.isnan(targets_on_record(times, times[:0], np.empty(0), np.empty(0)).shown).all()


def on_record(*systolic: float, step_h: float) -> Targets:
    """Return the targets at t of a patient with these readings after it, so far apart."""
    times = np.array([hour_us(step_h * (number + 1)) for number in range(len(systolic))])
    return targets_on_record(np.array([T_US]), times, np.array(systolic), np.full(len(systolic), 80.0))


def test_a_crisis_is_confirmed_by_a_second_reading_within_half_an_hour() -> None:
    """The second of them is when it happens; a reading up to t confirms nothing."""
    once, twice = on_record(190, *[120.0] * 120, step_h=0.25), on_record(190, 120, 185, *[120.0] * 120, step_h=0.25)
    assert once.shown.tolist() == twice.shown.tolist() == [[1, 1, 1]]
    assert once.confirmed.tolist() == [[0, 0, 0]]
    assert twice.confirmed.tolist() == [[1, 1, 1]]
    late = on_record(120, 120, 120, 190, 185, *[120.0] * 120, step_h=0.25)
    assert (late.shown.tolist(), late.confirmed.tolist()) == ([[1, 1, 1]], [[0, 1, 1]])
    apart = on_record(190, 120, 120, 185, *[120.0] * 120, step_h=0.25)
    assert apart.confirmed.tolist() == [[0, 0, 0]]


def test_a_horizon_shorter_than_the_patients_rhythm_allows_is_not_judged_crisis_or_not() -> None:
    """Of somebody measured hourly only the crises would be known within 1 h: all that were kept would be crises."""
    for systolic in (190.0, 120.0):
        made = on_record(systolic, *[120.0] * 40, step_h=1)
        assert np.isnan(made.shown[0, 0])
        assert made.shown[0, 1:].tolist() == [systolic >= 180] * 2
