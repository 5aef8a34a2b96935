"""Tables of an evaluation as texts, for the report and the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml.evaluation.names import (
    CLIMATOLOGY,
    LAST_VALUE,
    LOGISTIC_REGRESSION,
    ORACLE,
    OURS,
    RANDOM_FOREST,
    UNCALIBRATED,
    reference_models,
)
from ml.evaluation.quality import SUBGROUP_FIGURES
from ml.evaluation.subgroups import HEADLINE
from ml.report.wording import (
    FIGURE_NAMES,
    HORIZON_ORDER,
    NONE,
    PART_NAMES,
    horizon_name,
    model_name,
    number,
    ordered,
    percent,
    percent_interval,
    with_interval,
)

QUALITY: Final = ("auroc", "within_auroc", "auprc", "brier", "brier_skill", "ici")
ON_OTHER_DATA: Final = ("auroc", "within_auroc", "brier_skill", "ici", "slope")
MANDATED: Final = ("mae", "rmse", "r2")
CALIBRATION: Final = ("ici", "e50", "e90", "slope", "intercept", "mean_risk")
FOUR_DIGITS: Final = ("brier", "ici", "e50", "e90", "mean_risk")
BEFORE_AND_AFTER: Final = (OURS, UNCALIBRATED, RANDOM_FOREST)
IN_MANDATED: Final = (OURS, RANDOM_FOREST, LOGISTIC_REGRESSION, LAST_VALUE, CLIMATOLOGY)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first column names the row. `marks` are style names of rows, by their index."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    marks: Mapping[int, str]


def make_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], ours: str = "") -> Table:
    """Make a table whose row named `ours` is marked."""
    return Table(title, head, rows, {number: "ours" for number, row in enumerate(rows) if row[0] == ours})


def quality(found: Mapping[str, Any], horizon: str) -> Table:
    """Show all models at one horizon, with the paired difference to ours."""
    names = ordered(found["models"])
    head = ["Model", *(FIGURE_NAMES[name] for name in QUALITY), "Brier difference, thousandths", "XGBoost is"]
    rows = [
        [model_name(name), *_figures(found["models"][name], QUALITY), *_comparison(found["differences"].get(name))]
        for name in names
    ]
    title = (
        f"{horizon_name(horizon)}: {found['rows']:,} windows of {found['patients']:,} patients, "
        f"{found['events']:,} followed by a crisis (prevalence {percent(found['prevalence'])}), "
        f"{percent(found['censored_share'])} censored and left out"
    )
    return make_table(title, head, rows, ours=model_name(OURS))


def _comparison(difference: Mapping[str, Any] | None) -> list[str]:
    """Write the paired Brier difference in thousandths and what it says; nothing for ours itself."""
    if difference is None:
        return ["", ""]
    scaled = {name: None if value is None else 1000 * value for name, value in difference["brier"].items()}
    return [with_interval(scaled, 2), difference["result"]]


def _figures(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return [
        with_interval(figures[name], 4 if name in FOUR_DIGITS else 3) if name in figures else NONE for name in names
    ]


def by_horizon(found: Mapping[str, Any], models: Sequence[str], figures: Sequence[str], title: str) -> Table:
    """Show the chosen figures of the chosen models, a row per horizon and model."""
    rows = [
        [horizon_name(horizon), model_name(name), *_figures(found[horizon]["models"][name], figures)]
        for horizon in HORIZON_ORDER
        for name in models
        if name in found[horizon]["models"]
    ]
    return make_table(title, ["Horizon", "Model", *(FIGURE_NAMES[name] for name in figures)], rows)


def mandated(found: Mapping[str, Any]) -> Table:
    """Show MAE, RMSE and R² of the trained models and of the simplest."""
    return by_horizon(found, IN_MANDATED, MANDATED, "Errors against the outcome 0 or 1")


def calibration(found: Mapping[str, Any]) -> Table:
    """Show calibration after and before, beside the forest's."""
    return by_horizon(found, BEFORE_AND_AFTER, CALIBRATION, "Calibration, after and before the calibrator")


def gaps(found: Mapping[str, Any]) -> Table:
    """Show how far the model goes from each reference model to the oracle, windows not in crisis."""
    rows = [
        [
            f"{horizon_name(horizon)}, from {model_name(base)}",
            percent_interval(found[HEADLINE][horizon][base]["expected"]),
            percent_interval(found[HEADLINE][horizon][base]["observed"]),
        ]
        for horizon in HORIZON_ORDER
        for base in ordered(reference_models(found[HEADLINE][horizon]))
    ]
    return make_table("Share of the gap to the oracle that is closed", ["From", "Expected", "From outcomes"], rows)


def parts(found: Mapping[str, Any]) -> Table:
    """Show the model on each part of the data, windows not in crisis."""
    rows = [
        [
            PART_NAMES[part],
            horizon_name(horizon),
            f"{judged['rows']:,}",
            f"{judged['events']:,}",
            *_figures(judged["models"][OURS], ON_OTHER_DATA),
            _not_beaten(judged["differences"]),
        ]
        for part in PART_NAMES
        if part in found and part != ORACLE
        for horizon, judged in ((horizon, found[part][HEADLINE][horizon]) for horizon in HORIZON_ORDER)
    ]
    head = ["Part", "Horizon", "Windows", "Events", *(FIGURE_NAMES[name] for name in ON_OTHER_DATA), "Not better than"]
    return make_table("XGBoost on other data, windows not in crisis at t", head, rows)


