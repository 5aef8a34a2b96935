"""Bounds are inclusive, and what lies between possible and plausible is kept and flagged."""

from __future__ import annotations

import math

import pytest

from fhir.measures import HEART_RATE, SYSTOLIC
from fhir.ranges import implausible_heart_rate, implausible_pressure, impossible_pressure
from fhir.reasons import Reason


@pytest.mark.parametrize(
    ("systolic", "diastolic", "reason"),
    [
        (50, 45, None),
        (49.9, 40, Reason.SYSTOLIC_OUT_OF_RANGE),
        (300, 200, None),
        (300.1, 200, Reason.SYSTOLIC_OUT_OF_RANGE),
        (60, 20, None),
        (60, 19.9, Reason.DIASTOLIC_OUT_OF_RANGE),
        (300, 200.1, Reason.DIASTOLIC_OUT_OF_RANGE),
        (90, 90, Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC),
        (90, 91, Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC),
        (90, 85, None),
        (120.1, 115.1, None),  # 4.999999999999986 in binary
        (90, 85.1, Reason.PULSE_PRESSURE_OUT_OF_RANGE),
        (240, 40, None),
        (241, 40, Reason.PULSE_PRESSURE_OUT_OF_RANGE),
        (math.nan, 80, Reason.SYSTOLIC_OUT_OF_RANGE),
        (120, math.nan, Reason.DIASTOLIC_OUT_OF_RANGE),
    ],
)
def test_a_pressure_is_refused_just_beyond_its_bounds(systolic: float, diastolic: float, reason: Reason | None) -> None:
    assert impossible_pressure(systolic, diastolic) is reason


@pytest.mark.parametrize(
    ("systolic", "diastolic", "flags"),
    [
        (250, 150, ()),
        (251, 150, ("implausible_systolic",)),
        (70, 40, ()),
        (69, 39, ("implausible_systolic", "implausible_diastolic")),
        (100, 85, ()),
        (100, 86, ("implausible_pulse_pressure",)),
        (200, 79, ("implausible_pulse_pressure",)),
    ],
)
def test_an_unlikely_pressure_is_flagged_just_beyond_its_bounds(
    systolic: float, diastolic: float, flags: tuple[str, ...]
) -> None:
    assert implausible_pressure(systolic, diastolic) == flags


def test_a_crisis_is_neither_refused_nor_flagged() -> None:
    assert impossible_pressure(220, 130) is None
    assert implausible_pressure(220, 130) == ()


@pytest.mark.parametrize(("rate", "flagged"), [(30, False), (29, True), (220, False), (221, True)])
def test_an_unlikely_heart_rate_is_flagged(rate: float, flagged: bool) -> None:
    assert bool(implausible_heart_rate(rate)) is flagged


def test_nan_lies_in_no_range() -> None:
    assert not SYSTOLIC.possible.holds(math.nan)
    assert not HEART_RATE.possible.holds(math.nan)
