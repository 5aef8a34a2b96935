"""*Vue du service*: for the team that watches over all patients, what needs somebody now and how the ward is doing."""

from __future__ import annotations

from conf.clinical import CRISIS_TEXT, risk_field
from kibana import kql
from kibana.columns import average, by_time, count, filters, last_value, maximum, top_values, unique_count
from kibana.dashboard import Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, WARD_OVERVIEW
from kibana.panels import Series, heatmap, metric, table, xy
from kibana.views import LATEST, OBSERVATIONS
from kibana.words import BLUE, CATEGORY_COLOURS, VIOLET

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
            _figures(),
            _alerts(),
            _patients(),
            _pressures(),
            _over_time(),
            _measuring(),
        ),
        controls=(parts.patient_control(),),
    )


def _figures() -> Row:
    by_level = [
        metric(
            title,
            f"Patients whose newest prediction has the level {level}.",
            LATEST,
            count("Patients", kql.equals("alert_level", level)),
            colours=parts.ANY_IS_BAD,
        )
        for level, title in (("CRITICAL", "Risque critique"), ("HIGH", "Risque élevé"))
    ]
    panels = (
        metric("Patients suivis", "Patients with a prediction from a reading in the range.", LATEST, count("Patients")),
        metric(
            "Crises mesurées",
            "Patients whose newest reading is a hypertensive crisis.",
            LATEST,
            count("Patients", CRISIS_TEXT),
            colours=parts.ANY_IS_BAD,
        ),
        *by_level,
        metric("Mesures", "Readings in the range.", OBSERVATIONS, count("Mesures")),
        metric(
            "Mesures en crise",
            "Readings in the range that are a hypertensive crisis.",
            OBSERVATIONS,
            count("Mesures", kql.equals("category", "severe")),
            colours=parts.ANY_IS_BAD,
        ),
    )
    return Row(6, tuple((8, panel) for panel in panels))


def _alerts() -> Row:
    """Return what waits for somebody now."""
    figures = ((10, parts.open_alerts()), (10, parts.overdue_alerts()))
    return Row(9, (*figures, (28, parts.open_alerts_by_kind())))


def _patients() -> Row:
    patients = table(
        "Patients à surveiller",
        "Newest prediction and reading of each patient, highest 6 h risk first; the id leads to the patient's page.",
        LATEST,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="risk_6h")},
        {
            "risk_6h": maximum(risk_field(6), "Risque 6 h"),
            "risk_24h": maximum(risk_field(24), "Risque 24 h"),
            "level": last_value("alert_level", "Niveau prédit", "string"),
            "systolic": maximum("systolic", "Systolique"),
            "diastolic": maximum("diastolic", "Diastolique"),
            "heart_rate": maximum("heart_rate", "Pouls"),
            "measured_at": last_value("@timestamp", "Dernière mesure", "date"),
        },
        sort_by="risk_6h",
    )
    series = Series(
        LATEST, {"patients": count("Patients")}, "bar", across=filters("Niveau prédit", parts.LEVEL_QUERIES)
    )
    description = "Patients by the level of their newest prediction."
    levels = xy("Patients par niveau prédit", description, series, unit="patients")
    return Row(15, ((30, patients), (18, levels)))


def _pressures() -> Row:
    description = "Highest, median and lowest systolic pressure of the ward against the limits of the categories."
    series = parts.spread(OBSERVATIONS, "systolic", median_colour=BLUE, lowest_colour=VIOLET)
    systolic = xy("Systolique du service", description, series, unit="mmHg", thresholds=parts.SYSTOLIC_LINES)

    description = "Highest, median and lowest diastolic pressure of the ward against the limits of the categories."
    series = parts.spread(OBSERVATIONS, "diastolic", median_colour=BLUE, lowest_colour=VIOLET)
    diastolic = xy("Diastolique du service", description, series, unit="mmHg", thresholds=parts.DIASTOLIC_LINES)
    return Row(14, ((24, systolic), (24, diastolic)))


def _over_time() -> Row:
    series = Series(OBSERVATIONS, parts.CATEGORY_COUNTS, "bar_stacked", colours=CATEGORY_COLOURS)
    description = "Readings over time by category of pressure."
    categories = xy("Catégories des mesures", description, series, unit="mesures")

    figures = {"patients": unique_count("patient_id", "Patients")}
    series = Series(OBSERVATIONS, figures, "area", colours={"patients": BLUE})
    description = "Patients with at least one reading in each interval."
    measuring = xy("Patients qui mesurent", description, series, unit="patients")
    return Row(12, ((16, categories), (16, parts.levels_over_time("Niveaux des prédictions")), (16, measuring)))


def _measuring() -> Row:
    pressure_map = heatmap(
        "Systolique par patient",
        "Mean systolic pressure of each patient over time; an empty cell is a time without readings.",
        OBSERVATIONS,
        rows=top_values("patient_id", "Patient", HEATMAP_PATIENTS, by="cell"),
        across=by_time(),
        cell=average("systolic", "Systolique moyenne"),
    )
    measuring_least = table(
        "Patients qui mesurent le moins",
        "Patients with the fewest readings in the range; who has none at all is on the site's board.",
        OBSERVATIONS,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="readings", lowest_first=True)},
        {"readings": count("Mesures"), "measured_at": last_value("@timestamp", "Dernière mesure", "date")},
        sort_by="readings",
        direction="asc",
    )
    return Row(16, ((28, pressure_map), (20, measuring_least)))