def _not_beaten(differences: Mapping[str, Any]) -> str:
    """Name the reference models that ours is not better than, or ``none``."""
    names = ordered(reference_models(differences))
    return ", ".join(model_name(name) for name in names if differences[name]["result"] != "better") or "none"


def alarms(found: Mapping[str, Any]) -> Table:
    """Show alarm burden and lead times at the recalls and at the alert levels."""
    rows = [
        [model_name(name), when, *_alarm_row(figures)]
        for name, judged in found["models"].items()
        for when, figures in (
            *((f"recall {percent(float(recall), 0)}", burden) for recall, burden in judged["at_recall"].items()),
            *((f"level {level}", burden) for level, burden in judged["at_level"].items() if name == OURS),
        )
    ]
    head = ["Model", "Threshold for", "Risk from", "Crises found", "By chance", "Alarms per patient-day"]
    return make_table(
        "Alarms on the 6 h risk",
        [*head, "Time flagged", "Right alarms (PPV)", "Median lead, h", "Found > 30 min ahead", "Found > 2 h ahead"],
        rows,
    )


def _alarm_row(figures: Mapping[str, Any]) -> list[str]:
    return [
        percent(figures["threshold"], 0),
        percent_interval(figures["recall"]),
        percent(figures["recall_by_chance"]["value"], 0),
        with_interval(figures["alarms_per_patient_day"], 1),
        percent_interval(figures["time_flagged"]),
        percent_interval(figures["ppv"]),
        with_interval(figures["median_lead_h"], 1),
        percent_interval(figures["found_over_30_min_ahead"]),
        percent_interval(figures["found_over_2_h_ahead"]),
    ]


def alarms_compared(found: Mapping[str, Any]) -> Table:
    """Show how many times as many alarms the model raises as others that find as many crises."""
    rows = [
        [model_name(name), percent(float(recall), 0), with_interval(ratio, 2)]
        for name, by_recall in found["comparisons"].items()
        for recall, ratio in by_recall.items()
    ]
    title = "Alarms of XGBoost as a multiple of another model's, for as many crises found"
    return make_table(title, ["Other model", "Crises found", "Times as many alarms"], rows)


def subgroups(found: Mapping[str, Any]) -> Table:
    """Show by subgroup and horizon how right the risks are on the whole, AUROC, Brier, ICI and mean risk."""
    rows = [
        [
            name,
            horizon_name(horizon),
            f"{judged[horizon]['rows']:,}",
            f"{judged[horizon]['events']:,}",
            percent(judged[horizon]["prevalence"]),
            *_figures(judged[horizon]["models"][OURS], SUBGROUP_FIGURES),
        ]
        for name, judged in found.items()
        for horizon in HORIZON_ORDER
    ]
    figures = [FIGURE_NAMES[name] for name in SUBGROUP_FIGURES]
    head = ["Subgroup", "Horizon", "Windows", "Events", "Observed rate", *figures]
    return make_table("XGBoost by subgroup, windows not in crisis at t", head, rows)


def data_rows(rows: Mapping[str, Any]) -> Table:
    """Show rows, patients, events and censored share of each part, as the card has them."""
    horizons = [horizon for horizon in HORIZON_ORDER if any(horizon in part["events"] for part in rows.values())]
    head = ["Part", "Rows", "Patients", *(f"Events {horizon_name(h)} (censored)" for h in horizons)]
    body = [
        [
            name,
            f"{part['rows']:,}",
            f"{part['patients']:,}",
            *(f"{part['events'][h]:,} ({percent(part['censored_share'][h])})" for h in horizons),
        ]
        for name, part in rows.items()
    ]
    return make_table("Rows of each part", head, body)


def checks(decision: Mapping[str, Any]) -> Table:
    """Show the rule by which a model goes into service, check by check (`ml.evaluation.gates.Decision.to_json`)."""
    rows = [[check["name"].replace("_", " "), _result(check), check["detail"]] for check in decision["checks"]]
    is_shown = decision["promote"] and any(not check["passed"] for check in decision["checks"])
    may = "it may go into service" + (" as the first, to be shown and not to be trusted" if is_shown else "")
    answer = may if decision["promote"] else "the version in service stays"
    return make_table(f"The rule of promotion: {answer}", ["Check", "Result", "Why"], rows)


def _result(check: Mapping[str, Any]) -> str:
    """Say passed or failed, and where a first model is not bound by it; older decisions bind by all."""
    if check["passed"]:
        return "passed"
    return "failed" if check.get("binds", True) else "failed, does not bind a first model"


def plain_values(title: str, values: Mapping[str, Any]) -> Table:
    """Show names and values, as of parameters."""
    rows = [[name.replace("_", " "), _text(value)] for name, value in values.items()]
    return make_table(title, ["What", "Value"], rows)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    return number(value, 4).rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def to_markdown(table: Table) -> str:
    """Write the table in Markdown, with its title above."""
    lines = [list(table.head), ["---"] * len(table.head), *(list(row) for row in table.rows)]
    body = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in lines)
    return f"**{table.title}**\n\n{body}\n"
