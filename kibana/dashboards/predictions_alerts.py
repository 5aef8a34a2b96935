"""*Prédictions et alertes*: what the model predicts, which alerts were raised, and how the team answers to them."""

from __future__ import annotations

from alerts.events import Event
from conf.clinical import ALERT_RISK_FIELD
from kibana import kql
from kibana.columns import average, by_time, count, last_value, maximum, median, top_values, unique_count
from kibana.dashboard import Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, PREDICTIONS_ALERTS
from kibana.panels import Series, gauge, heatmap, metric, table, xy
from kibana.views import ALERT_EVENTS, ALERTS, ALERTS_NOW, PREDICTIONS, RAISED_FIELD
from kibana.words import ALERT_KINDS, BLUE, GREEN, RED, VIOLET

MOST_PATIENTS = 25
MOST_REASONS = 10
IS_CRITICAL = kql.equals("alert_level", "CRITICAL")
IS_OUT_OF_RANGE = kql.present("out_of_range")
IS_ANSWER = kql.equals("event", Event.ACKNOWLEDGED)
IS_FEEDBACK = kql.equals("event", Event.FEEDBACK)
A_DAY = "1d"


def predictions_alerts(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=PREDICTIONS_ALERTS,
        title=DASHBOARDS[PREDICTIONS_ALERTS],
        description="Predicted risks over time and by patient; alerts that are open now and those raised in the range; "
        "the team's answers: how many, how soon, why, and whether the alerts were found useful.",
        since="now-24h",
        refresh_s=parts.LIVE_S,
        rows=(
            parts.navigation_row(PREDICTIONS_ALERTS, site_url),
            _figures(),
            _risks_and_levels(),
            _patients(),
            open_alerts_row(),
            raised_alerts_row(),
            _answers_over_time(),
            _answers(),
        ),
        controls=(parts.patient_control(),),
    )


def _figures() -> Row:
    panels = (
        metric(
            "Prédictions",
            "Predictions in the range, and critical ones.",
            PREDICTIONS,
            count("Total"),
            second=count("critiques", IS_CRITICAL),
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
            where=IS_CRITICAL,
        ),
        parts.open_alerts(),
        metric(
            "Délai de réponse médian",
            "Median and mean time from an alert to its acknowledgement.",
            ALERT_EVENTS,
            median("answered_after_s", "Médiane"),
            second=average("answered_after_s", "moyenne"),
        ),
        metric(
            "Alertes jugées utiles",
            "Alerts that somebody called useful, and not useful.",
            ALERT_EVENTS,
            count("utiles", kql.is_true("useful")),
            second=count("non utiles", kql.is_false("useful")),
        ),
    )
    return Row(7, tuple((8, panel) for panel in panels))


def _risks_and_levels() -> Row:
    figures = {
        "highest": maximum(ALERT_RISK_FIELD, "Maximum"),
        "mean": average(ALERT_RISK_FIELD, "Moyenne"),
        "median": median(ALERT_RISK_FIELD, "Médiane"),
    }
    series = Series(PREDICTIONS, figures, colours={"highest": RED, "mean": VIOLET, "median": BLUE})
    description = "Highest, mean and median predicted 6 h risk against the thresholds of the alert levels."
    risks = xy("Risque à 6 h", description, series, unit="risque", thresholds=parts.RISK_LINES)
    return Row(13, ((24, risks), (24, parts.levels_over_time("Prédictions par niveau"))))


