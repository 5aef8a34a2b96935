"""Clinical constants of the project, each spelled once. All pressures in mmHg, rates per minute.

A crisis is *one reading* with systolic >= 180 or diastolic >= 120 (the operator of the OHSU decision rules,
OHSUCMP/htnu18ig; the 2025 AHA/ACC text says ">180/120"). It is a threshold on numbers, not a diagnosis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, overload

if TYPE_CHECKING:  # settings and errors are read before numpy is installed
    import numpy as np
    from numpy.typing import NDArray

CRISIS_SYSTOLIC: Final = 180
CRISIS_DIASTOLIC: Final = 120

CRISIS_TEXT: Final = f"systolic >= {CRISIS_SYSTOLIC} or diastolic >= {CRISIS_DIASTOLIC}"  # as read, and as KQL

HORIZONS_H: Final = (1, 6, 24)
ALERT_HORIZON_H: Final = 6

ALERT_LEVELS: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
ALERT_THRESHOLDS: Final = (0.20, 0.40, 0.60)  # on the 6 h risk: the lower ends of MEDIUM, HIGH and CRITICAL


def risk_field(horizon_h: int) -> str:
    """Name the field of the risk within so many hours, in documents, training rows and the API."""
    return f"critical_risk_{horizon_h}h"


RISK_FIELDS: Final = tuple(risk_field(horizon_h) for horizon_h in HORIZONS_H)
ALERT_RISK_FIELD: Final = risk_field(ALERT_HORIZON_H)
SHADOW_RISK_FIELDS: Final = tuple(f"shadow_risk_{horizon_h}h" for horizon_h in HORIZONS_H)  # of the challenger


@overload
def is_crisis(systolic: float | None, diastolic: float | None) -> bool: ...
@overload
def is_crisis(systolic: NDArray[Any], diastolic: NDArray[Any]) -> NDArray[np.bool_]: ...
def is_crisis(
    systolic: float | NDArray[Any] | None, diastolic: float | NDArray[Any] | None
) -> bool | NDArray[np.bool_]:
    """Tell whether a reading, or each reading of two arrays, is a crisis; a missing pressure (None, NaN) is none."""
    high = systolic is not None and systolic >= CRISIS_SYSTOLIC
    return high | (diastolic is not None and diastolic >= CRISIS_DIASTOLIC)


def crisis_query(systolic: float = CRISIS_SYSTOLIC, diastolic: float = CRISIS_DIASTOLIC) -> dict[str, Any]:
    """Return the Elasticsearch query that finds the readings `is_crisis` tells of, or those from other limits on."""
    limits = {"systolic": systolic, "diastolic": diastolic}
    return {"bool": {"should": [{"range": {name: {"gte": limit}}} for name, limit in limits.items()]}}


def alert_level(risk_6h: float) -> str:
    """Name the alert level of a 6 h risk (0..1)."""
    return ALERT_LEVELS[sum(risk_6h >= threshold for threshold in ALERT_THRESHOLDS)]


def pressure_category(systolic: float, diastolic: float) -> str:
    """Name the category of one reading, after the 2025 AHA/ACC table, with `low` as in OHSUCMP/htnu18ig."""
    if is_crisis(systolic, diastolic):
        return "severe"
    if systolic >= 140 or diastolic >= 90:
        return "stage_2"
    if systolic >= 130 or diastolic >= 80:
        return "stage_1"
    if systolic < 90 or diastolic < 60:
        return "low"
    return "elevated" if systolic >= 120 else "normal"


def mean_arterial_pressure(systolic: float, diastolic: float) -> float:
    """Return the mean arterial pressure in mmHg by the cuff's formula (S + 2 D) / 3, to one decimal."""
    return round((systolic + 2 * diastolic) / 3, 1)
