from __future__ import annotations

from conf.times import HOUR_US
from producer.simulation.cuff import Artefact
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Readings, Simulation
from producer.simulation.scenario import SHIFTED, USUAL, Scenario
from tests.support.records import EPOCH_US


def first_reading(scenario: Scenario) -> Readings:
    people = draw_patients(4000, 1, scenario.mixture)
    return Simulation(people, scenario.plan(1, EPOCH_US)).step()


def test_the_usual_scenario_is_that_of_a_plain_plan() -> None:
    assert USUAL.plan(1, EPOCH_US) == Plan(1, EPOCH_US, HOUR_US // 4)


def test_shifted_patients_have_higher_pressures_and_wider_pulse_pressures() -> None:
    usual, shifted = first_reading(USUAL), first_reading(SHIFTED)
    assert shifted.true_systolic.mean() > usual.true_systolic.mean() + 5
    pulse = [(seen.true_systolic - seen.true_diastolic).mean() for seen in (usual, shifted)]
    assert pulse[1] > pulse[0] + 5


def test_shifted_devices_fail_and_err_more_often() -> None:
    usual, shifted = first_reading(USUAL), first_reading(SHIFTED)
    assert shifted.measured.mean() < usual.measured.mean() - 0.05
    assert (shifted.artefact != Artefact.NONE).mean() > 1.4 * (usual.artefact != Artefact.NONE).mean()


def test_the_callers_episode_factor_is_multiplied() -> None:
    assert SHIFTED.plan(1, EPOCH_US, episode_factor=10).episode_factor == 10 * SHIFTED.episode_factor
