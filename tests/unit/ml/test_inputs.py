from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conf.times import to_us
from ml.features import FEATURE_NAMES, MEASURES, WINDOW_LENGTH, hours_of_day
from ml.inputs import CONSTANTS_H, INPUT_NAMES, RISING, STEPS, booster_inputs
from tests.support.bundles import make_features, make_hours

Rows = NDArray[np.float32]
STEP = 1 / STEPS


def window(*readings: tuple[float, float, float, float]) -> Rows:
    """Return a window of readings (systolic, diastolic, heart rate, hours before the newest), oldest first."""
    slots = np.full((WINDOW_LENGTH, len(MEASURES)), np.nan, dtype=np.float32)
    slots[WINDOW_LENGTH - len(readings) :] = readings
    return slots.reshape(1, -1)


def told(features: Rows, hour: float = 12.0) -> dict[str, float]:
    (row,) = booster_inputs(features, np.array([hour], dtype=np.float32))
    return dict(zip(INPUT_NAMES, row.tolist(), strict=True))


SOME = window((150, 90, 60, 3), (181, 100, np.nan, 1.5), (140, 80, 70, 0.5), (135, 85, 80, 0))


def test_summaries_are_of_the_readings_before_the_newest() -> None:
    found = told(SOME)
    assert (found["systolic"], found["diastolic"], found["heart_rate"]) == (135, 85, 80)
    assert (found["systolic_previous"], found["systolic_greatest"], found["systolic_least"]) == (140, 181, 140)
    assert found["diastolic_greatest_recent"] == 100
    assert found["systolic_spread"] == pytest.approx(np.std([150, 181, 140]), abs=STEP)
    assert found["systolic_from_150"] == pytest.approx(2 / 3, abs=STEP)
    assert found["systolic_from_180"] == pytest.approx(1 / 3, abs=STEP)
    assert found["hours_since_crisis"] == 1.5
    assert (found["readings"], found["hours_before_oldest"], found["hours_before_previous"]) == (3, 3, 0.5)
    assert found["heart_rates"] == pytest.approx(2 / 3, abs=STEP)


@pytest.mark.parametrize("constant_h", CONSTANTS_H)
def test_means_weigh_a_reading_less_the_longer_ago_it_is(constant_h: int) -> None:
    weights = np.exp(-np.array([3, 1.5, 0.5]) / constant_h)
    expected = (weights * [150, 181, 140]).sum() / weights.sum()
    assert told(SOME)[f"systolic_mean_{constant_h}h"] == pytest.approx(expected, abs=STEP)


def test_slopes_are_of_the_straight_line_in_mmhg_per_hour() -> None:
    rising = window(*((120 + 4 * step, 80 - step, 70, 2 - step / 2) for step in range(5)))
    assert told(rising)["systolic_slope"] == pytest.approx(8, abs=STEP)
    assert told(rising)["diastolic_slope"] == pytest.approx(-2, abs=STEP)


def test_the_clock_goes_round_and_the_readings_have_their_own() -> None:
    found = told(window((120, 80, 70, 6), (120, 80, 70, 0)), hour=6)
    assert (found["sine"], found["cosine"]) == pytest.approx((1, 0), abs=STEP)
    assert (found["readings_sine"], found["readings_cosine"]) == pytest.approx((0, 1), abs=STEP)  # at midnight
    before, after = (booster_inputs(SOME, np.array([hour], np.float32))[0] for hour in (23.999, 0.0))
    round_the_clock = [name for name in INPUT_NAMES if name != "hour"]
    places = [INPUT_NAMES.index(name) for name in round_the_clock]
    np.testing.assert_allclose(before[places], after[places], atol=STEP)


def test_what_a_window_lacks_is_missing_and_no_number_is_infinite() -> None:
    found = told(window((120, 80, np.nan, 0)))
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert {"heart_rate", "systolic_mean_24h", "systolic_previous", "hours_since_crisis"} <= missing
    assert found["readings"] == 0
    calm = told(window((120, 80, np.nan, 4), (120, 80, np.nan, 0)))
    assert np.isnan(calm["systolic_greatest_recent"])
    for row in (found, calm):
        assert not np.isinf(list(row.values())).any()


@given(st.integers(0, 2**32), st.floats(1, 60))
def test_the_newest_pressures_move_nothing_but_themselves(seed: int, rise: float) -> None:
    """So a risk that may only rise with `RISING` never falls when they rise."""
    features, hours = make_features(20, seed), make_hours(20, seed)
    higher = features.copy()
    higher[:, [FEATURE_NAMES.index(f"{name}_lag00") for name in RISING]] += np.float32(rise)
    moved = (booster_inputs(features, hours) != booster_inputs(higher, hours)) & ~np.isnan(
        booster_inputs(features, hours)
    )
    assert {INPUT_NAMES[place] for place in np.flatnonzero(moved.any(axis=0))} <= set(RISING)


def test_a_row_has_the_same_inputs_alone_and_among_others() -> None:
    features, hours = make_features(50), make_hours(50)
    alone = [booster_inputs(features[[row]], hours[[row]])[0] for row in range(50)]
    np.testing.assert_array_equal(np.array(alone), booster_inputs(features, hours))


def test_the_hour_is_that_of_the_places_clocks_in_summer_and_winter() -> None:
    noons = [to_us(datetime(2026, month, 1, 12, tzinfo=UTC)) for month in (1, 7)]
    ancient = [-(10**17)]
    paris = hours_of_day(np.array(noons + ancient), ZoneInfo("Europe/Paris"))
    assert paris[:2].tolist() == [13, 14]
    assert 0 <= paris[2] < 24
    assert hours_of_day(np.array(noons), UTC).tolist() == [12, 12]
