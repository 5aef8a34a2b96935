"""What a model was trained on, and which windows lie outside of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.training.simulated import Design, simulate_rows
from ml.features import FEATURE_NAMES, WINDOW_LENGTH
from ml.trained_range import CODES, RangeCode, TrainedRange, trained_range
from tests.support.bundles import TRAINED


def window(
    readings: int = WINDOW_LENGTH, interval_minutes: float = 15, heart_rates: int | None = None, gap_h: float = 0
) -> NDArray[np.float32]:
    """Return a window of shape (1, 120); `gap_h` more lie between the newest reading and the others."""
    slots = np.full((WINDOW_LENGTH, 4), np.nan, dtype=np.float32)
    ago_h = np.arange(readings)[::-1] * interval_minutes / 60
    slots[-readings:] = np.stack([*np.full((3, readings), 100.0), ago_h], axis=1)
    slots[-readings:-1, 3] += gap_h
    slots[: WINDOW_LENGTH - (readings if heart_rates is None else heart_rates), 2] = np.nan
    return slots.reshape(1, len(FEATURE_NAMES))


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        (window(), None),
        (window(interval_minutes=20), None),
        (window(interval_minutes=60), None),
        (window(readings=10), None),
        (window(readings=9), [RangeCode.FEW_READINGS]),
        (window(readings=1), [RangeCode.FEW_READINGS]),
        (window(interval_minutes=14), None),
        (window(interval_minutes=5), [RangeCode.INTERVAL_SHORT]),
        (window(interval_minutes=120), [RangeCode.INTERVAL_LONG]),
        (window(interval_minutes=720), [RangeCode.INTERVAL_LONG, RangeCode.GAP_LONG]),
        (window(gap_h=5), None),
        (window(gap_h=72), [RangeCode.GAP_LONG]),
        (window(heart_rates=27), None),
        (window(heart_rates=0), [RangeCode.HEART_RATE_MISSING]),
    ],
)
def test_window_outside_of_what_was_trained_on_is_told_with_its_reason(
    outside: NDArray[np.float32], expected: list[str] | None
) -> None:
    assert TRAINED.codes(outside) == [expected]


def test_each_window_of_many_is_told_of_itself() -> None:
    rows = np.concatenate([window(), window(readings=5), window(), window(interval_minutes=720, heart_rates=0)])
    alone = [TRAINED.codes(rows[[row]])[0] for row in range(len(rows))]
    assert TRAINED.codes(rows) == alone
    assert [told is None for told in alone] == [True, False, True, False]
    assert TRAINED.codes(rows[:0]) == []


@cache
def simulated_features() -> NDArray[np.float32]:
    rows, _ = simulate_rows(Design(patients=60, seed=3), 0)
    return rows.features


def test_simulated_training_covers_what_its_design_says() -> None:
    """Ten readings or more, every 15 to 60 minutes, some patients without any heart rate."""
    made = trained_range(simulated_features())
    assert (made.least_readings, made.most_heart_rates_missing) == (10, 1)
    assert (made.shortest_interval_minutes, made.longest_interval_minutes) == (15, 60)
    assert 1 <= made.longest_gap_hours < 12


def test_hardly_any_training_window_is_out_of_its_own_range() -> None:
    """Else a patient like those of the training would be called another kind."""
    outside = trained_range(simulated_features()).outside(simulated_features())
    assert outside.shape == (len(simulated_features()), len(CODES))
    assert outside.mean() < 0.002


def test_range_of_windows_of_single_readings_can_be_told() -> None:
    assert trained_range(window(readings=1)) == TrainedRange(1, 0, 0, 0, 0)


def test_range_is_read_as_it_was_written() -> None:
    assert TrainedRange.from_json(TRAINED.to_json()) == TRAINED


@pytest.mark.parametrize("value", [{}, {"least_readings": 3}, {**TRAINED.to_json(), "longest_gap_hours": np.nan}])
def test_figures_that_are_no_range_are_refused(value: dict[str, float]) -> None:
    with pytest.raises((TypeError, ValueError)):
        TrainedRange.from_json(value)
