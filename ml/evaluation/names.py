"""Names of models and horizons in an evaluation, and which of the models ours is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H

OURS: Final = "xgboost"
UNCALIBRATED: Final = "xgboost_uncalibrated"
UNREPAIRED: Final = "xgboost_unrepaired"  # the model's risks, calibrated, before they are made coherent
NUDGED: Final = ("xgboost_raised", "xgboost_lowered")  # with the newest pressures a little higher and lower
REFITTED: Final = "xgboost_refitted"  # the same steps with other seeds, on other patients of the training
CHAMPION: Final = "champion"  # the version in service
ORACLE: Final = "oracle"  # model: risks of who knows the true state; part: the rows for which it was asked
RANDOM_FOREST: Final = "random_forest"
LOGISTIC_REGRESSION: Final = "logistic_regression"
LOGISTIC_ON_INPUTS: Final = "logistic_on_inputs"  # on all that the boosters see
LAST_VALUE: Final = "last_value"
THRESHOLD_RULE: Final = "threshold_rule"
CLIMATOLOGY: Final = "climatology"
VERSIONS_OF_OURS: Final = (OURS, UNCALIBRATED, UNREPAIRED, CHAMPION)

HORIZONS: Final = tuple(f"{horizon_h}h" for horizon_h in HORIZONS_H)
ALERT_HORIZON: Final = f"{ALERT_HORIZON_H}h"


def reference_models(models: Iterable[str]) -> list[str]:
    """Return those of `models` that ours should beat: neither versions of itself nor the oracle."""
    return [name for name in models if name not in (*VERSIONS_OF_OURS, ORACLE)]
