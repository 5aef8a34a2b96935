"""*Patient*: for whoever looks after one patient, chosen in the control above."""

from __future__ import annotations

from conf.clinical import ALERT_RISK_FIELD
from kibana import kql
from kibana.columns import average, by_time, count, filters, last_value, maximum, top_values
from kibana.dashboard import Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, PATIENT, diastolic_limit, systolic_limit
from kibana.panels import Series, gauge, metric, table, xy
from kibana.views import ALERT_EVENTS, ALERTS, LATEST, OBSERVATIONS, PREDICTIONS, RAISED_FIELD
from kibana.words import ALERT_KINDS, BLUE, GREY, RED, VIOLET

SYSTOLIC_PALETTE = parts.pressure_palette([systolic_limit(name) for name in ("stage_1", "stage_2", "severe")])
DIASTOLIC_PALETTE = parts.pressure_palette([diastolic_limit(name) for name in ("stage_1", "stage_2", "severe")])
MOST_REASONS = 12
MOST_ANSWERS = 10


def patient(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=PATIENT,
        title=DASHBOARDS[PATIENT],
        description="One patient: newest values, pressures against the clinical limits, predicted risk and what raises "
        "it, alerts and their answers. Choose the patient in the control first; without a choice all are mixed.",
        since="now-3d",
        refresh_s=parts.LIVE_S,
        rows=(
            parts.navigation_row(PATIENT, site_url),
            _newest(),
            _pressures_and_risk(),
            _derived_pressures_and_heart_rate(),
            _risks_and_reasons(),
            _categories_and_windows(),
            _readings(),
            _alerts_and_answers(),
        ),
        controls=(parts.patient_control(is_single=True),),
    )


def _newest() -> Row:
    panels = (
        metric(
            "Systolique",
            "Newest systolic pressure (mmHg), coloured by category.",
            OBSERVATIONS,
            last_value("systolic", "mmHg"),
            colours=SYSTOLIC_PALETTE,
        ),
        metric(
            "Diastolique",
            "Newest diastolic pressure (mmHg), coloured by category.",
            OBSERVATIONS,
            last_value("diastolic", "mmHg"),
            colours=DIASTOLIC_PALETTE,
        ),
        metric("Pouls", "Newest heart rate.", OBSERVATIONS, last_value("heart_rate", "/min")),
        metric("Niveau prédit", "Newest predicted level.", LATEST, last_value("alert_level", "Niveau", "string")),
        metric(
            "Mesures et crises",
            "Readings in the range, and those that are a hypertensive crisis.",
            OBSERVATIONS,
            count("Mesures"),
            second=count("en crise", kql.equals("category", "severe")),
        ),
        metric(
            "Dernière mesure",
            "Time of the newest reading.",
            OBSERVATIONS,
            last_value("@timestamp", "Heure", "date"),
        ),
    )
    return Row(6, tuple((8, panel) for panel in panels))


def _pressures_and_risk() -> Row:
    figures = {"systolic": average("systolic", "Systolique"), "diastolic": average("diastolic", "Diastolique")}
    series = Series(OBSERVATIONS, figures, colours={"systolic": RED, "diastolic": BLUE})
    description = (
        "Systolic and diastolic pressure, the mean of each interval, against the limits of a crisis and stage 2."
    )
    pressures = xy("Tension artérielle", description, series, unit="mmHg", thresholds=parts.CRISIS_LINES)

    figure = maximum(ALERT_RISK_FIELD, "Risque 6 h")
    description = "Newest predicted risk of a hypertensive crisis within 6 h, coloured by alert level."
    risk = gauge("Risque à 6 h", description, LATEST, figure, (0, 1), parts.RISK_PALETTE)
    return Row(16, ((36, pressures), (12, risk)))


def _derived_pressures_and_heart_rate() -> Row:
    figures = {
        "mean": average("mean_arterial_pressure", "Pression moyenne"),
        "pulse": average("pulse_pressure", "Pression pulsée"),
    }
    series = Series(OBSERVATIONS, figures, colours={"mean": VIOLET, "pulse": GREY})
    description = "Mean arterial pressure and pulse pressure (systolic less diastolic)."
    derived_pressures = xy("Pression moyenne et pulsée", description, series, unit="mmHg")

    series = parts.spread(OBSERVATIONS, "heart_rate", median_colour=VIOLET, lowest_colour=BLUE)
    heart_rate = xy("Fréquence cardiaque", "Highest, median and lowest heart rate.", series, unit="/min")
    return Row(12, ((24, derived_pressures), (24, heart_rate)))


