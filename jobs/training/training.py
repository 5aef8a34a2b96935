"""Fitting on Spark: one booster per horizon, from the log odds of the linear part on, and the search for parameters.

Rows are those of `ml.storage`, with the boosters' inputs (NaN for missing) in the place of the features and the linear
part's log odds beside (`with_inputs`); targets are null where censored. Each fit of xgboost is a barrier stage: it
needs all its task slots at once, so training runs as an application of its own, never inside the stream.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import xgboost
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBRegressor

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H, RISK_FIELDS
from conf.errors import UserError
from ml.calibration import UNCALIBRATED, Calibrators, fit_all
from ml.dataset import Dataset
from ml.inputs import INPUT_NAMES, RISING, booster_inputs
from ml.linear import LinearPart
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.storage import ROW_SCHEMA, from_arrow, list_column

MOST_WORKERS: Final = 4
FIT_TIMEOUT_S: Final = 3600.0
FOLDS: Final = 3
FEATURES: Final = "features"
TARGETS: Final = dict(zip(HORIZONS_H, RISK_FIELDS, strict=True))
MARGINS: Final = {target: f"margin_of_{target}" for target in RISK_FIELDS}
INPUT_SCHEMA: Final = ROW_SCHEMA + "".join(f", {name} float" for name in MARGINS.values())

MONOTONE: Final = "(" + ",".join(str(int(name in RISING)) for name in INPUT_NAMES) + ")"

Parameters = Mapping[str, Any]
FIXED: Final[Parameters] = {
    "objective": "reg:logistic",
    "eval_metric": "logloss",
    "subsample": 0.8,
    "colsample_bytree": 0.5,
}
# Few, larger steps: every tree is paid for with each prediction, and the linear part has done most of the work.
FINAL: Final[Parameters] = {"n_estimators": 400, "early_stopping_rounds": 20, "learning_rate": 0.1}
SEARCH: Final[Parameters] = {"n_estimators": 50, "learning_rate": 0.1}
CANDIDATES: Final[tuple[dict[str, Any], ...]] = tuple(
    {"max_depth": depth, "min_child_weight": least} for depth, least in ((3, 20), (4, 20), (6, 100))
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tuning:
    """The chosen parameters, and for the card the mean squared error (Brier score) of each candidate.

    `constraint_cost` is how much larger the error is, as a share, than without the monotone constraint.
    """

    parameters: Parameters
    candidates: tuple[dict[str, Any], ...] = ()
    constraint_cost: float | None = None

    def describe(self) -> dict[str, object]:
        """Return plain values for the model card."""
        chosen = {**FIXED, **FINAL, **self.parameters, "monotone_in": list(RISING)}
        return {**chosen, "search": list(self.candidates), "constraint_cost": self.constraint_cost}


UNTUNED: Final = Tuning({"max_depth": 4, "min_child_weight": 20})


def with_inputs(rows: DataFrame, linear: LinearPart) -> DataFrame:
    """Return rows with the boosters' inputs as their features, and the margins to start from."""

    def derive(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            data = from_arrow(batch)
            inputs = booster_inputs(data.features, data.hour)
            wide = batch.set_column(batch.schema.get_field_index(FEATURES), FEATURES, list_column(inputs))
            for name, margin in zip(MARGINS.values(), linear.margins(inputs).T, strict=True):
                wide = wide.append_column(name, pa.array(margin))
            yield wide

    return rows.mapInArrow(derive, INPUT_SCHEMA)


def regressor(spark: SparkSession, label: str, seed: int, parameters: Parameters) -> SparkXGBRegressor:
    """Return the estimator for one target; `parameters` are xgboost's."""
    return SparkXGBRegressor(
        features_col=FEATURES,
        label_col=label,
        base_margin_col=MARGINS[label],
        missing=float("nan"),
        num_workers=workers(spark),
        force_repartition=True,
        repartition_random_shuffle=True,
        seed=seed,
        verbose=False,
        **{**FIXED, "monotone_constraints": MONOTONE, **parameters},
    )


def fit_boosters(spark: SparkSession, rows: DataFrame, parameters: Parameters, seed: int) -> dict[int, xgboost.Booster]:
    """Fit one booster per horizon in hours to the parts train and early_stopping, cut at its best number of trees."""
    return {horizon_h: _fit(spark, rows, horizon_h, parameters, seed) for horizon_h in HORIZONS_H}


def _fit(spark: SparkSession, rows: DataFrame, horizon_h: int, parameters: Parameters, seed: int) -> xgboost.Booster:
    label = TARGETS[horizon_h]
    known = _known(rows.where(F.col("split").isin("train", "early_stopping")), label)
    stopping = known.withColumn("is_validation", F.col("split") == "early_stopping")
    estimator = regressor(spark, label, seed, {**FINAL, **parameters, "validation_indicator_col": "is_validation"})
    with time_limit(spark, FIT_TIMEOUT_S):
        booster = best_trees(estimator.fit(stopping).get_booster())
    log.info("%d h: %d trees", horizon_h, booster.num_boosted_rounds())
    return booster


def best_trees(booster: xgboost.Booster) -> xgboost.Booster:
    """Return the booster without the trees after the best one, which `inplace_predict` would use and Spark does not."""
    return booster[: booster.best_iteration + 1]


def calibrate(linear: LinearPart, boosters: Mapping[int, xgboost.Booster], held_out: Dataset) -> Calibrators:
    """Fit the calibrators to patients used nowhere else."""
    uncalibrated = Bundle("raw", {}, booster_bytes(boosters), UNCALIBRATED, linear)
    raw = Predictor(uncalibrated).raw_risks(held_out.features, held_out.hour)
    return fit_all(raw, held_out.targets, held_out.patient_id)


def tune(spark: SparkSession, rows: DataFrame, seed: int) -> Tuning:
    """Choose parameters by cross-validation over training patients only, for the horizon of the alerts.

    A fold is a third of the patients. The search grows fewer, larger steps than the final fit, which stops early.
    """
    label = TARGETS[ALERT_HORIZON_H]
    training = _known(rows.where(F.col("split") == "train"), label)
    folded = training.withColumn("fold", F.pmod(F.xxhash64("patient_id"), F.lit(FOLDS)).cast("int")).cache()
    maps = [*({**candidate, "monotone_constraints": MONOTONE} for candidate in CANDIDATES)]
    constrained = _cross_validate(spark, folded, label, seed, maps)
    best = int(np.argmin(constrained))
    (free,) = _cross_validate(spark, folded, label, seed, [{**CANDIDATES[best], "monotone_constraints": None}])
    folded.unpersist()
    table = tuple({**candidate, "brier": error} for candidate, error in zip(CANDIDATES, constrained, strict=True))
    return Tuning(CANDIDATES[best], table, constrained[best] / free - 1)


def _cross_validate(
    spark: SparkSession, folded: DataFrame, label: str, seed: int, candidates: list[dict[str, Any]]
) -> list[float]:
    """Return the mean squared error of each candidate over the folds."""
    estimator = regressor(spark, label, seed, SEARCH)
    maps = [{estimator.getParam(name): value for name, value in candidate.items()} for candidate in candidates]
    evaluator = RegressionEvaluator(labelCol=label, predictionCol="prediction", metricName="mse")
    search = CrossValidator(
        estimator=estimator, estimatorParamMaps=maps, evaluator=evaluator, numFolds=FOLDS, foldCol="fold"
    )
    with time_limit(spark, FIT_TIMEOUT_S):
        errors = [float(error) for error in search.fit(folded).avgMetrics]
    for candidate, error in zip(candidates, errors, strict=True):
        log.info("Cross-validation: depth %d, Brier %.6f", candidate["max_depth"], error)
    return errors


def _known(rows: DataFrame, label: str) -> DataFrame:
    """Return the rows whose target is not censored; xgboost takes no missing label."""
    return rows.where(F.col(label).isNotNull())


def workers(spark: SparkSession) -> int:
    """Return how many tasks a fit uses: all slots there are, up to a handful."""
    context = spark.sparkContext
    slots = int(context.defaultParallelism) // int(context.getConf().get("spark.task.cpus", "1"))
    return max(1, min(MOST_WORKERS, slots))


@contextmanager
def time_limit(spark: SparkSession, seconds: float) -> Iterator[None]:
    """Cancel the jobs after `seconds`: a barrier stage without enough free slots would wait for ever."""
    expired = threading.Event()

    def cancel() -> None:
        expired.set()
        spark.sparkContext.cancelAllJobs()

    timer = threading.Timer(seconds, cancel)
    timer.start()
    try:
        yield
    except Exception as error:
        if expired.is_set():
            raise UserError(
                f"Training gave up after {seconds:.0f} s, most likely because {workers(spark)} task slots were never "
                "free at once. Give the job its own cores, or fewer patients."
            ) from error
        raise
    finally:
        timer.cancel()
