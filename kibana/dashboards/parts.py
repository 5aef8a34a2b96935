"""What several dashboards show in the same way: clinical thresholds, levels and categories with their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conf.clinical import ALERT_LEVELS, ALERT_THRESHOLDS, HORIZONS_H
from kibana import kql
from kibana.columns import count
from kibana.dashboard import Control, Row
from kibana.limits import diastolic_limit, systolic_limit
from kibana.panels.navigation import navigation
from kibana.panels.palette import palette
from kibana.panels.xy import Threshold
from kibana.saved import Json
from kibana.views import OBSERVATIONS, PATIENT_FIELD
from kibana.words import BLUE, CATEGORIES, CATEGORY_COLOURS, GREEN, LEVEL_COLOURS, LEVELS, ORANGE, RED, YELLOW, Labels

LIVE_S: Final = 30  # patients measure every quarter of an hour; each refresh asks one query a panel
NAVIGATION_HEIGHT: Final = 4
HIGHEST_PRESSURE: Final = 300  # mmHg, where a legend ends
ALERT_FIELD: Final = "critical_risk_6h"
RISKS: Final = {f"risk_{hours}h": (f"critical_risk_{hours}h", f"Risque {hours} h") for hours in HORIZONS_H}
RISK_COLOURS: Final = dict(zip(RISKS, (BLUE, ORANGE, RED), strict=True))

RISK_PALETTE: Final = palette([LEVEL_COLOURS[level] for level in ALERT_LEVELS], (0, *ALERT_THRESHOLDS), 1)
ANY_IS_BAD: Final = palette((GREEN, RED), (0, 1), 2)

SYSTOLIC_LINES: Final = tuple(
    Threshold(f"{CATEGORIES[category]} ({limit})", limit, CATEGORY_COLOURS[category])
    for category, limit in (
        (name, systolic_limit(name)) for name in ("normal", "elevated", "stage_1", "stage_2", "severe")
    )
)
DIASTOLIC_LINES: Final = tuple(
    Threshold(f"{CATEGORIES[category]} ({limit})", limit, CATEGORY_COLOURS[category])
    for category, limit in ((name, diastolic_limit(name)) for name in ("normal", "stage_1", "stage_2", "severe"))
)
RISK_LINES: Final = tuple(
    Threshold(LEVELS[level], threshold, LEVEL_COLOURS[level])
    for level, threshold in zip(ALERT_LEVELS[1:], ALERT_THRESHOLDS, strict=True)
)
CRISIS_LINES: Final = (
    Threshold(f"Crise, systolique ({systolic_limit('severe')})", systolic_limit("severe"), RED),
    Threshold(f"Crise, diastolique ({diastolic_limit('severe')})", diastolic_limit("severe"), ORANGE),
    Threshold(f"Stade 2, systolique ({systolic_limit('stage_2')})", systolic_limit("stage_2"), YELLOW),
)


def _counts(field: str, names: Labels) -> dict[str, Json]:
    return {value: count(name, kql.equals(field, value)) for value, name in reversed(list(names.items()))}


def _queries(field: str, names: Labels) -> dict[str, str]:
    return {name: kql.equals(field, value) for value, name in reversed(list(names.items()))}


# one figure, or one bucket, for each value, the worst first
LEVEL_COUNTS: Final = _counts("alert_level", LEVELS)
LEVEL_QUERIES: Final = _queries("alert_level", LEVELS)
CATEGORY_COUNTS: Final = _counts("category", CATEGORIES)
CATEGORY_QUERIES: Final = _queries("category", CATEGORIES)


def patient_control(*, is_single: bool = False) -> Control:
    """The choice of patients."""
    return Control("Patient", PATIENT_FIELD, OBSERVATIONS, is_single)


def navigation_row(current: str, site_url: str) -> Row:
    """The row of links on top."""
    return Row(NAVIGATION_HEIGHT, ((48, navigation(current, site_url)),))


def pressure_palette(limits: Sequence[float]) -> Json:
    """Green, yellow, orange and red: the last three from these limits of pressure (mmHg) on."""
    return palette((GREEN, YELLOW, ORANGE, RED), (0, *limits), HIGHEST_PRESSURE)
