"""*Prédictions et alertes*: what the model predicts, and how the team answers to it."""

from __future__ import annotations

from alerts.episodes import ACKNOWLEDGED, FEEDBACK
from conf.clinical import ALERT_RISK_FIELD
from kibana import kql
from kibana.columns import average, by_time, count, last_value, maximum, median, top_values, unique_count
from kibana.dashboard import Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, PREDICTIONS_ALERTS
from kibana.panels import Panel, Series, gauge, heatmap, metric, table, xy
from kibana.saved import Json
from kibana.views import ALERT_EVENTS, PREDICTIONS
from kibana.words import ALERT_KINDS, BLUE, GREEN, KIND_COLOURS, LEVEL_COLOURS, RED, VIOLET

MOST_PATIENTS = 25
MOST_REASONS = 10
IS_ANSWER = kql.equals("event", ACKNOWLEDGED)
IS_FEEDBACK = kql.equals("event", FEEDBACK)


def predictions_alerts(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=PREDICTIONS_ALERTS,
        title=DASHBOARDS[PREDICTIONS_ALERTS],
        description="Predicted risks over time and by patient, and the team's answers to alerts: how many, how soon, "
        "why, and whether the alerts were found useful. Alerts themselves are not stored, only what was answered.",
        since="now-24h",
        refresh_s=parts.LIVE_S,
        rows=(
            parts.navigation_row(PREDICTIONS_ALERTS, site_url),
            Row(7, tuple((8, panel) for panel in _figures())),
            Row(13, ((24, _risks()), (24, _levels()))),
            Row(15, ((28, _risk_map()), (20, _patients()))),
            Row(12, ((24, _answers_over_time()), (24, _answer_times()))),
            Row(13, ((16, _reasons()), (16, _usefulness()), (16, _answers_by_patient()))),
        ),
        controls=(parts.patient_control(),),
    )


def _figures() -> tuple[Panel, ...]:
    critical = count("critiques", kql.equals("alert_level", "CRITICAL"))
    answered = average("answered_after_s", "moyenne")
    return (
        metric(
            "Prédictions", "Predictions in the range, and critical ones.", PREDICTIONS, count("Total"), second=critical
        ),
        gauge(
            "Risque moyen à 6 h",
            "Mean predicted risk of a crisis within 6 h.",
            PREDICTIONS,
            average(ALERT_RISK_FIELD, "Risque 6 h"),
            (0, 1),
            parts.RISK_PALETTE,
        ),
        metric(
            "Patients à risque critique",
            "Patients with a critical prediction in the range.",
            PREDICTIONS,
            unique_count("patient_id", "Patients"),
            where=kql.equals("alert_level", "CRITICAL"),
        ),
        metric("Alertes acquittées", "Acknowledgements in the range.", ALERT_EVENTS, count("Réponses", IS_ANSWER)),
        metric(
            "Délai de réponse médian",
            "Median and mean time from an alert to its acknowledgement.",
            ALERT_EVENTS,
            median("answered_after_s", "Médiane"),
            second=answered,
        ),
        metric(
            "Alertes jugées utiles",
            "Alerts that somebody called useful, and not useful.",
            ALERT_EVENTS,
            count("utiles", kql.is_true("useful")),
            second=count("non utiles", kql.is_false("useful")),
        ),
    )


def _risks() -> Panel:
    figures = {
        "highest": maximum(ALERT_RISK_FIELD, "Maximum"),
        "mean": average(ALERT_RISK_FIELD, "Moyenne"),
        "median": median(ALERT_RISK_FIELD, "Médiane"),
    }
    series = Series(PREDICTIONS, figures, colours={"highest": RED, "mean": VIOLET, "median": BLUE})
    description = "Highest, mean and median predicted 6 h risk against the thresholds of the alert levels."
    return xy("Risque à 6 h", description, [series], unit="risque", thresholds=parts.RISK_LINES)


def _levels() -> Panel:
    series = Series(PREDICTIONS, parts.LEVEL_COUNTS, "bar_stacked", colours=LEVEL_COLOURS)
    return xy("Prédictions par niveau", "Predictions over time by alert level.", [series], unit="prédictions")


def _risk_map() -> Panel:
    return heatmap(
        "Risque à 6 h par patient",
        "Highest predicted 6 h risk over time of the patients who had the highest ones.",
        PREDICTIONS,
        rows=top_values("patient_id", "Patient", MOST_PATIENTS, by="cell"),
        across=by_time(),
        cell=maximum(ALERT_RISK_FIELD, "Risque 6 h maximal"),
    )


def _patients() -> Panel:
    return table(
        "Patients au risque le plus élevé",
        "Patients by the highest 6 h risk in the range; the id leads to the patient's page.",
        PREDICTIONS,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="highest")},
        {
            "highest": maximum(ALERT_RISK_FIELD, "Risque 6 h maximal"),
            "newest": last_value(ALERT_RISK_FIELD, "Risque 6 h actuel"),
            "level": last_value("alert_level", "Niveau actuel", "string"),
            "critical": count("Prédictions critiques", kql.equals("alert_level", "CRITICAL")),
        },
        sort_by="highest",
    )


def _answers_over_time() -> Panel:
    series = Series(ALERT_EVENTS, _by_kind(IS_ANSWER), "bar_stacked", colours=KIND_COLOURS)
    return xy("Acquittements par nature", "Acknowledgements over time by kind of alert.", [series], unit="réponses")


def _answer_times() -> Panel:
    figures = {"median": median("answered_after_s", "Médiane"), "slowest": maximum("answered_after_s", "Maximum")}
    series = Series(ALERT_EVENTS, figures, colours={"median": BLUE, "slowest": RED})
    description = "Median and longest time from an alert to its acknowledgement."
    return xy("Délai de réponse", description, [series], where=IS_ANSWER)


def _reasons() -> Panel:
    across = top_values("reason", "Motif", MOST_REASONS, by="answers")
    series = Series(ALERT_EVENTS, {"answers": count("Réponses")}, "bar_horizontal", across=across)
    return xy("Motifs d'acquittement", "Why alerts were acknowledged.", [series], where=IS_ANSWER)


def _usefulness() -> Panel:
    figures = {"useful": count("Utiles", kql.is_true("useful")), "useless": count("Non utiles", kql.is_false("useful"))}
    across = top_values("kind", "Nature", len(ALERT_KINDS))
    series = Series(ALERT_EVENTS, figures, "bar_stacked", across=across, colours={"useful": GREEN, "useless": RED})
    return xy("Utilité des alertes", "What the team says of alerts, by their kind.", [series], where=IS_FEEDBACK)


def _answers_by_patient() -> Panel:
    return table(
        "Réponses par patient",
        "Acknowledgements by patient, how soon they came, and the newest reason.",
        ALERT_EVENTS,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="answers")},
        {
            "answers": count("Réponses"),
            "soon": median("answered_after_s", "Délai médian"),
            "reason": last_value("reason", "Dernier motif", "string"),
        },
        sort_by="answers",
        where=IS_ANSWER,
    )


def _by_kind(where: str) -> dict[str, Json]:
    return {kind: count(label, kql.both(where, kql.equals("kind", kind))) for kind, label in ALERT_KINDS.items()}
