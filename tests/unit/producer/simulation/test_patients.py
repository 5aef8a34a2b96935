from __future__ import annotations

import numpy as np
import pytest

from producer.simulation.patients import BETA_BLOCKER_EFFECT, BETA_BLOCKER_SHARE, GROUPS, draw_patients

MANY = 20_000


def test_the_mixture_sets_the_shares_of_the_groups() -> None:
    groups = draw_patients(2000, 1, {"referred": 3.0, "normotensive": 1.0}).group
    assert groups.count("referred") / 2000 == pytest.approx(0.75, abs=0.04)
    assert set(groups) == {"referred", "normotensive"}


@pytest.mark.parametrize("group", GROUPS)
def test_personal_means_are_those_of_the_group_within_four_standard_errors(group: str) -> None:
    people, traits = draw_patients(MANY, 3, {group: 1.0}), GROUPS[group]
    assert abs(people.systolic.mean() - traits.systolic) <= 4 * traits.systolic_sd / np.sqrt(MANY)
    assert people.systolic.std() == pytest.approx(traits.systolic_sd, rel=0.03)
    assert np.corrcoef(people.systolic, people.diastolic)[0, 1] == pytest.approx(0.55, abs=0.05)


@pytest.mark.parametrize("group", GROUPS)
def test_as_many_take_drugs_as_the_group_says(group: str) -> None:
    share = GROUPS[group].on_drugs
    takers = (draw_patients(MANY, 3, {group: 1.0}).doses > 0).mean()
    assert abs(takers - share) <= 4 * np.sqrt(share * (1 - share) / MANY)


def test_some_drugs_slow_the_heart() -> None:
    """A mean of hearts that beat with a spread of about 10 has a standard error of 10 / sqrt(20,000)."""
    treated, untreated = (draw_patients(MANY, 3, {group: 1.0}).heart_rate for group in ("treated", "normotensive"))
    expected = BETA_BLOCKER_SHARE * BETA_BLOCKER_EFFECT
    assert untreated.mean() - treated.mean() == pytest.approx(expected, abs=4 * np.sqrt(2) * 10 / np.sqrt(MANY))


def test_patients_can_be_taken_in_any_order_and_more_than_once() -> None:
    people = draw_patients(10, 1)
    taken = people.take(np.array([7, 7, 2]))
    assert taken.group == (people.group[7], people.group[7], people.group[2])
    assert taken.phase.tolist() == people.phase[[7, 7, 2]].tolist()
