"""*Qualité du modèle*: for whoever answers for the model, live quality by day, drift of its readings and risks."""

from __future__ import annotations

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, HORIZONS_H
from kibana import kql
from kibana.columns import average, by_time, count, filters, last_value, maximum, median, top_values
from kibana.dashboard import Control, Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, MODEL_QUALITY
from kibana.panels import Panel, Series, Threshold, heatmap, metric, palette, table, xy
from kibana.views import MODEL_MONITORING, PREDICTIONS
from kibana.words import BLUE, GREEN, GREY, LEVEL_COLOURS, LEVELS, ORANGE, RED, SUBGROUPS, YELLOW
from ml.drift import MODERATE, STRONG

MOST_VERSIONS = 10
MOST_FEATURES = 30
IS_QUALITY = kql.equals("kind", "quality")
IS_DRIFT = kql.equals("kind", "drift")
ALL_PATIENTS = kql.both(IS_QUALITY, kql.equals("stratum", "all"))
AT_ALERT_HORIZON = kql.both(IS_QUALITY, kql.number("horizon_h", ALERT_HORIZON_H))
ALERTING = kql.both(ALL_PATIENTS, kql.number("horizon_h", ALERT_HORIZON_H))
HAS_MOVED = kql.both(IS_DRIFT, f"not {kql.equals('drift', 'stable')}")
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
        "and group, and drift of readings and risks. The monitor job writes these documents; else nothing is shown.",
        since="now-30d",
        refresh_s=300,
        rows=(
            parts.navigation_row(MODEL_QUALITY, site_url),
            _newest_day(),
            _discrimination_and_skill(),
            _risk_and_subgroups(),
            _calibration(),
            _levels(),
            _features(),
            _drift_and_versions(),
            _versions(),
        ),
        controls=(Control("Version du modèle", "model_version", MODEL_MONITORING),),
    )


def _newest_day() -> Row:
    """Return the figures of the newest day with outcomes, at the alert horizon, and the strongest drift."""
    figures = (
        ("auroc", "AUROC à 6 h", "Area under the ROC curve of the newest judged day: ranking of patients."),
        ("brier_skill", "Gain de Brier à 6 h", "1 is perfect, 0 no better than the mean rate."),
        ("ici", "Erreur de calibration à 6 h", "Mean distance (ICI) between predicted and observed rates."),
        ("ppv.CRITICAL", "VPP du niveau critique", "Share of critical predictions that a crisis followed."),
    )
    newest = [
        metric(title, description, MODEL_MONITORING, last_value(field, title), where=ALERTING)
        for field, title, description in figures
    ]
    outcomes = metric(
        "Prédictions jugées",
        "Predictions of the newest judged day with a known outcome, and the crises that followed.",
        MODEL_MONITORING,
        last_value("rows", "Prédictions jugées"),
        second=last_value("events", "crises"),
        where=ALERTING,
    )
    drift = metric(
        "Dérive la plus forte",
        "Highest population stability index of any summary in the range that is beyond chance.",
        MODEL_MONITORING,
        maximum("psi", "PSI"),
        colours=DRIFT_PALETTE,
        where=HAS_MOVED,
    )
    return Row(6, tuple((8, panel) for panel in (*newest, outcomes, drift)))


def _by_horizon(title: str, description: str, field: str, *thresholds: Threshold) -> Panel:
    horizons = filters("Horizon", {f"{hours} h": kql.number("horizon_h", hours) for hours in HORIZONS_H})
    series = Series(MODEL_MONITORING, {"figure": average(field, title)}, split=horizons)
    return xy(title, description, series, thresholds=thresholds, where=ALL_PATIENTS)


def _discrimination_and_skill() -> Row:
    chance, mean_rate = Threshold("Hasard (0,5)", 0.5, GREY), Threshold("Taux moyen (0)", 0, GREY)
    description = "Area under the ROC curve by day and horizon; the line is chance."
    discrimination = _by_horizon("AUROC par horizon", description, "auroc", chance)
    description = "Brier skill by day and horizon; at zero the model says no more than the mean rate."
    skill = _by_horizon("Gain de Brier par horizon", description, "brier_skill", mean_rate)
    return Row(12, ((24, discrimination), (24, skill)))


