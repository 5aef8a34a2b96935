"""*Qualité du modèle*: for whoever answers for the model, live quality by day and drift of what it is fed with."""

from __future__ import annotations

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, HORIZONS_H
from kibana import kql
from kibana.columns import average, by_time, count, filters, last_value, maximum, median, top_values
from kibana.dashboard import Control, Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, MODEL_QUALITY
from kibana.panels import Panel, Series, Threshold, heatmap, metric, palette, table, xy
from kibana.saved import Json
from kibana.views import MODEL_MONITORING, PREDICTIONS
from kibana.words import BLUE, GREEN, GREY, LEVEL_COLOURS, LEVELS, ORANGE, RED, STRATA, YELLOW
from ml.drift import MODERATE, STRONG

MOST_VERSIONS = 10
MOST_FEATURES = 30
IS_QUALITY = kql.equals("kind", "quality")
IS_DRIFT = kql.equals("kind", "drift")
ALL_PATIENTS = kql.both(IS_QUALITY, kql.equals("stratum", "all"))
AT_ALERT_HORIZON = kql.both(IS_QUALITY, kql.number("horizon_h", ALERT_HORIZON_H))
ALERTING = kql.both(ALL_PATIENTS, kql.number("horizon_h", ALERT_HORIZON_H))
DRIFT_LINES = (
    Threshold(f"Dérive modérée ({MODERATE})", MODERATE, ORANGE),
    Threshold(f"Dérive forte ({STRONG})", STRONG, RED),
)
DRIFT_PALETTE = palette((GREEN, YELLOW, RED), (0, MODERATE, STRONG), 1)


def model_quality(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=MODEL_QUALITY,
        title=DASHBOARDS[MODEL_QUALITY],
        description="For the model's owner: stored predictions judged by what was observed afterwards, by day, horizon "
        "and group, and drift of the features. The monitor job writes these documents; without it nothing is shown.",
        since="now-30d",
        refresh_s=300,
        rows=(
            parts.navigation_row(MODEL_QUALITY, site_url),
            Row(6, tuple((8, panel) for panel in _figures())),
            Row(12, ((24, _discrimination()), (24, _skill()))),
            Row(12, ((24, _risk_and_rate()), (24, _groups()))),
            Row(12, ((24, _calibration_error()), (24, _calibration_slope()))),
            Row(12, ((24, _predictive_value()), (24, _levels()))),
            Row(18, ((28, _drift_map()), (20, _drifting()))),
            Row(12, ((24, _drift()), (24, _versions_in_service()))),
            Row(11, ((28, _versions()), (20, _unknown_outcomes()))),
        ),
        controls=(Control("Version du modèle", "model_version", MODEL_MONITORING),),
    )


def _figures() -> tuple[Panel, ...]:
    judged = last_value("rows", "Prédictions jugées")
    return (
        _newest("auroc", "AUROC à 6 h", "Area under the ROC curve of the newest judged day: ranking of patients."),
        _newest("brier_skill", "Gain de Brier à 6 h", "1 is perfect, 0 no better than the mean rate."),
        _newest("ici", "Erreur de calibration à 6 h", "Mean distance (ICI) between predicted and observed rates."),
        _newest("ppv.CRITICAL", "VPP du niveau critique", "Share of critical predictions that a crisis followed."),
        metric(
            "Prédictions jugées",
            "Predictions of the newest judged day with a known outcome, and the crises that followed.",
            MODEL_MONITORING,
            judged,
            second=last_value("events", "crises"),
            where=ALERTING,
        ),
        metric(
            "Dérive la plus forte",
            "Highest population stability index of any feature in the range.",
            MODEL_MONITORING,
            maximum("psi", "PSI"),
            colours=DRIFT_PALETTE,
            where=IS_DRIFT,
        ),
    )


def _newest(field: str, title: str, description: str) -> Panel:
    return metric(title, description, MODEL_MONITORING, last_value(field, title), where=ALERTING)


def _by_horizon(title: str, description: str, field: str, *thresholds: Threshold) -> Panel:
    horizons = filters("Horizon", {f"{hours} h": kql.number("horizon_h", hours) for hours in HORIZONS_H})
    series = Series(MODEL_MONITORING, {"figure": average(field, title)}, split=horizons)
    return xy(title, description, [series], thresholds=thresholds, where=ALL_PATIENTS)


def _discrimination() -> Panel:
    description = "Area under the ROC curve by day and horizon; the line is chance."
    return _by_horizon("AUROC par horizon", description, "auroc", Threshold("Hasard (0,5)", 0.5, GREY))


