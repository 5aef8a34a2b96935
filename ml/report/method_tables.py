"""Tables of how a model was made and how far it can be relied on: sample size, spread over fits, restless levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from conf.clinical import ALERT_LEVELS
from ml.report.tables import Table, make_table
from ml.report.wording import HORIZON_ORDER, NONE, horizon_name, number, percent, with_interval

TRIPOD_HEAD: Final = ("Item", "What it asks", "Answer")


def level_changes(found: Mapping[str, Any]) -> Table:
    """Show how often levels change, as they are and as alerts are served."""
    names = {"raw": "level of the risk alone", "served": "level as the alert service serves it"}
    rows = [
        [names[name], *(with_interval(figure, 1) for figure in changes.values())]
        for name, changes in found["levels"].items()
    ]
    ever = f"of the {percent(found['ever_above_low'], 0)} of patients who ever reach {ALERT_LEVELS[1]}"
    head = ["Level", "Changes per patient-day", f"Changes {ever}", "of these undone within 30 min"]
    return make_table("How often alert levels change", head, rows)


def stability(found: Mapping[str, Any]) -> Table:
    """Show by horizon how far risks and quality move when the model is fitted again."""
    rows = [
        [
            horizon_name(horizon),
            *(number(100 * judged[name], 2) for name in ("mean_distance", "wide_distance")),
            *(_own_and_range(judged[name], digits) for name, digits in (("auroc", 3), ("brier", 4))),
        ]
        for horizon, judged in ((horizon, found["horizons"][horizon]) for horizon in HORIZON_ORDER)
    ]
    head = ["Horizon", "Mean distance, percentage points", "Of the window at the 95th percentile", "AUROC", "Brier"]
    return make_table(f"Fitted again {found['fits']} times, {found['windows']:,} windows not in crisis", head, rows)


def _own_and_range(values: Sequence[float], digits: int) -> str:
    """Write the model's own figure and the range of those of the other fits."""
    own, *others = (number(value, digits) for value in values) if values else (NONE,)
    return f"{own} ({min(others)} to {max(others)})" if others else own


def sample_size(found: Mapping[str, Any]) -> Table:
    """Show by horizon how many windows the criteria of Riley ask for, and how many there are."""
    rows = [
        [
            horizon_name(horizon),
            percent(size["prevalence"]),
            number(size["r2"]),
            *(f"{size[name]:,}" for name in ("overall_risk", "shrinkage", "optimism", "needed", "rows", "patients")),
            number(size["events"] / size["parameters"], 0),
        ]
        for horizon, size in ((horizon, found[horizon]) for horizon in HORIZON_ORDER if horizon in found)
    ]
    needed = ["For the overall risk", "For shrinkage", "For optimism", "Windows needed"]
    head = ["Horizon", "Prevalence", "R² (Cox-Snell)", *needed, "Training windows", "Of patients"]
    return make_table("Sample size by the criteria of Riley (BMJ 2020)", [*head, "Events per parameter"], rows)


def tripod(card: Mapping[str, Any]) -> Table | None:
    """Show the answers to TRIPOD+AI that the card has, None if it has none."""
    rows = [[answer["item"], answer["asks"], answer["answer"]] for answer in card.get("tripod", ())]
    return make_table("TRIPOD+AI, items not answered elsewhere here", TRIPOD_HEAD, rows) if rows else None
