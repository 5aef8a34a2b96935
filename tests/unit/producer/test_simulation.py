"""The acceptance bands are those of published recordings, widened by the project (an assumption)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.fhir.ranges import impossible_pressure
from producer.gaps import GAP_SHARE
from producer.patient_profile import CORE, DAY_US, FULL, HOUR_US, Variation, draw_patients
from producer.simulation import Plan, Readings, Simulation

EPOCH_US = 1_740_787_200_000_000  # 2025-03-01
INTERVAL_US = HOUR_US // 4
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Record:
    """Shape (patients, ticks); `hour` by the patient's clock."""

    systolic: Floats
    diastolic: Floats
    heart_rate: Floats
    measured: Mask
    hour: Floats

    @property
    def night(self) -> Mask:
        return (self.hour >= 23) | (self.hour < 6.75)

    @property
    def crisis(self) -> Mask:
        return (self.systolic >= 180) | (self.diastolic >= 120)


@cache
def record(
    group: str = "calibration",
    variation: Variation = FULL,
    patients: int = 1000,
    hours: int = 48,
    seed: int = 1,
    episode_factor: float = 0.0,
    gap_share: float = 0.0,
) -> Record:
    people = draw_patients(patients, seed, {group: 1.0}, variation)
    simulation = Simulation(
        people, Plan(seed, EPOCH_US, INTERVAL_US, episode_factor, gap_share, 0.0, variation=variation)
    )
    ticks = [simulation.step() for _ in range(hours * 4)]
    systolic, diastolic, heart_rate = (
        np.stack([np.asarray(getattr(tick, name), dtype=np.float64) for tick in ticks], axis=1)
        for name in ("systolic", "diastolic", "heart_rate")
    )
    local_us = np.stack([tick.effective_us for tick in ticks], axis=1) + people.utc_offset_us[:, None]
    measured = np.stack([tick.measured for tick in ticks], axis=1)
    return Record(systolic, diastolic, heart_rate, measured, local_us % DAY_US / HOUR_US)


def spread(values: Floats, rows: Mask) -> float:
    return float(np.nanstd(np.where(rows, values, np.nan), axis=1, ddof=1).mean())


def correlation(left: Floats, right: Floats, rows: Mask) -> float:
    a, b = (np.where(rows, values, np.nan) for values in (left, right))
    a, b = (values - np.nanmean(values, axis=1, keepdims=True) for values in (a, b))
    return float((np.nansum(a * b, axis=1) / np.sqrt(np.nansum(a**2, axis=1) * np.nansum(b**2, axis=1))).mean())


def day_autocorrelation(seen: Record, lag: int) -> float:
    values = []
    for systolic, night in zip(seen.systolic, seen.night, strict=True):
        day = systolic[~night] - systolic[~night].mean()
        values.append((day[lag:] * day[:-lag]).sum() / (day**2).sum())
    return float(np.mean(values))


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
def test_spread_by_day_and_night_is_that_of_ambulatory_recordings(variation: Variation) -> None:
    seen = record(variation=variation)
    day, night = ~seen.night, seen.night
    assert 12.0 <= spread(seen.systolic, day | night) <= 15.0
    assert 10.8 <= spread(seen.systolic, day) <= 13.8
    assert 9.4 <= spread(seen.systolic, night) <= 12.6
    assert 6.6 <= spread(seen.diastolic, day) <= 8.8
    assert 5.9 <= spread(seen.diastolic, night) <= 7.8
    assert 6.5 <= spread(seen.heart_rate, day) <= 8.2
    assert 4.2 <= spread(seen.heart_rate, night) <= 5.6


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
def test_systolic_diastolic_and_heart_rate_move_together_as_observed(variation: Variation) -> None:
    seen = record(variation=variation)
    day, always = ~seen.night, np.ones_like(seen.night)
    assert 0.60 <= correlation(seen.systolic, seen.diastolic, always) <= 0.76
    assert 0.50 <= correlation(seen.systolic, seen.diastolic, day) <= 0.70
    assert 0.38 <= correlation(seen.systolic, seen.heart_rate, always) <= 0.52
    assert 0.30 <= correlation(seen.systolic, seen.heart_rate, day) <= 0.45


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
def test_a_reading_remembers_the_last_hour_as_weakly_as_observed(variation: Variation) -> None:
    seen = record(variation=variation)
    assert 0.36 <= day_autocorrelation(seen, 1) <= 0.52
    assert 0.27 <= day_autocorrelation(seen, 2) <= 0.44
    assert 0.14 <= day_autocorrelation(seen, 4) <= 0.30
    assert 10.3 <= np.abs(seen.systolic[:, 4:] - seen.systolic[:, :-4]).mean() <= 13.0


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
def test_shares_of_dippers_and_risers_are_those_of_a_population(variation: Variation) -> None:
    seen = record(variation=variation, patients=2000)
    systolic, night = seen.systolic[:, :96], seen.night[:, :96]
    day_mean = np.nanmean(np.where(night, np.nan, systolic), axis=1)
    dip = 1 - np.nanmean(np.where(night, systolic, np.nan), axis=1) / day_mean
    extreme, dipper, non_dipper, riser = np.diff(np.searchsorted(np.sort(-dip), [-1, -0.2, -0.1, 0, 1])) / len(dip)
    assert 0.03 <= extreme <= 0.09
    assert 0.29 <= dipper <= 0.42
    assert 0.39 <= non_dipper <= 0.53
    assert 0.08 <= riser <= 0.18