def _patients() -> Row:
    risk_map = heatmap(
        "Risque à 6 h par patient",
        "Highest predicted 6 h risk over time of the patients who had the highest ones.",
        PREDICTIONS,
        rows=top_values("patient_id", "Patient", MOST_PATIENTS, by="cell"),
        across=by_time(),
        cell=maximum(ALERT_RISK_FIELD, "Risque 6 h maximal"),
    )
    highest = table(
        "Patients au risque le plus élevé",
        "Patients by the highest 6 h risk in the range; the id leads to the patient's page.",
        PREDICTIONS,
        {"patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="highest")},
        {
            "highest": maximum(ALERT_RISK_FIELD, "Risque 6 h maximal"),
            "newest": last_value(ALERT_RISK_FIELD, "Risque 6 h actuel"),
            "level": last_value("alert_level", "Niveau prédit actuel", "string"),
            "critical": count("Prédictions critiques", IS_CRITICAL),
            "out_of_range": count("Hors du domaine du modèle", IS_OUT_OF_RANGE),
        },
        sort_by="highest",
    )
    return Row(15, ((28, risk_map), (20, highest)))


def open_alerts_row() -> Row:
    """Return what is open now: by kind, and the patients whom nobody has answered yet."""
    unanswered = table(
        "Alertes sans réponse",
        "Patients with an alert that nobody has answered, whatever the range; the id leads to the patient's page.",
        ALERTS_NOW,
        {
            "patient": top_values("patient_id", "Patient", MOST_PATIENTS, by="systolic"),
            "kind": top_values("kind", "Nature", len(ALERT_KINDS)),
        },
        {
            "level": last_value("level", "Niveau", "string", RAISED_FIELD),
            "systolic": maximum("worst.systolic", "Systolique max."),
            "risk_6h": maximum("worst.risk_6h", "Risque 6 h max."),
            "raised_at": last_value(RAISED_FIELD, "Déclenchée à", "date", RAISED_FIELD),
            "overdue": count("En retard", parts.IS_OVERDUE),
        },
        sort_by="systolic",
        where=parts.IS_UNANSWERED,
    )
    return Row(13, ((20, parts.open_alerts_by_kind()), (28, unanswered)))


def raised_alerts_row() -> Row:
    """Return what was raised in the range: over time, and by patient and day."""
    split = top_values("kind", "Nature", len(ALERT_KINDS))
    across = by_time(RAISED_FIELD)
    series = Series(ALERTS, {"alerts": count("Alertes")}, "bar_stacked", across=across, split=split)
    over_time = xy("Alertes par nature", "Alerts raised over time by what they are about.", series, unit="alertes")
    burden = heatmap(
        "Alertes par patient et par jour",
        "Alerts of each day of the patients who had the most.",
        ALERTS,
        rows=top_values("patient_id", "Patient", MOST_PATIENTS, by="cell"),
        across=by_time(RAISED_FIELD, "Jour", interval=A_DAY),
        cell=count("Alertes"),
    )
    return Row(14, ((24, over_time), (24, burden)))


def _answers_over_time() -> Row:
    split = top_values("kind", "Nature", len(ALERT_KINDS))
    series = Series(ALERT_EVENTS, {"answers": count("Réponses")}, "bar_stacked", split=split)
    description = "Acknowledgements over time by kind of alert."
    answers = xy("Acquittements par nature", description, series, unit="réponses", where=IS_ANSWER)

    figures = {"median": median("answered_after_s", "Médiane"), "slowest": maximum("answered_after_s", "Maximum")}
    series = Series(ALERT_EVENTS, figures, colours={"median": BLUE, "slowest": RED})
    description = "Median and longest time from an alert to its acknowledgement."
    times = xy("Délai de réponse", description, series, where=IS_ANSWER)
    return Row(12, ((24, answers), (24, times)))


def _answers() -> Row:
    across = top_values("reason", "Motif", MOST_REASONS, by="answers")
    series = Series(ALERT_EVENTS, {"answers": count("Réponses")}, "bar_horizontal", across=across)
    reasons = xy("Motifs d'acquittement", "Why alerts were acknowledged.", series, where=IS_ANSWER)

    figures = {"useful": count("Utiles", kql.is_true("useful")), "useless": count("Non utiles", kql.is_false("useful"))}
    across = top_values("kind", "Nature", len(ALERT_KINDS))
    series = Series(ALERT_EVENTS, figures, "bar_stacked", across=across, colours={"useful": GREEN, "useless": RED})
    usefulness = xy("Utilité des alertes", "What the team says of alerts, by their kind.", series, where=IS_FEEDBACK)

    by_patient = table(
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
    return Row(13, ((16, reasons), (16, usefulness), (16, by_patient)))
