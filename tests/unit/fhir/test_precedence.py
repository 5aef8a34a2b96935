"""Which of several statements about a patient stands."""

from __future__ import annotations

from typing import Any

import pytest

from conf.times import MINUTE_US
from fhir.precedence import Standing, Statement, StatementKind, in_force, readings_of, stands_at
from fhir.readings import FIRST_DATED_VERSION

NOON_US = 1_790_000_000_000_000


def reading(order: int, systolic: float = 120, rate: float | None = None, **changes: Any) -> Statement:
    """Make a pressure at noon under an Observation id of its own, varied."""
    usual = Statement(
        StatementKind.PRESSURE, NOON_US, order, f"bp-{order}", False, systolic, systolic - 40, rate, number=order
    )
    return usual._replace(**changes)


def heart_rate(order: int, rate: float, minutes: float = 0, **changes: Any) -> Statement:
    at_us = NOON_US + round(minutes * MINUTE_US)
    usual = Statement(StatementKind.HEART_RATE, at_us, order, f"hr-{order}", False, None, None, rate, number=order)
    return usual._replace(**changes)


def retraction(order: int, name: str | None, rate: float | None = None) -> Statement:
    return Statement(StatementKind.RETRACTION, NOON_US, order, name, False, None, None, rate, number=order)


def withdrawal(order: int, name: str, version: int = 0) -> Statement:
    return Statement(StatementKind.WITHDRAWAL, NOON_US, order, name, False, None, None, None, order, version)


def orders(statements: list[Statement]) -> list[int]:
    return [statement.order for statement in statements]


def standing(*statements: Statement) -> tuple[float | None, ...] | None:
    found = stands_at(in_force(statements))
    return None if found is None else found.values


@pytest.mark.parametrize("order", [0, 9])
def test_retraction_takes_out_its_observation_whenever_it_arrives(order: int) -> None:
    assert orders(in_force([reading(1), reading(2), retraction(order, "bp-1")])) == [2]


def test_retraction_without_an_id_takes_out_what_arrived_before_it_at_its_instant() -> None:
    later = reading(4, effective_us=NOON_US + MINUTE_US)
    assert orders(in_force([reading(1), retraction(2, None), reading(3), later])) == [3, 4]


def test_retraction_without_an_id_takes_out_its_own_kind_alone() -> None:
    both = [reading(1), heart_rate(2, 71)]
    assert orders(in_force([*both, retraction(3, None)])) == [2]
    assert orders(in_force([*both, retraction(3, None, rate=71)])) == [1]


@pytest.mark.parametrize("name", ["systolic", "diastolic"])
def test_retraction_of_either_half_takes_out_the_pair(name: str) -> None:
    pair = reading(1, name="systolic", partner="diastolic")
    assert orders(in_force([pair, reading(2), retraction(3, name)])) == [2]


@pytest.mark.parametrize("first", [1, 2])
def test_newer_version_stands_whenever_it_arrives_and_at_whatever_instant(first: int) -> None:
    old = reading(first, name="bp", version=3)
    new = reading(3 - first, name="bp", version=4, effective_us=NOON_US + MINUTE_US)
    assert in_force([old, new]) == [new]


@pytest.mark.parametrize("first", [1, 2])
def test_older_correction_does_not_replace_a_newer_plain_version(first: int) -> None:
    old, new = reading(first, name="bp", version=3, corrected=True), reading(3 - first, name="bp", version=4)
    assert in_force([old, new]) == [new]


def test_versions_of_other_names_and_those_told_in_another_way_do_not_compare() -> None:
    dated = reading(2, name="bp", version=FIRST_DATED_VERSION + 5)
    assert orders(in_force([reading(1, name="bp", version=7), dated, reading(3, version=9)])) == [1, 2, 3]


@pytest.mark.parametrize("version", [0, 2, FIRST_DATED_VERSION])
def test_correction_replaces_what_its_version_does_not_compare_with(version: int) -> None:
    assert orders(in_force([reading(2, name="bp", version=2), reading(1, name="bp", corrected=True, version=version)]))[
        -1:
    ] == [1]


def test_withdrawal_takes_out_what_is_older_or_plain_and_leaves_a_newer_version() -> None:
    assert in_force([reading(1, name="bp"), withdrawal(0, "bp")]) == []
    assert in_force([reading(2, name="bp", version=2), withdrawal(1, "bp", version=3)]) == []
    assert orders(in_force([reading(1, name="bp", version=4), withdrawal(2, "bp", version=3)])) == [1]
    assert orders(in_force([reading(1), withdrawal(2, "bp")])) == [1]


