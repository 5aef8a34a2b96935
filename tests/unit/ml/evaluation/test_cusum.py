"""The watch over observed and expected crises is silent while risks are right, and soon tells when they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from conf.times import HOUR_US
from ml.evaluation.cusum import (
    HIGHEST,
    LEAST_PATIENTS,
    LIMIT,
    MOST_PATIENTS,
    accumulate,
    apart,
    likelihood_ratios,
    who_counts,
)

DAYS = 30
PATIENTS = LEAST_PATIENTS
MEAN_RISKS = {1: 0.015, 6: 0.05, 24: 0.12}  # about those of windows not in crisis
TICK_US = HOUR_US // 4


def highest_sums(wards: int, odds: float = 1.0, horizon_h: int = 6, seed: int = 1) -> NDArray[np.float64]:
    """Return the sums of each day of simulated wards, shape (DAYS, wards, 2), whose crises have `odds` times the risks.

    The top of the patients holds most of the crises.
    """
    random = np.random.default_rng(seed)
    each_day = 24 // horizon_h
    mean = MEAN_RISKS[horizon_h]
    risk = random.beta(0.5, 0.5 / mean - 0.5, (wards, DAYS, PATIENTS * each_day))
    true = odds * risk / (1 - risk + odds * risk)
    target = (random.random(risk.shape) < true).astype(np.float32)
    added = likelihood_ratios(target.ravel(), risk.ravel()).reshape(*risk.shape, 2).sum(axis=2)
    return accumulate(added.swapaxes(0, 1), np.zeros((wards, 2)))


def test_each_window_adds_the_log_likelihood_ratio_of_other_odds() -> None:
    target, risk = np.array([1, 0], dtype=np.float32), np.array([0.2, 0.6])
    for column, ratio in enumerate((1.5, 1 / 1.5)):
        other = ratio * risk / (1 - risk + ratio * risk)
        expected = [np.log(other[0] / risk[0]), np.log((1 - other[1]) / (1 - risk[1]))]
        np.testing.assert_allclose(likelihood_ratios(target, risk)[:, column], expected)


def test_a_sum_goes_on_from_day_to_day_and_stays_between_0_and_a_highest() -> None:
    days = np.array([[2.0, -1.0], [-5.0, 3.0], [40.0, 1.0], [-1.0, 1.0]])
    expected = [[3.0, 0.0], [0.0, 3.0], [HIGHEST, 4.0], [HIGHEST - 1, 5.0]]
    np.testing.assert_array_equal(accumulate(days, np.array([1.0, 0.0])), expected)


def test_what_is_computed_again_from_a_day_before_comes_out_the_same() -> None:
    days = np.random.default_rng(1).normal(0, 3, (20, 2))
    whole = accumulate(days, np.zeros(2))
    np.testing.assert_array_equal(accumulate(days[12:], whole[11]), whole[12:])


def test_while_risks_are_right_no_ward_of_400_has_a_false_alarm_in_30_days_at_any_horizon() -> None:
    alarms = [highest_sums(400, 1.0, horizon_h).max(axis=(0, 2)) >= LIMIT for horizon_h in HORIZONS_H]
    assert not np.any(alarms)


@pytest.mark.parametrize(("odds", "side", "days"), [(2.0, 0, 6), (0.5, 1, 10), (1.5, 0, 17)])
def test_risks_that_fit_no_more_are_told_within_days(odds: float, side: int, days: int) -> None:
    """At 6 h, of 100 patients: some 20 crises are expected a day."""
    sums = highest_sums(100, odds)
    assert (sums[:days, :, side].max(axis=0) >= LIMIT).mean() >= 0.9
    assert (sums[:, :, 1 - side] >= LIMIT).sum() == 0


@pytest.mark.parametrize("odds", [0.9, 1.1])
def test_a_small_misfit_is_seldom_an_alarm(odds: float) -> None:
    assert (highest_sums(100, odds).max(axis=(0, 2)) >= LIMIT).mean() <= 0.05


def readings_of(patients: int, hours: int) -> tuple[Any, Any]:
    """Return patient and time of a reading every 15 minutes."""
    ticks = 4 * hours
    return np.repeat(np.arange(patients), ticks), np.tile(np.arange(ticks) * TICK_US, patients)


def test_windows_that_count_lie_a_horizon_apart() -> None:
    patient, newest_us = readings_of(3, 48)
    shuffled = np.random.default_rng(1).permutation(len(patient))
    for horizon_h in HORIZONS_H:
        chosen = apart(patient[shuffled], newest_us[shuffled], horizon_h * HOUR_US)
        for name in np.unique(patient):
            mine = np.sort(newest_us[shuffled][chosen & (patient[shuffled] == name)])
            assert mine.tolist() == list(range(0, 48 * HOUR_US, horizon_h * HOUR_US))


def test_of_many_patients_the_same_ones_count_every_day() -> None:
    names = [f"p-{number}" for number in range(3 * MOST_PATIENTS)]
    fewer = names[::-1][: 2 * MOST_PATIENTS]
    first, second = ({names[place] for place in np.flatnonzero(who_counts(names))} for names in (names, fewer))
    assert len(first) == len(second) == MOST_PATIENTS
    assert first & set(fewer) <= second
    assert who_counts(names[:10]).all()


def test_wards_whose_single_patients_fare_otherwise_than_the_risks_say_seldom_have_a_false_alarm() -> None:
    """What a model does not know of a patient stays with them: their crises are half, or twice, as many as it says."""
    random = np.random.default_rng(3)
    level = np.exp(random.normal(-0.09, 0.42, (150, 1, PATIENTS, 1)))  # of mean 1, spread as in simulated months
    risk = random.beta(0.5, 9.5, (150, 1, PATIENTS, 1)) * random.uniform(0.5, 1.5, (150, DAYS, PATIENTS, 4))
    target = (random.random(risk.shape) < np.clip(level * risk, 0, 1)).astype(np.float32)
    added = likelihood_ratios(target.ravel(), risk.clip(1e-9, 0.99).ravel())
    by_day = added.reshape(150, DAYS, -1, 2).sum(axis=2).swapaxes(0, 1)
    alarms = accumulate(by_day, np.zeros((150, 2))).max(axis=(0, 2)) >= LIMIT
    assert alarms.mean() <= 0.1


def overlapping(patients: int, days: int, seed: int) -> tuple[Any, Any, Any, Any]:
    """Return patient, time, 24 h risk and outcome of windows every 15 minutes; risks are right at every moment."""
    random = np.random.default_rng(seed)
    patient, newest_us = readings_of(patients, 24 * (days + 1))
    ticks = 96 * (days + 1)
    a_tick = random.gamma(0.5, 0.003, (patients, 1))
    events = random.random((patients, ticks)) < a_tick
    counts = np.concatenate([np.zeros((patients, 1)), events.cumsum(axis=1)], axis=1)
    target = (counts[:, 97:] - counts[:, 1:-96] > 0).astype(np.float32)
    risk = np.broadcast_to(1 - (1 - a_tick) ** 96, target.shape)
    known = np.tile(np.arange(ticks) < target.shape[1], patients)
    return patient[known], newest_us[known], risk.ravel(), target.ravel()


def test_windows_that_overlap_would_raise_alarms_which_those_apart_do_not() -> None:
    days = 20
    alarms = {"apart": 0, "all": 0}
    for seed in range(20):
        patient, newest_us, risk, target = overlapping(20, days, seed)
        added, day = likelihood_ratios(target, risk), newest_us // (24 * HOUR_US)
        for name, chosen in (("apart", apart(patient, newest_us, 24 * HOUR_US)), ("all", np.ones(len(day), bool))):
            by_day = np.stack([np.bincount(day[chosen], side[chosen], days) for side in added.T], axis=1, dtype=float)
            alarms[name] += bool(accumulate(by_day, np.zeros(2)).max() >= LIMIT)
    assert alarms["apart"] == 0
    assert alarms["all"] >= 10