@pytest.mark.parametrize(("group", "low", "high"), [("referred", 0.018, 0.031), ("treated", 0.0024, 0.0065)])
def test_crisis_readings_are_about_as_frequent_as_expected_of_the_group(group: str, low: float, high: float) -> None:
    """Outside half or twice the expected range the generator has a fault or a changed constant."""
    assert low / 2 <= record(group, hours=72).crisis.mean() <= high * 2


def test_normotensive_patients_hardly_ever_reach_a_crisis() -> None:
    assert record("normotensive", hours=72).crisis.mean() <= 0.0006


def test_episodes_raise_the_number_of_crisis_readings() -> None:
    without, with_episodes = record("referred"), record("referred", episode_factor=100.0)
    assert with_episodes.crisis.mean() > 1.5 * without.crisis.mean()


def test_every_reading_is_possible_for_a_cuff_even_in_an_episode() -> None:
    seen = record("referred", episode_factor=100.0)
    assert (seen.systolic - seen.diastolic).min() >= 10
    assert seen.systolic.min() >= 50
    assert seen.systolic.max() <= 300
    assert seen.diastolic.min() >= 20
    assert seen.heart_rate.min() >= 20


def test_failed_measurements_come_in_runs() -> None:
    failed = ~record(gap_share=GAP_SHARE).measured
    assert failed.mean() == pytest.approx(GAP_SHARE, abs=0.01)
    after_a_failure = failed[:, 1:][failed[:, :-1]].mean()
    assert after_a_failure > 3 * failed.mean()


def make_simulation(seed: int = 5, patients: int = 40) -> Simulation:
    return Simulation(draw_patients(patients, seed), Plan(seed, EPOCH_US, INTERVAL_US, episode_factor=50.0))


def same(left: Readings, right: Readings) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in ("tick", "patient", "effective_us", "systolic", "diastolic", "heart_rate", "measured")
    )


def test_the_same_seed_gives_the_same_stream() -> None:
    first, second = make_simulation(), make_simulation()
    assert all(same(first.step(), second.step()) for _ in range(120))


def test_another_seed_gives_another_stream() -> None:
    assert not same(make_simulation(5).step(), make_simulation(6).step())


@pytest.mark.parametrize("tick", [1, 7, 200])
def test_a_skipped_past_leaves_the_future_as_it_would_have_been(tick: int) -> None:
    walked, skipped = make_simulation(), make_simulation()
    for _ in range(tick):
        walked.step()
    skipped.skip_to(tick)
    assert all(same(walked.step(), skipped.step()) for _ in range(10))


def test_patients_measure_at_their_own_phase_spread_over_the_interval() -> None:
    simulation = make_simulation(patients=400)
    first, second = simulation.step(), simulation.step()
    assert (second.effective_us - first.effective_us == INTERVAL_US).all()
    into_interval = first.effective_us - EPOCH_US
    assert into_interval.min() >= 0
    assert into_interval.max() < INTERVAL_US
    quarters = np.bincount(into_interval * 4 // INTERVAL_US, minlength=4)
    assert (quarters > 60).all()


def test_the_mixture_sets_the_shares_of_the_groups() -> None:
    groups = draw_patients(2000, 1, {"referred": 3.0, "normotensive": 1.0}).group
    assert groups.count("referred") / 2000 == pytest.approx(0.75, abs=0.04)
    assert set(groups) == {"referred", "normotensive"}


def test_accepted_readings_are_those_that_the_intake_takes() -> None:
    readings = Simulation(draw_patients(3000, 1), Plan(1, EPOCH_US, INTERVAL_US, artefact_share=0.5)).step()
    rows = zip(readings.measured, readings.systolic.tolist(), readings.diastolic.tolist(), strict=True)
    taken = [bool(measured) and impossible_pressure(*pressures) is None for measured, *pressures in rows]
    assert readings.accepted.tolist() == taken
    assert 300 < sum(taken) < 2700
    assert readings.heart_rate_accepted.tolist() == [20 <= rate <= 300 for rate in readings.heart_rate.tolist()]