def test_of_correction_and_withdrawal_that_do_not_compare_the_later_arrival_stands() -> None:
    correction = reading(1, name="bp", corrected=True)
    assert in_force([correction, withdrawal(2, "bp")]) == []
    assert in_force([correction, withdrawal(0, "bp")]) == [correction]


def test_withdrawal_of_one_half_takes_out_the_pair() -> None:
    assert in_force([reading(1, name="systolic", partner="diastolic"), withdrawal(2, "diastolic")]) == []


def test_of_two_sites_the_higher_systolic_stands_whichever_arrived_later() -> None:
    left, right = reading(1, 186, site="left"), reading(2, 132, site="right")
    assert standing(left, right) == standing(left._replace(order=3), right) == (186, 146, None)


def test_of_one_site_the_later_arrival_stands_and_so_does_one_without_a_site() -> None:
    assert standing(reading(1, 186, site="left"), reading(2, 132, site="left")) == (132, 92, None)
    assert standing(reading(1, 186, site="left"), reading(2, 132)) == (132, 92, None)
    left_again = reading(3, 120, site="left")
    assert standing(reading(1, 186, site="left"), reading(2, 132, site="right"), left_again) == (132, 92, None)


def test_correction_replaces_what_bears_its_id_at_any_instant_and_of_two_the_later_stays() -> None:
    moved = [reading(order, name="bp", corrected=True, effective_us=NOON_US + MINUTE_US) for order in (2, 3)]
    assert orders(in_force([reading(1, name="bp"), *moved, reading(4, name="bp"), reading(5)])) == [3, 5]


def test_retracted_correction_replaces_nothing() -> None:
    corrected = reading(2, name="bp", corrected=True)
    assert orders(in_force([corrected, retraction(3, None), reading(4, name="bp")])) == [4]


def test_correction_stands_otherwise_the_later_arrival() -> None:
    assert standing(reading(1, 120), reading(2, 150)) == (150, 110, None)
    assert standing(reading(1, 120, corrected=True), reading(2, 150)) == (120, 80, None)


def test_resend_that_lacks_the_heart_rate_keeps_it_and_other_pressures_or_a_correction_do_not() -> None:
    assert standing(reading(1, 120, 64), reading(2, 120)) == (120, 80, 64)
    assert standing(reading(1, 120, 64), reading(2, 150)) == (150, 110, None)
    assert standing(reading(1, 120, 64), reading(2, 120, corrected=True)) == (120, 80, None)


def test_separate_heart_rate_joins_where_none_was_measured_with_the_pressures() -> None:
    assert standing(reading(1), heart_rate(2, 71), heart_rate(3, 75)) == (120, 80, 75)
    assert standing(reading(1, rate=64), heart_rate(2, 71)) == (120, 80, 64)


def test_heart_rate_stands_alone_where_there_are_no_pressures() -> None:
    assert standing(heart_rate(1, 71), heart_rate(2, 75)) == (None, None, 75)
    assert standing(retraction(1, "bp-2"), reading(2)) is None


def test_heart_rate_joins_the_nearest_reading_within_two_minutes_the_earlier_of_two_equally_near() -> None:
    second = reading(2, 150, effective_us=NOON_US + 2 * MINUTE_US)
    assert [found.values[2] for found in readings_of([reading(1), second, heart_rate(3, 71, minutes=1)])] == [71, None]
    assert [found.values[2] for found in readings_of([reading(1), second, heart_rate(3, 71, minutes=4)])] == [None, 71]
    assert [found.values[2] for found in readings_of([reading(1), heart_rate(3, 71, minutes=2.01)])] == [None]


def test_of_two_claims_of_one_reading_the_nearer_joins_then_the_later_arrival() -> None:
    near, far = heart_rate(2, 71, minutes=0.5), heart_rate(3, 75, minutes=-1)
    assert [found.heart_rate_from for found in readings_of([reading(1), near, far])] == [near]
    equal = heart_rate(4, 77, minutes=-0.5)
    assert [found.heart_rate_from for found in readings_of([reading(1), near, equal])] == [equal]


def test_readings_come_oldest_first_and_without_lone_heart_rates() -> None:
    early = reading(2, effective_us=NOON_US - 60 * MINUTE_US)
    found = readings_of([reading(1), early, heart_rate(3, 71, minutes=30)])
    assert found == [Standing(early, early), Standing(reading(1), reading(1))]
