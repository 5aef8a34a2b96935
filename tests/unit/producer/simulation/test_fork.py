"""Futures of a simulation's present, as the Monte-Carlo limit of prediction needs them."""

from __future__ import annotations

import numpy as np
import pytest

from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Readings, Simulation
from tests.support.records import EPOCH_US, INTERVAL_US, TICKS_PER_H, Floats, Mask


def present(patients: int, ticks: int = 150, episode_factor: float = 30.0, seed: int = 2) -> Simulation:
    """Return a simulation of referred patients after `ticks`, many of them in an episode."""
    people = draw_patients(patients, seed, {"referred": 1.0})
    simulation = Simulation(people, Plan(seed, EPOCH_US, INTERVAL_US, episode_factor))
    for _ in range(ticks):
        simulation.step()
    return simulation


def crisis(readings: Readings) -> Mask:
    reached: Mask = (readings.true_systolic >= 180) | (readings.true_diastolic >= 120)
    return reached


def any_crisis(simulation: Simulation, ticks: int) -> Mask:
    """Tell which patients have a crisis reading within the next `ticks`."""
    reached: Mask = np.logical_or.reduce([crisis(simulation.step()) for _ in range(ticks)])
    return reached


def risks(simulation: Simulation, copies: int, ticks: int, seed: int = 0) -> Floats:
    """Return the share of crises among the copies of each patient, shape (n,)."""
    everyone = np.arange(len(simulation.patients))
    shares: Floats = any_crisis(simulation.fork(everyone, copies, seed), ticks).reshape(-1, copies).mean(axis=1)
    return shares


def test_copies_are_the_chosen_patients_side_by_side_at_the_tick_that_follows() -> None:
    simulation = present(6)
    forked = simulation.fork(np.array([4, 1]), 3, seed=0)
    following, original = forked.step(), simulation.step()
    rows = [4, 4, 4, 1, 1, 1]
    assert forked.patients.systolic.tolist() == simulation.patients.systolic[rows].tolist()
    assert following.tick == original.tick
    assert following.effective_us.tolist() == original.effective_us[rows].tolist()


def course_of(simulation: Simulation) -> Floats:
    """Return what is expected at the last tick that was measured, without any noise."""
    now_us = simulation._instants(simulation.next_tick - 1)
    expected = simulation._course(now_us, np.zeros(len(now_us)))
    return np.stack([expected.systolic, expected.diastolic, expected.heart_rate])


@pytest.mark.parametrize("again", [False, True], ids=["a fork", "a fork of a fork"])
def test_copies_share_the_present_with_its_slow_terms_gaps_and_episodes(again: bool) -> None:
    simulation = present(400)
    forked = simulation.fork(np.arange(400), 2, seed=3)
    if again:
        forked = forked.fork(np.arange(0, 800, 2), 2, seed=3)
    assert np.array_equal(forked._moment.slow, np.repeat(simulation._moment.slow, 2, axis=1))
    assert np.array_equal(forked._moment.in_gap, np.repeat(simulation._moment.in_gap, 2))
    assert np.allclose(course_of(forked), np.repeat(course_of(simulation), 2, axis=1))
    rise = simulation._episodes.rise(simulation._instants(simulation.next_tick - 1))
    assert (rise[0] > 10).sum() > 10  # otherwise no episode was there to be shared


def test_copies_part_from_each_other_from_the_original_and_from_forks_of_other_seeds() -> None:
    simulation = present(50)
    first, second = (simulation.fork(np.arange(50), 2, seed).step().true_systolic.reshape(50, 2) for seed in (0, 1))
    original = simulation.step().true_systolic
    for left, right in ((first[:, 0], first[:, 1]), (first[:, 0], second[:, 0]), (first[:, 0], original)):
        assert (left != right).mean() > 0.8


def test_the_same_seed_gives_the_same_futures() -> None:
    first, second = (present(20).fork(np.arange(20), 3, seed=1) for _ in range(2))
    for _ in range(30):
        assert np.array_equal(first.step().systolic, second.step().systolic)


def test_forking_leaves_the_original_as_it_would_have_been() -> None:
    forked, undisturbed = present(20), present(20)
    any_crisis(forked.fork(np.arange(20), 5, seed=1), 10)
    for _ in range(30):
        assert np.array_equal(forked.step().systolic, undisturbed.step().systolic)


def test_many_copies_of_one_fork_agree_with_single_copies_of_many_seeds() -> None:
    """A share of n copies has a standard error of sqrt(p (1 - p) / n); the difference of two may reach 4.5 of them."""
    simulation, copies = present(60), 400
    together = risks(simulation, copies, TICKS_PER_H)
    by_seed = np.mean([risks(simulation, 1, TICKS_PER_H, seed) for seed in range(1, copies + 1)], axis=0)
    pooled = (together + by_seed) / 2
    allowed = 4.5 * np.sqrt(2 * pooled * (1 - pooled) / copies) + 1e-9
    assert (np.abs(together - by_seed) <= allowed).all()
    assert ((together > 0.05) & (together < 0.95)).sum() > 10  # shares that could differ


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_the_risks_of_forks_are_those_of_what_really_follows(hours: int) -> None:
    """Over many patients: as many crises as the risks add up to, within 4 standard errors of such a sum."""
    simulation, copies = present(1200), 25
    risk = risks(simulation, copies, hours * TICKS_PER_H)
    happened = any_crisis(simulation, hours * TICKS_PER_H)
    standard_error = np.sqrt((risk * (1 - risk)).sum() * (1 + 1 / copies))
    assert abs(happened.sum() - risk.sum()) <= 4 * standard_error
    assert happened.sum() > 50
