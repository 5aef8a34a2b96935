"""Clinical constants of the project, each spelled once. All pressures in mmHg, rates per minute.

A crisis is *one reading* with systolic >= 180 or diastolic >= 120 (the operator of the OHSU decision rules,
OHSUCMP/htnu18ig; the 2025 AHA/ACC text says ">180/120"). It is a threshold on numbers, not a diagnosis.
"""

from __future__ import annotations

from typing import Final

CRISIS_SYSTOLIC: Final = 180
CRISIS_DIASTOLIC: Final = 120

HORIZONS_H: Final = (1, 6, 24)
ALERT_HORIZON_H: Final = 6

ALERT_LEVELS: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
ALERT_THRESHOLDS: Final = (0.20, 0.40, 0.60)  # on the 6 h risk: the lower ends of MEDIUM, HIGH and CRITICAL


def alert_level(risk_6h: float) -> str:
    """Name the alert level of a 6 h risk (0..1)."""
    return ALERT_LEVELS[sum(risk_6h >= threshold for threshold in ALERT_THRESHOLDS)]


def pressure_category(systolic: float, diastolic: float) -> str:
    """Name the category of one reading, after the 2025 AHA/ACC table, with `low` as in OHSUCMP/htnu18ig."""
    if systolic >= CRISIS_SYSTOLIC or diastolic >= CRISIS_DIASTOLIC:
        return "severe"
    if systolic >= 140 or diastolic >= 90:
        return "stage_2"
    if systolic >= 130 or diastolic >= 80:
        return "stage_1"
    if systolic < 90 or diastolic < 60:
        return "low"
    return "elevated" if systolic >= 120 else "normal"


def mean_arterial_pressure(systolic: float, diastolic: float) -> float:
    """Mean arterial pressure in mmHg by the cuff's formula (S + 2 D) / 3, to one decimal."""
    return round((systolic + 2 * diastolic) / 3, 1)
