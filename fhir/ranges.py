"""Which values are possible and which plausible; high but possible ones are the events sought and always pass."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC, Range
from fhir.reasons import Reason

POSSIBLE_PULSE_PRESSURE: Final = Range(5, 200)  # mmHg
PLAUSIBLE_PULSE_PRESSURE: Final = Range(15, 120)


@lru_cache(maxsize=8192)  # the same pairs come again and again
def impossible_pressure(systolic: float, diastolic: float) -> Reason | None:
    """Return why a pair of pressures (mmHg) cannot be true, or None."""
    for measure, value in ((SYSTOLIC, systolic), (DIASTOLIC, diastolic)):
        if not measure.possible.holds(value):
            return measure.out_of_range
    if systolic <= diastolic:
        return Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC
    if not POSSIBLE_PULSE_PRESSURE.holds(_pulse_pressure(systolic, diastolic)):
        return Reason.PULSE_PRESSURE_OUT_OF_RANGE
    return None


@lru_cache(maxsize=8192)
def implausible_pressure(systolic: float, diastolic: float) -> tuple[str, ...]:
    """Return the flags of possible but unlikely pressures (mmHg)."""
    checks = (
        (SYSTOLIC.plausible, systolic, "implausible_systolic"),
        (DIASTOLIC.plausible, diastolic, "implausible_diastolic"),
        (PLAUSIBLE_PULSE_PRESSURE, _pulse_pressure(systolic, diastolic), "implausible_pulse_pressure"),
    )
    return tuple(flag for bounds, value, flag in checks if not bounds.holds(value))


def implausible_heart_rate(heart_rate: float) -> tuple[str, ...]:
    """Return the flag of a possible but unlikely heart rate (per minute)."""
    return () if HEART_RATE.plausible.holds(heart_rate) else ("implausible_heart_rate",)


def _pulse_pressure(systolic: float, diastolic: float) -> float:
    """Return systolic minus diastolic, free of binary rounding at the bounds."""
    return round(systolic - diastolic, 6)