def _risk_and_subgroups() -> Row:
    figures = {"risk": average("mean_risk", "Risque prédit moyen"), "rate": average("observed_rate", "Taux observé")}
    series = Series(MODEL_MONITORING, figures, colours={"risk": BLUE, "rate": RED})
    description = "Mean predicted 6 h risk beside the rate of crises that followed: apart means badly calibrated."
    risk_and_rate = xy("Risque prédit et taux observé", description, series, where=ALERTING)

    subgroups = filters("Groupe", {name: kql.equals("stratum", stored) for stored, name in SUBGROUPS.items()})
    series = Series(MODEL_MONITORING, {"figure": average("auroc", "AUROC")}, split=subgroups)
    description = "Area under the ROC curve at 6 h of all predictions, and apart of those made in or outside a crisis."
    by_subgroup = xy("AUROC par groupe", description, series, where=AT_ALERT_HORIZON)
    return Row(12, ((24, risk_and_rate), (24, by_subgroup)))


def _calibration() -> Row:
    description = "Integrated calibration index by day and horizon; lower is better."
    error = _by_horizon("Erreur de calibration par horizon", description, "ici")
    description = "Calibration slope by day and horizon; below one the model is too sure, above one too timid."
    slope = _by_horizon("Pente de calibration par horizon", description, "slope", Threshold("Idéal (1)", 1, GREY))
    return Row(12, ((24, error), (24, slope)))


def _levels() -> Row:
    """Return, by alert level, how often a crisis followed and how many predictions have an outcome."""
    figures = {level: average(f"ppv.{level}", LEVELS[level]) for level in reversed(ALERT_LEVELS)}
    series = Series(MODEL_MONITORING, figures, colours=LEVEL_COLOURS)
    description = "Share of the predictions of each alert level that a crisis within 6 h followed."
    predictive_value = xy("Valeur prédictive par niveau", description, series, where=ALERTING)

    figures = {level: average(f"level_rows.{level}", LEVELS[level]) for level in reversed(ALERT_LEVELS)}
    series = Series(MODEL_MONITORING, figures, "bar_stacked", colours=LEVEL_COLOURS)
    description = "Judged predictions by day and alert level."
    predictions = xy("Prédictions jugées par niveau", description, series, where=ALERTING)
    return Row(12, ((24, predictive_value), (24, predictions)))


def _features() -> Row:
    drift_map = heatmap(
        "Dérive par variable",
        "Population stability index by day of what is fed to the model and of the risks.",
        MODEL_MONITORING,
        rows=top_values("feature", "Variable", MOST_FEATURES, by="cell"),
        across=by_time(),
        cell=maximum("psi", "PSI"),
        where=IS_DRIFT,
    )
    drifting = table(
        "Variables qui dérivent",
        "Summaries of readings and risks by their highest population stability index, with their means.",
        MODEL_MONITORING,
        {"feature": top_values("feature", "Variable", MOST_FEATURES, by="highest")},
        {
            "highest": maximum("psi", "PSI maximal"),
            "newest": last_value("psi", "PSI actuel"),
            "low": last_value("psi_low", "Limite basse"),
            "mean": last_value("mean", "Moyenne"),
            "before": last_value("reference_mean", "À l'apprentissage"),
            "reading": last_value("drift", "Dérive", "string"),
        },
        sort_by="highest",
        where=IS_DRIFT,
    )
    return Row(18, ((28, drift_map), (20, drifting)))


def _drift_and_versions() -> Row:
    figures = {"highest": maximum("psi", "Maximum"), "median": median("psi", "Médiane")}
    series = Series(MODEL_MONITORING, figures, colours={"highest": RED, "median": BLUE})
    description = "Highest and median population stability index of readings and risks, against the usual limits."
    drift = xy("Dérive au fil du temps", description, series, unit="PSI", thresholds=DRIFT_LINES, where=IS_DRIFT)

    versions = top_values("model_version", "Version", MOST_VERSIONS, by="predictions")
    series = Series(PREDICTIONS, {"predictions": count("Prédictions")}, "bar_stacked", split=versions)
    description = "Predictions over time by model version."
    in_service = xy("Versions en service", description, series, unit="prédictions")
    return Row(12, ((24, drift), (24, in_service)))


def _versions() -> Row:
    versions = table(
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
    description = "Share of predictions whose outcome the record does not reach, by day and horizon."
    unknown_outcomes = _by_horizon("Issues inconnues par horizon", description, "censored_share")
    return Row(11, ((28, versions), (20, unknown_outcomes)))
