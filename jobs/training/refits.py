"""The model fitted again with other seeds on other patients of the training, to see how far its risks depend on both.

Each fit draws half of the patients in memory and goes through the same steps with the parameters that were found:
logistic regression, boosters with early stopping, calibration. Where that is half of all patients, the risks spread
about as those of other trainings on all of them would; where it is a smaller part, they spread more. It runs in the
driver, where a fit on 20,000 rows takes 1.6 s of CPU; one by Spark would take longer to begin.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from jobs.training.training import FINAL, FIXED, MONOTONE, Parameters, best_trees, calibrate
from ml.dataset import CALIBRATION, EARLY_STOPPING, FITTED, TRAIN, Dataset
from ml.inputs import booster_inputs
from ml.linear import fit as fit_linear
from ml.prediction import THREADS, Bundle, Predictor, booster_bytes

FITS: Final = 5
SHARE: Final = 0.5

log = logging.getLogger(__name__)


def refit(
    parts: Mapping[str, Dataset], parameters: Parameters, seeds: range, judged: Dataset
) -> list[NDArray[np.float64]]:
    """Fit once with each seed; return what each fit makes of the rows that they are judged on, shape (m, 3) each."""
    risks = []
    for seed in seeds:
        drawn = {name: draw(parts[name], SHARE, seed) for name in FITTED}
        bundle = fit_once(drawn, parameters, seed)
        risks.append(Predictor(bundle).risks(judged.features, judged.hour).values)
        log.info("Fitted again with seed %d on %d rows", seed, len(drawn[TRAIN]))
    return risks


def draw(rows: Dataset, share: float, seed: int) -> Dataset:
    """Return the rows of a share of the patients, drawn without putting back."""
    patients = np.unique(rows.patient_id)
    chosen = np.random.default_rng(seed).choice(patients, round(share * len(patients)), replace=False)
    return rows.where(np.isin(rows.patient_id, chosen))


def fit_once(parts: Mapping[str, Dataset], parameters: Parameters, seed: int) -> Bundle:
    """Go through the steps of a training with given parameters, without Spark."""
    train, stopping = parts[TRAIN], parts[EARLY_STOPPING]
    linear = fit_linear(booster_inputs(train.features, train.hour), train.targets)
    # One thread: threads that wait for each other at every tree cost most of the time where cores are busy.
    chosen = {**FIXED, **FINAL, **parameters, "monotone_constraints": MONOTONE, "seed": seed, **THREADS}

    def matrix(rows: Dataset, column: int) -> xgboost.DMatrix:
        inputs = booster_inputs(rows.features, rows.hour)
        return xgboost.DMatrix(inputs, rows.targets[:, column], base_margin=linear.margins(inputs)[:, column])

    trees, patience = chosen.pop("n_estimators"), chosen.pop("early_stopping_rounds")
    boosters = {}
    for column, horizon_h in enumerate(HORIZONS_H):
        learnt, watched = (matrix(rows.for_horizon(column), column) for rows in (train, stopping))
        booster = xgboost.train(
            chosen, learnt, trees, evals=[(watched, "watched")], early_stopping_rounds=patience, verbose_eval=False
        )
        boosters[horizon_h] = best_trees(booster)
    calibrators = calibrate(linear, boosters, parts[CALIBRATION])
    return Bundle("refit", {}, booster_bytes(boosters), calibrators, linear)
