"""Names and numbers as people read them, in one place for verdicts, report and card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MODEL_NAMES: Final = {
    "xgboost": "XGBoost",
    "xgboost_uncalibrated": "XGBoost before calibration",
    "xgboost_with_summaries": "XGBoost with summaries",
    "champion": "model in service",
    "random_forest": "random forest",
    "logistic_regression": "logistic regression",
    "window_max_mean": "window maximum and mean",
    "extrapolation": "linear extrapolation",
    "last_value": "last value",
    "threshold_rule": "threshold rule (160/100)",
    "climatology": "climatology",
    "oracle": "oracle",
}
STRATUM_NAMES: Final = {"not_in_crisis": "not in crisis at t", "all": "all windows", "in_crisis": "in crisis at t"}
PART_NAMES: Final = {
    "test": "test: unseen patients",
    "block": "block: known patients, later time",
    "external": "external: shifted patients",
    "oracle": "sample with oracle",
}
FIGURE_NAMES: Final = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "brier": "Brier",
    "brier_skill": "Brier skill",
    "log_loss": "Log loss",
    "ici": "ICI",
    "e50": "E50",
    "e90": "E90",
    "slope": "Slope",
    "intercept": "Intercept",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "mean_risk": "Mean risk",
}
HORIZON_ORDER: Final = ("6h", "24h", "1h")  # the alert horizon first
NONE: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"

Interval = Mapping[str, float | None]


def model_name(name: str) -> str:
    """How people call a model."""
    return MODEL_NAMES.get(name, name.replace("_", " "))


def horizon_name(horizon: str) -> str:
    """``6h`` -> ``6 h``."""
    return horizon.replace("h", " h")


def ordered(models: Mapping[str, Any]) -> list[str]:
    """Models in the order in which they are shown: ours first, the simplest last."""
    known = [name for name in MODEL_NAMES if name in models]
    return known + [name for name in models if name not in MODEL_NAMES]


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where there is none."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return NONE if value is None else f"{number(100 * value, digits)} %"


def with_interval(figure: Interval, digits: int = 3) -> str:
    """``0.842 (0.831 to 0.853)``."""
    value, low, high = (number(figure[name], digits) for name in ("value", "low", "high"))
    return value if NONE in (low, high) else f"{value} ({low} to {high})"


def percent_interval(figure: Interval, digits: int = 0) -> str:
    """``81 % (76 to 85)``."""
    value = percent(figure["value"], digits)
    low, high = (None if figure[name] is None else 100 * (figure[name] or 0) for name in ("low", "high"))
    return value if low is None or high is None else f"{value} ({number(low, digits)} to {number(high, digits)})"


def joined(names: list[str], last: str = "and") -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
