"""Names and numbers as people read them, in one place for findings, report and card."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from ml.dataset import BLOCK, EXTERNAL, TEST
from ml.evaluation.names import (
    ALERT_HORIZON,
    CHAMPION,
    CLIMATOLOGY,
    HORIZONS,
    LAST_VALUE,
    LOGISTIC_ON_INPUTS,
    LOGISTIC_REGRESSION,
    ORACLE,
    OURS,
    RANDOM_FOREST,
    REFITTED,
    THRESHOLD_RULE,
    UNCALIBRATED,
)
from ml.evaluation.reference_models import RULE_DIASTOLIC, RULE_SYSTOLIC
from ml.evaluation.subgroups import ALL, HEADLINE

MODEL_NAMES: Final = {
    OURS: "XGBoost",
    UNCALIBRATED: "XGBoost before calibration",
    REFITTED: "XGBoost fitted again",
    CHAMPION: "model in service",
    RANDOM_FOREST: "random forest",
    LOGISTIC_ON_INPUTS: "logistic regression on all inputs",
    LOGISTIC_REGRESSION: "logistic regression",
    "window_max_mean": "window maximum and mean",
    "extrapolation": "linear extrapolation",
    LAST_VALUE: "last value",
    THRESHOLD_RULE: f"threshold rule ({RULE_SYSTOLIC}/{RULE_DIASTOLIC})",
    CLIMATOLOGY: "climatology",
    ORACLE: "oracle",
}
SUBGROUP_NAMES: Final = {HEADLINE: "not in crisis at t", ALL: "all windows", "in_crisis": "in crisis at t"}
PART_NAMES: Final = {
    TEST: "test: unseen patients",
    BLOCK: "block: known patients, later time",
    EXTERNAL: "external: shifted patients",
    ORACLE: "sample with oracle",
}
FIGURE_NAMES: Final = {
    "auroc": "AUROC",
    "within_auroc": "AUROC within patients",
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
    "expected_per_observed": "Expected/observed",
}
HORIZON_ORDER: Final = (ALERT_HORIZON, *(name for name in reversed(HORIZONS) if name != ALERT_HORIZON))
NONE: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"

Interval = Mapping[str, float | None]


def model_name(name: str) -> str:
    """Return what people call a model."""
    return MODEL_NAMES.get(name, name.replace("_", " "))


def horizon_name(horizon: str) -> str:
    """Write ``6h`` as ``6 h``."""
    return horizon.replace("h", " h")


def ordered(models: Collection[str]) -> list[str]:
    """Return models in the order in which they are shown: ours first, the simplest last."""
    known = [name for name in MODEL_NAMES if name in models]
    return known + [name for name in models if name not in MODEL_NAMES]


def number(value: float | None, digits: int = 3) -> str:
    """Write a figure, or a dash where there is none."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share as a percentage."""
    return NONE if value is None else f"{number(100 * value, digits)} %"


def with_interval(figure: Interval, digits: int = 3) -> str:
    """Write ``0.842 (0.831 to 0.853)``."""
    value, low, high = (number(figure[name], digits) for name in ("value", "low", "high"))
    return value if NONE in (low, high) else f"{value} ({low} to {high})"


def percent_interval(figure: Interval, digits: int = 0) -> str:
    """Write ``81 % (76 to 85)``."""
    value = percent(figure["value"], digits)
    low, high = (None if figure[name] is None else 100 * (figure[name] or 0) for name in ("low", "high"))
    return value if low is None or high is None else f"{value} ({number(low, digits)} to {number(high, digits)})"


def duration(hours: float) -> str:
    """Write 2.75 as ``2 h 45 min``."""
    whole, minutes = divmod(round(60 * hours), 60)
    return " ".join(text for text, value in ((f"{whole} h", whole), (f"{minutes} min", minutes)) if value) or "0 min"


def joined(names: list[str], last: str = "and") -> str:
    """Write ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
