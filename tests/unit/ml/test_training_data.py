from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.features import MICROSECONDS_PER_HOUR, WINDOW_LENGTH, feature_matrix
from ml.training_data import (
    Dataset,
    Design,
    Records,
    crisis_targets,
    make_dataset,
    simulate_records,
    split_by_patient,
    windows_at,
)

DESIGN = Design(patients=120, seed=3)
T_US = 1_740_787_200_000_000


@cache
def dataset() -> Dataset:
    return make_dataset(DESIGN)


@cache
def records() -> Records:
    return simulate_records(DESIGN)


def targets(*readings: tuple[float, int, int]) -> list[float]:
    """Targets of one window whose newest reading is at t, followed by (hours after t, systolic, diastolic)."""
    hours, systolic, diastolic = (np.array([column]) for column in zip(*readings, strict=True))
    effective_us = T_US + np.rint(hours * MICROSECONDS_PER_HOUR).astype(np.int64)
    pressures = (systolic.astype(np.int16), diastolic.astype(np.int16))
    made: list[float] = crisis_targets(np.array([T_US]), effective_us, *pressures)[0].tolist()
    return made


@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"), [(180, 80, 1), (179, 80, 0), (150, 120, 1), (150, 119, 0), (200, 130, 1)]
)
def test_180_systolic_or_120_diastolic_is_a_crisis_and_one_less_is_not(
    systolic: int, diastolic: int, expected: int
) -> None:
    assert targets((0.5, systolic, diastolic)) == [expected] * 3


def test_the_newest_reading_of_the_window_never_counts() -> None:
    assert targets((0, 200, 130), (0.25, 120, 80)) == [0, 0, 0]


def test_earlier_readings_never_count() -> None:
    assert targets((-0.25, 200, 130), (0.25, 120, 80)) == [0, 0, 0]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(1, [1, 1, 1]), (1.001, [0, 1, 1]), (6, [0, 1, 1]), (6.001, [0, 0, 1]), (24, [0, 0, 1]), (24.001, [0, 0, 0])],
)
def test_a_horizon_ends_with_the_instant_h_hours_after_t_included(hours: float, expected: list[int]) -> None:
    assert targets((0.25, 120, 80), (hours, 180, 80)) == expected


def test_a_longer_horizon_never_sees_less() -> None:
    assert (np.diff(dataset().targets, axis=1) >= 0).all()
    assert set(np.unique(dataset().targets)) == {0.0, 1.0}


def test_no_patient_is_on_two_sides_of_the_split_and_none_is_lost() -> None:
    parts = split_by_patient(dataset(), seed=1)
    patients = [set(part.patient.tolist()) for part in parts.values()]
    assert set.union(*patients) == set(dataset().patient.tolist())
    assert sum(len(part) for part in patients) == len(set.union(*patients))
    assert sum(len(part.features) for part in parts.values()) == len(dataset().features)


def naive_window(patient: int, tick: int) -> list[tuple[float, ...]]:
    """The definition, one reading at a time: (systolic, diastolic, heart rate, hours before the newest)."""
    seen, rows = records(), []
    for k in range(tick + 1):
        if seen.measured[patient, k]:
            hours = (seen.effective_us[patient, tick] - seen.effective_us[patient, k]) / MICROSECONDS_PER_HOUR
            pressures = (seen.systolic[patient, k], seen.diastolic[patient, k], seen.heart_rate[patient, k])
            rows.append((*map(float, pressures), float(hours)))
    return [(np.nan,) * 4] * (WINDOW_LENGTH - len(rows)) + rows[-WINDOW_LENGTH:]


def some_windows() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    patient, tick = np.nonzero(records().measured)
    chosen = np.random.default_rng(1).choice(len(patient), 60, replace=False)
    return patient[chosen], tick[chosen]


def test_windows_hold_the_last_thirty_measured_readings_newest_last() -> None:
    patient, tick = some_windows()
    expected = np.array([naive_window(*place) for place in zip(patient.tolist(), tick.tolist(), strict=True)])
    made = feature_matrix(windows_at(records(), patient, tick))
    np.testing.assert_array_equal(made, expected.reshape(60, 120).astype(np.float32))


def test_every_window_has_the_least_number_of_readings_and_short_ones_occur() -> None:
    filled = (~np.isnan(dataset().features[:, 0::4])).sum(axis=1)
    assert filled.min() == DESIGN.min_readings
    assert filled.max() == WINDOW_LENGTH
    assert make_dataset(Design(patients=20, min_readings=30)).features[:, 0].min() > 0


def test_gaps_of_the_device_are_visible_in_the_hours() -> None:
    full = dataset().features[~np.isnan(dataset().features[:, 0])]
    steps = -np.diff(full[:, 3::4], axis=1)
    assert (full[:, -1] == 0).all()
    assert steps.min() == pytest.approx(0.25, abs=1e-5)
    assert (steps > 0.4).mean() > 0.02


def test_the_same_design_gives_the_same_data_and_another_seed_others() -> None:
    again, other = make_dataset(DESIGN), make_dataset(Design(patients=120, seed=4))
    np.testing.assert_array_equal(again.features, dataset().features)
    assert not np.array_equal(other.targets, dataset().targets)


def test_a_record_without_room_for_the_follow_up_is_refused() -> None:
    with pytest.raises(ValueError, match="must exceed the follow-up of 24 h"):
        make_dataset(Design(patients=5, record_h=24))


def test_the_description_says_that_the_patients_are_simulated() -> None:
    described = DESIGN.describe()
    assert "SIMULATED" in str(described["source"])
    assert described["episode_factor"] == DESIGN.episode_factor
