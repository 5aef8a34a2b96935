"""*Vue du service*: for the team that watches over all patients, what needs somebody now and how the ward is doing."""

from __future__ import annotations

from conf.clinical import CRISIS_TEXT
from kibana import kql
from kibana.columns import (
    average,
    by_time,
    count,
    filters,
    last_value,
    maximum,
    median,
    minimum,
    top_values,
    unique_count,
)
from kibana.dashboard import Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, WARD_OVERVIEW
from kibana.panels import Panel, Series, heatmap, metric, table, xy
from kibana.views import LATEST, OBSERVATIONS, PREDICTIONS
from kibana.words import BLUE, CATEGORY_COLOURS, LEVEL_COLOURS, RED, VIOLET

MOST_PATIENTS = 50
HEATMAP_PATIENTS = 25


def ward_overview(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=WARD_OVERVIEW,
        title=DASHBOARDS[WARD_OVERVIEW],
        description="Ward overview for the telemonitoring team: who needs attention now, pressures against the "
        "clinical limits, and whether everybody still measures. Times are those of the readings.",
        since="now-24h",
        refresh_s=parts.LIVE_S,
        rows=(
            parts.navigation_row(WARD_OVERVIEW, site_url),
            Row(6, tuple((8, panel) for panel in _figures())),
            Row(15, ((30, _patients()), (18, _levels_now()))),
            Row(14, ((24, _systolic()), (24, _diastolic()))),
            Row(12, ((16, _categories()), (16, _levels()), (16, _measuring()))),
            Row(16, ((28, _pressure_map()), (20, _measuring_least()))),
        ),
        controls=(parts.patient_control(),),
    )


def _figures() -> tuple[Panel, ...]:
    crisis = count("Patients", CRISIS_TEXT)
    return (
        metric("Patients suivis", "Patients with a prediction from a reading in the range.", LATEST, count("Patients")),
        metric(
            "Crises mesurées",
            "Patients whose newest reading is a hypertensive crisis.",
            LATEST,
            crisis,
            colours=parts.ANY_IS_BAD,
        ),
        _patients_at("CRITICAL", "Risque critique"),
        _patients_at("HIGH", "Risque élevé"),
        metric("Mesures", "Readings in the range.", OBSERVATIONS, count("Mesures")),
        metric(
            "Mesures en crise",
            "Readings in the range that are a hypertensive crisis.",
            OBSERVATIONS,
            count("Mesures", kql.equals("category", "severe")),
            colours=parts.ANY_IS_BAD,
        ),
    )


def _patients_at(level: str, title: str) -> Panel:
    figure = count("Patients", kql.equals("alert_level", level))
    description = f"Patients whose newest prediction has the level {level}."
    return metric(title, description, LATEST, figure, colours=parts.ANY_IS_BAD)


def _patients() -> Panel:
    return table(
        "Patients à surveiller",
        "Newest prediction and reading of each patient, highest 6 h risk first; the id leads to the patient's page.",
        LATEST,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="risk_6h")},
        {
            "risk_6h": maximum("critical_risk_6h", "Risque 6 h"),
            "risk_24h": maximum("critical_risk_24h", "Risque 24 h"),
            "level": last_value("alert_level", "Niveau", "string"),
            "systolic": maximum("systolic", "Systolique"),
            "diastolic": maximum("diastolic", "Diastolique"),
            "heart_rate": maximum("heart_rate", "Pouls"),
            "measured_at": last_value("@timestamp", "Dernière mesure", "date"),
        },
        sort_by="risk_6h",
    )


def _levels_now() -> Panel:
    series = Series(LATEST, {"patients": count("Patients")}, "bar", across=filters("Niveau", parts.LEVEL_QUERIES))
    return xy(
        "Patients par niveau", "Patients by the alert level of their newest prediction.", [series], unit="patients"
    )


def _systolic() -> Panel:
    figures = {
        "highest": maximum("systolic", "Maximum"),
        "median": median("systolic", "Médiane"),
        "lowest": minimum("systolic", "Minimum"),
    }
    series = Series(OBSERVATIONS, figures, colours={"highest": RED, "median": BLUE, "lowest": VIOLET})
    description = "Highest, median and lowest systolic pressure of the ward against the limits of the categories."
    return xy("Systolique du service", description, [series], unit="mmHg", thresholds=parts.SYSTOLIC_LINES)


def _diastolic() -> Panel:
    figures = {
        "highest": maximum("diastolic", "Maximum"),
        "median": median("diastolic", "Médiane"),
        "lowest": minimum("diastolic", "Minimum"),
    }
    series = Series(OBSERVATIONS, figures, colours={"highest": RED, "median": BLUE, "lowest": VIOLET})
    description = "Highest, median and lowest diastolic pressure of the ward against the limits of the categories."
    return xy("Diastolique du service", description, [series], unit="mmHg", thresholds=parts.DIASTOLIC_LINES)


def _categories() -> Panel:
    series = Series(OBSERVATIONS, parts.CATEGORY_COUNTS, "bar_stacked", colours=CATEGORY_COLOURS)
    return xy("Catégories des mesures", "Readings over time by category of pressure.", [series], unit="mesures")


def _levels() -> Panel:
    series = Series(PREDICTIONS, parts.LEVEL_COUNTS, "bar_stacked", colours=LEVEL_COLOURS)
    return xy("Niveaux des prédictions", "Predictions over time by alert level.", [series], unit="prédictions")


def _pressure_map() -> Panel:
    return heatmap(
        "Systolique par patient",
        "Mean systolic pressure of each patient over time; an empty cell is a time without readings.",
        OBSERVATIONS,
        rows=top_values("patient_id", "Patient", HEATMAP_PATIENTS, by="cell"),
        across=by_time(),
        cell=average("systolic", "Systolique moyenne"),
    )


def _measuring() -> Panel:
    series = Series(
        OBSERVATIONS, {"patients": unique_count("patient_id", "Patients")}, "area", colours={"patients": BLUE}
    )
    return xy(
        "Patients qui mesurent", "Patients with at least one reading in each interval.", [series], unit="patients"
    )


def _measuring_least() -> Panel:
    return table(
        "Patients qui mesurent le moins",
        "Patients with the fewest readings in the range; who has none at all is on the site's board.",
        OBSERVATIONS,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="readings", lowest_first=True)},
        {"readings": count("Mesures"), "measured_at": last_value("@timestamp", "Dernière mesure", "date")},
        sort_by="readings",
        direction="asc",
    )