def _risks_and_reasons() -> Row:
    figures = {id_: maximum(field, label) for id_, (field, label) in parts.RISKS.items()}
    series = Series(PREDICTIONS, figures, colours=parts.RISK_COLOURS)
    description = "Predicted risk of a crisis within 1, 6 and 24 h; the lines are the alert levels of the 6 h risk."
    risks = xy("Risque de crise prédit", description, series, unit="risque", thresholds=parts.RISK_LINES)
    reasons = table(
        "Raisons du risque",
        "What raised the 6 h risk most often in the range, as codes of the model's explanation.",
        PREDICTIONS,
        {"code": top_values("reasons.code", "Raison", MOST_REASONS, by="predictions")},
        {"predictions": count("Prédictions"), "risk": maximum(ALERT_RISK_FIELD, "Risque 6 h maximal")},
        sort_by="predictions",
    )
    return Row(13, ((30, risks), (18, reasons)))


def _categories_and_windows() -> Row:
    across = filters("Catégorie", parts.CATEGORY_QUERIES)
    series = Series(OBSERVATIONS, {"readings": count("Mesures")}, "bar_horizontal", across=across)
    categories = xy("Mesures par catégorie", "Readings by category of pressure.", series)

    figures = {
        "readings": average("window_readings", "Mesures dans la fenêtre"),
        "hours": average("window_hours", "Durée (h)"),
        "gap": average("window_largest_gap_hours", "Plus longue pause (h)"),
    }
    series = Series(PREDICTIONS, figures, colours={"readings": BLUE, "hours": VIOLET, "gap": RED})
    description = "What the predictions rest on: readings in the window, its length, and its longest pause."
    windows = xy("Fenêtre des prédictions", description, series)
    return Row(12, ((18, categories), (30, windows)))


def _readings() -> Row:
    readings = table(
        "Mesures par période",
        "Readings of each interval: how many, mean and highest pressures, mean heart rate.",
        OBSERVATIONS,
        {"time": by_time(with_empty=False)},
        {
            "readings": count("Mesures"),
            "systolic": average("systolic", "Systolique"),
            "diastolic": average("diastolic", "Diastolique"),
            "highest": maximum("systolic", "Systolique max."),
            "heart_rate": average("heart_rate", "Pouls"),
        },
        sort_by="time",
    )
    return Row(14, ((48, readings),))


def _alerts_and_answers() -> Row:
    alerts = table(
        "Alertes du patient",
        "Alerts of this patient that were raised in the range, by kind: how many, how high, and the newest one.",
        ALERTS,
        {"kind": top_values("kind", "Nature", len(ALERT_KINDS), by="alerts")},
        {
            "alerts": count("Alertes"),
            "unanswered": count("Sans réponse", parts.IS_UNANSWERED),
            "systolic": maximum("worst.systolic", "Systolique max."),
            "risk_6h": maximum("worst.risk_6h", "Risque 6 h max."),
            "state": last_value("state", "Dernier état", "string", RAISED_FIELD),
            "raised_at": last_value(RAISED_FIELD, "Dernière alerte", "date", RAISED_FIELD),
        },
        sort_by="alerts",
    )
    answers = table(
        "Réponses aux alertes",
        "What the team answered to this patient's alerts, by kind and event.",
        ALERT_EVENTS,
        {
            "kind": top_values("kind", "Nature", MOST_ANSWERS, by="answers"),
            "event": top_values("event", "Événement", MOST_ANSWERS, by="answers"),
        },
        {
            "answers": count("Réponses"),
            "reason": last_value("reason", "Dernier motif", "string"),
            "answered_at": last_value("@timestamp", "Dernière réponse", "date"),
        },
        sort_by="answers",
        where=kql.present("by"),
    )
    return Row(14, ((28, alerts), (20, answers)))
