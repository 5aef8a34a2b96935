"""Bounds of possible and of plausible values; high but possible values are the events sought and always pass."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from fhir.reasons import Reason


class Range(NamedTuple):
    """An interval with both ends included."""

    lowest: float
    highest: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside; NaN does not."""
        return self.lowest <= value <= self.highest


POSSIBLE_SYSTOLIC: Final = Range(50, 300)  # mmHg
POSSIBLE_DIASTOLIC: Final = Range(20, 200)
POSSIBLE_PULSE_PRESSURE: Final = Range(5, 200)
POSSIBLE_HEART_RATE: Final = Range(20, 300)  # per minute
PLAUSIBLE_SYSTOLIC: Final = Range(70, 250)
PLAUSIBLE_DIASTOLIC: Final = Range(40, 150)
PLAUSIBLE_PULSE_PRESSURE: Final = Range(15, 120)
PLAUSIBLE_HEART_RATE: Final = Range(30, 220)


def pulse_pressure(systolic: float, diastolic: float) -> float:
    """Systolic minus diastolic, free of binary rounding at the bounds."""
    return round(systolic - diastolic, 6)


@lru_cache(maxsize=8192)
def impossible_pressure(systolic: float, diastolic: float) -> Reason | None:
    """Why a pair of pressures (mmHg) cannot be true, or None."""
    if not POSSIBLE_SYSTOLIC.holds(systolic):
        return Reason.SYSTOLIC_OUT_OF_RANGE
    if not POSSIBLE_DIASTOLIC.holds(diastolic):
        return Reason.DIASTOLIC_OUT_OF_RANGE
    if systolic <= diastolic:
        return Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC
    if not POSSIBLE_PULSE_PRESSURE.holds(pulse_pressure(systolic, diastolic)):
        return Reason.PULSE_PRESSURE_OUT_OF_RANGE
    return None


@lru_cache(maxsize=8192)  # the same pairs come again and again
def implausible_pressure(systolic: float, diastolic: float) -> tuple[str, ...]:
    """Flags of possible but unlikely pressures (mmHg)."""
    checks = (
        (PLAUSIBLE_SYSTOLIC, systolic, "implausible_systolic"),
        (PLAUSIBLE_DIASTOLIC, diastolic, "implausible_diastolic"),
        (PLAUSIBLE_PULSE_PRESSURE, pulse_pressure(systolic, diastolic), "implausible_pulse_pressure"),
    )
    return tuple(flag for bounds, value, flag in checks if not bounds.holds(value))


def implausible_heart_rate(heart_rate: float) -> tuple[str, ...]:
    """Flag of a possible but unlikely heart rate (per minute)."""
    return () if PLAUSIBLE_HEART_RATE.holds(heart_rate) else ("implausible_heart_rate",)
