"""The limits of the categories of blood pressure, found by asking `conf.clinical`, where alone they are spelled."""

from __future__ import annotations

from typing import Final

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, pressure_category

HARMLESS_SYSTOLIC: Final = 110
HARMLESS_DIASTOLIC: Final = 70


def systolic_limit(category: str) -> int:
    """The lowest systolic pressure (mmHg) of a category, beside a diastolic one that is normal."""
    return next(s for s in range(CRISIS_SYSTOLIC + 1) if pressure_category(s, HARMLESS_DIASTOLIC) == category)


def diastolic_limit(category: str) -> int:
    """The lowest diastolic pressure (mmHg) of a category, beside a systolic one that is normal."""
    return next(d for d in range(CRISIS_DIASTOLIC + 1) if pressure_category(HARMLESS_SYSTOLIC, d) == category)