def _skill() -> Panel:
    description = "Brier skill by day and horizon; at zero the model says no more than the mean rate."
    return _by_horizon("Gain de Brier par horizon", description, "brier_skill", Threshold("Taux moyen (0)", 0, GREY))


def _calibration_error() -> Panel:
    description = "Integrated calibration index by day and horizon; lower is better."
    return _by_horizon("Erreur de calibration par horizon", description, "ici")


def _calibration_slope() -> Panel:
    description = "Calibration slope by day and horizon; below one the model is too sure, above one too timid."
    return _by_horizon("Pente de calibration par horizon", description, "slope", Threshold("Idéal (1)", 1, GREY))


def _unknown_outcomes() -> Panel:
    description = "Share of predictions whose outcome the record does not reach, by day and horizon."
    return _by_horizon("Issues inconnues par horizon", description, "censored_share")


def _risk_and_rate() -> Panel:
    figures = {"risk": average("mean_risk", "Risque prédit moyen"), "rate": average("observed_rate", "Taux observé")}
    series = Series(MODEL_MONITORING, figures, colours={"risk": BLUE, "rate": RED})
    description = "Mean predicted 6 h risk beside the rate of crises that followed: apart means badly calibrated."
    return xy("Risque prédit et taux observé", description, [series], where=ALERTING)


def _groups() -> Panel:
    groups = filters("Groupe", {name: kql.equals("stratum", stratum) for stratum, name in STRATA.items()})
    series = Series(MODEL_MONITORING, {"figure": average("auroc", "AUROC")}, split=groups)
    description = "Area under the ROC curve at 6 h of all predictions, and apart of those made in or outside a crisis."
    return xy("AUROC par groupe", description, [series], where=AT_ALERT_HORIZON)


def _predictive_value() -> Panel:
    figures = {level: average(f"ppv.{level}", LEVELS[level]) for level in reversed(ALERT_LEVELS)}
    series = Series(MODEL_MONITORING, figures, colours=LEVEL_COLOURS)
    description = "Share of the predictions of each alert level that a crisis within 6 h followed."
    return xy("Valeur prédictive par niveau", description, [series], where=ALERTING)


def _levels() -> Panel:
    figures = {level: average(f"level_rows.{level}", LEVELS[level]) for level in reversed(ALERT_LEVELS)}
    series = Series(MODEL_MONITORING, figures, "bar_stacked", colours=LEVEL_COLOURS)
    return xy("Prédictions jugées par niveau", "Judged predictions by day and alert level.", [series], where=ALERTING)


def _drift_map() -> Panel:
    return heatmap(
        "Dérive par variable",
        "Population stability index by day of the features that moved most.",
        MODEL_MONITORING,
        rows=_features("cell"),
        across=by_time(),
        cell=maximum("psi", "PSI"),
        where=IS_DRIFT,
    )


def _drifting() -> Panel:
    return table(
        "Variables qui dérivent",
        "Features by their highest population stability index in the range.",
        MODEL_MONITORING,
        {"feature": _features("highest")},
        {
            "highest": maximum("psi", "PSI maximal"),
            "newest": last_value("psi", "PSI actuel"),
            "reading": last_value("drift", "Dérive", "string"),
        },
        sort_by="highest",
        where=IS_DRIFT,
    )


def _features(by: str) -> Json:
    return top_values("feature", "Variable", MOST_FEATURES, by=by)


def _drift() -> Panel:
    figures = {"highest": maximum("psi", "Maximum"), "median": median("psi", "Médiane")}
    series = Series(MODEL_MONITORING, figures, colours={"highest": RED, "median": BLUE})
    description = "Highest and median population stability index of the features, against the usual limits."
    return xy("Dérive au fil du temps", description, [series], unit="PSI", thresholds=DRIFT_LINES, where=IS_DRIFT)


def _versions_in_service() -> Panel:
    versions = top_values("model_version", "Version", MOST_VERSIONS, by="predictions")
    series = Series(PREDICTIONS, {"predictions": count("Prédictions")}, "bar_stacked", split=versions)
    return xy("Versions en service", "Predictions over time by model version.", [series], unit="prédictions")


def _versions() -> Panel:
    return table(
        "Versions du modèle",
        "Model versions with their mean live figures at 6 h over the judged days of the range.",
        MODEL_MONITORING,
        {"version": top_values("model_version", "Version", MOST_VERSIONS, by="auroc")},
        {
            "auroc": average("auroc", "AUROC"),
            "skill": average("brier_skill", "Gain de Brier"),
            "ici": average("ici", "ICI"),
            "days": count("Jours jugés"),
            "judged_at": last_value("judged_at", "Jugé à", "date"),
        },
        sort_by="auroc",
        where=ALERTING,
    )
