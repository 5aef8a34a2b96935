"""What several dashboards show in the same way: links on top, clinical thresholds, levels and categories in colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from conf.clinical import (
    ALERT_LEVELS,
    ALERT_THRESHOLDS,
    CRISIS_DIASTOLIC,
    CRISIS_SYSTOLIC,
    HORIZONS_H,
    pressure_category,
    risk_field,
)
from kibana import kql
from kibana.columns import count, maximum, median, minimum, top_values
from kibana.dashboard import Control, Row
from kibana.panels import Panel, Series, Threshold, markdown, metric, palette, xy
from kibana.saved import Json
from kibana.views import ALERTS_NOW, OBSERVATIONS, PATIENT_FIELD, PREDICTIONS, DataView
from kibana.words import (
    ALERT_KINDS,
    BLUE,
    CATEGORIES,
    CATEGORY_COLOURS,
    GREEN,
    LEVEL_COLOURS,
    LEVELS,
    ORANGE,
    RED,
    YELLOW,
    Labels,
)

TITLE: Final = "Navigation"
WARD_OVERVIEW: Final = "bp-ward-overview"
PATIENT: Final = "bp-patient"
PREDICTIONS_ALERTS: Final = "bp-predictions-alerts"
WARD_ALERTS: Final = "bp-ward-alerts"
PIPELINE_HEALTH: Final = "bp-pipeline-health"
MODEL_QUALITY: Final = "bp-model-quality"

DASHBOARDS: Final[Mapping[str, str]] = {
    WARD_OVERVIEW: "Vue du service",
    PATIENT: "Patient",
    PREDICTIONS_ALERTS: "Prédictions et alertes",
    WARD_ALERTS: "Alertes par service",
    PIPELINE_HEALTH: "Santé de la chaîne",
    MODEL_QUALITY: "Qualité du modèle",
}
SITE_PAGES: Final[Mapping[str, str]] = {
    "/": "Tableau de bord",
    "/patients": "Patients",
    "/predictions": "Prédictions",
    "/stats": "Statistiques",
    "/admin/system": "Système",
    "/help": "Aide",
}

LIVE_S: Final = 30  # patients measure every quarter of an hour; each refresh asks one query a panel
NAVIGATION_HEIGHT: Final = 4
HIGHEST_PRESSURE: Final = 300  # mmHg, where a legend ends
RISKS: Final = {f"risk_{hours}h": (risk_field(hours), f"Risque {hours} h") for hours in HORIZONS_H}
RISK_COLOURS: Final = dict(zip(RISKS, (BLUE, ORANGE, RED), strict=True))

IS_OPEN: Final = kql.is_true("is_open")
IS_UNANSWERED: Final = kql.is_true("is_unanswered")
IS_OVERDUE: Final = kql.is_true("escalated")

RISK_PALETTE: Final = palette([LEVEL_COLOURS[level] for level in ALERT_LEVELS], (0, *ALERT_THRESHOLDS), 1)
ANY_IS_BAD: Final = palette((GREEN, RED), (0, 1), 2)
HARMLESS_SYSTOLIC: Final = 110
HARMLESS_DIASTOLIC: Final = 70


def systolic_limit(category: str) -> int:
    """Return the lowest systolic pressure (mmHg) of a category, beside a diastolic one that is normal."""
    return next(s for s in range(CRISIS_SYSTOLIC + 1) if pressure_category(s, HARMLESS_DIASTOLIC) == category)


def diastolic_limit(category: str) -> int:
    """Return the lowest diastolic pressure (mmHg) of a category, beside a systolic one that is normal."""
    return next(d for d in range(CRISIS_DIASTOLIC + 1) if pressure_category(HARMLESS_SYSTOLIC, d) == category)


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


def spread(view: DataView, field: str, *, median_colour: str, lowest_colour: str) -> Series:
    """Return the highest (red), median and lowest value of a field over time."""
    figures = {
        "highest": maximum(field, "Maximum"),
        "median": median(field, "Médiane"),
        "lowest": minimum(field, "Minimum"),
    }
    return Series(view, figures, colours={"highest": RED, "median": median_colour, "lowest": lowest_colour})


def levels_over_time(title: str) -> Panel:
    """Return the predictions over time, stacked by alert level."""
    series = Series(PREDICTIONS, LEVEL_COUNTS, "bar_stacked", colours=LEVEL_COLOURS)
    return xy(title, "Predictions over time by alert level.", series, unit="prédictions")


def open_alerts() -> Panel:
    """Return how many alerts are open at this moment, and how many of them nobody has answered."""
    return metric(
        "Alertes ouvertes",
        "Alerts that are open now, whatever the range, and those that nobody has answered.",
        ALERTS_NOW,
        count("ouvertes", IS_OPEN),
        second=count("sans réponse", IS_UNANSWERED),
        colours=ANY_IS_BAD,
    )


def overdue_alerts() -> Panel:
    """Return how many alerts have waited for an answer longer than they may."""
    return metric(
        "Alertes en retard",
        "Open alerts that nobody has answered within the time that the rules give.",
        ALERTS_NOW,
        count("Alertes", kql.both(IS_UNANSWERED, IS_OVERDUE)),
        colours=ANY_IS_BAD,
    )


def open_alerts_by_kind() -> Panel:
    """Return the alerts that are open at this moment by kind, stacked by level."""
    across = top_values("kind", "Nature", len(ALERT_KINDS))
    split = top_values("level", "Niveau", len(LEVELS) + 1)
    series = Series(ALERTS_NOW, {"alerts": count("Alertes")}, "bar_stacked", across=across, split=split)
    description = "Alerts that are open now by what they are about and by level."
    return xy("Alertes ouvertes par nature et niveau", description, series, unit="alertes", where=IS_OPEN)


def patient_control(*, is_single: bool = False) -> Control:
    """Return the choice of patients."""
    return Control("Patient", PATIENT_FIELD, OBSERVATIONS, is_single)


def navigation_row(current: str, site_url: str) -> Row:
    """Return links to the dashboards, the `current` one in bold, and to the site at this address (no slash at its end).

    Those to dashboards are relative, so that they hold in every space and behind every base path.
    """
    dashboards = " · ".join(
        f"**{name}**" if id_ == current else f"[{name}](#/view/{id_})" for id_, name in DASHBOARDS.items()
    )
    pages = " · ".join(f"[{name}]({site_url}{path})" for path, name in SITE_PAGES.items())
    links = markdown(TITLE, f"{dashboards}\n\nSite de surveillance : {pages}")
    return Row(NAVIGATION_HEIGHT, ((48, links),))


def pressure_palette(limits: Sequence[float]) -> Json:
    """Return green, yellow, orange and red: the last three from these limits of pressure (mmHg) on."""
    return palette((GREEN, YELLOW, ORANGE, RED), (0, *limits), HIGHEST_PRESSURE)
