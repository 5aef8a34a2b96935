from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from fhir.ranges import impossible_pressure
from producer.simulation.cuff import Artefact
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Readings, Simulation
from tests.support.records import EPOCH_US, INTERVAL_US, record


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


def make_simulation(seed: int = 5, patients: int = 40) -> Simulation:
    plan = Plan(seed, EPOCH_US, INTERVAL_US, episode_factor=50.0, artefact_share=0.3)
    return Simulation(draw_patients(patients, seed), plan)


def same(left: Readings, right: Readings) -> bool:
    return all(np.array_equal(getattr(left, field.name), getattr(right, field.name)) for field in fields(Readings))


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


def test_what_is_shown_is_true_unless_an_artefact_is_noted() -> None:
    simulation, differing = make_simulation(patients=400), 0
    for _ in range(20):
        seen = simulation.step()
        honest = (seen.artefact == Artefact.NONE) & (simulation.patients.digit_step == 1)
        for name in ("systolic", "diastolic", "heart_rate"):
            assert (getattr(seen, name) == getattr(seen, f"true_{name}"))[honest].all()
        differing += int((seen.systolic != seen.true_systolic).sum())
        assert not seen.artefact[~seen.measured].any()
    assert differing > 400


def test_a_stuck_device_shows_the_reading_before_again() -> None:
    simulation, stuck = make_simulation(patients=400), 0
    before = simulation.step()
    for _ in range(20):
        seen = simulation.step()
        places = np.flatnonzero(seen.artefact == Artefact.STUCK)
        assert (seen.systolic[places] == before.systolic[places]).all()
        assert before.measured[places].all()
        stuck += len(places)
        before = seen
    assert stuck > 50


def test_a_biased_cuff_shifts_what_is_shown_and_what_counts_as_true() -> None:
    people = draw_patients(4000, 1)
    plain, biased = (
        Simulation(people, Plan(1, EPOCH_US, INTERVAL_US, device_bias=bias)).step() for bias in ((0, 0), (6, -3))
    )
    assert (biased.true_systolic - plain.true_systolic).mean() == pytest.approx(6, abs=0.1)
    assert (biased.true_diastolic - plain.true_diastolic).mean() == pytest.approx(-3, abs=0.1)


def test_patients_measure_at_their_own_phase_spread_over_the_interval() -> None:
    simulation = make_simulation(patients=400)
    first, second = simulation.step(), simulation.step()
    assert (second.effective_us - first.effective_us == INTERVAL_US).all()
    into_interval = first.effective_us - EPOCH_US
    assert into_interval.min() >= 0
    assert into_interval.max() < INTERVAL_US
    quarters = np.bincount(into_interval * 4 // INTERVAL_US, minlength=4)
    assert (quarters > 60).all()


def test_accepted_readings_are_those_that_the_intake_takes() -> None:
    readings = Simulation(draw_patients(3000, 1), Plan(1, EPOCH_US, INTERVAL_US, artefact_share=0.5)).step()
    rows = zip(readings.measured, readings.systolic.tolist(), readings.diastolic.tolist(), strict=True)
    taken = [bool(measured) and impossible_pressure(*pressures) is None for measured, *pressures in rows]
    assert readings.accepted.tolist() == taken
    assert 300 < sum(taken) < 2700
    rates = zip(readings.has_heart_rate.tolist(), readings.heart_rate.tolist(), strict=True)
    assert readings.heart_rate_accepted.tolist() == [told and 20 <= rate <= 300 for told, rate in rates]


def test_cuffs_differ_by_a_few_mmhg_tell_no_heart_rate_or_show_rounded_pressures() -> None:
    people = draw_patients(4000, 1)
    assert people.cuff_bias_systolic.std() == pytest.approx(3, abs=0.2)
    readings = Simulation(people, Plan(1, EPOCH_US, INTERVAL_US, artefact_share=0.0)).step()
    assert 0.15 < 1 - people.has_heart_rate.mean() < 0.2
    assert not readings.has_heart_rate[~people.has_heart_rate].any()
    assert 0.005 < 1 - readings.has_heart_rate[people.has_heart_rate].mean() < 0.04
    rounding = people.digit_step > 1
    assert (readings.systolic % people.digit_step == 0).all()
    assert (np.abs(readings.systolic - readings.true_systolic) <= people.digit_step / 2).all()
    assert 0.12 < rounding.mean() < 0.24
    ends_in_0 = (readings.systolic % 10 == 0).mean()
    assert 0.13 < ends_in_0 < 0.2
