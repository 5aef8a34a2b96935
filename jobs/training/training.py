"""Fitting on Spark: one booster per horizon, the search for their parameters, and the random forest beside them.

Rows are those of `ml.storage`: `features` (120 floats, NaN for missing), one target per horizon (null for censored),
`split`. Each fit of xgboost is a barrier stage: it needs all its task slots at once, so training runs as an application
of its own, never inside the stream.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.functions import array_to_vector
from pyspark.ml.regression import RandomForestRegressionModel, RandomForestRegressor
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBRegressor

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H, RISK_FIELDS
from conf.errors import UserError
from ml.features import FEATURE_NAMES, NEWEST_PRESSURES

MOST_WORKERS: Final = 4
FIT_TIMEOUT_S: Final = 3600.0
FOLDS: Final = 3
FEATURES: Final = "features"
FOREST_COLUMNS: Final = tuple(f"forest_{horizon_h}h" for horizon_h in HORIZONS_H)
TARGETS: Final = dict(zip(HORIZONS_H, RISK_FIELDS, strict=True))

MONOTONE: Final = "(" + ",".join(str(int(name in NEWEST_PRESSURES)) for name in FEATURE_NAMES) + ")"

Parameters = Mapping[str, Any]
FIXED: Final[Parameters] = {
    "objective": "reg:logistic",
    "eval_metric": "logloss",
    "subsample": 0.8,
    "colsample_bytree": 0.3,
}
FINAL: Final[Parameters] = {"n_estimators": 1500, "early_stopping_rounds": 25, "learning_rate": 0.05}
SEARCH: Final[Parameters] = {"n_estimators": 150, "learning_rate": 0.1}
CANDIDATES: Final[tuple[dict[str, Any], ...]] = tuple(
    {"max_depth": depth, "min_child_weight": least} for depth, least in ((3, 20), (4, 20), (6, 100))
)
FOREST: Final[Parameters] = {
    **{"numTrees": 60, "maxDepth": 12, "minInstancesPerNode": 20, "featureSubsetStrategy": "onethird"},
    **{"subsamplingRate": 0.7, "maxBins": 64, "maxMemoryInMB": 256},  # of each task: two at a time fit a driver of 2 GB
}

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
        chosen = {**FIXED, **FINAL, **self.parameters, "monotone_in": list(NEWEST_PRESSURES)}
        return {**chosen, "search": list(self.candidates), "constraint_cost": self.constraint_cost}


UNTUNED: Final = Tuning({"max_depth": 4, "min_child_weight": 20})


def regressor(spark: SparkSession, label: str, seed: int, parameters: Parameters) -> SparkXGBRegressor:
    """Return the estimator for one target; `parameters` are xgboost's."""
    return SparkXGBRegressor(
        features_col=FEATURES,
        label_col=label,
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


def fit_forests(rows: DataFrame, medians: NDArray[np.float32], seed: int) -> dict[int, RandomForestRegressionModel]:
    """Grow one random forest per horizon; it knows no missing values, so the medians stand for them."""
    training = rows.withColumn(FEATURES, _imputed(medians)).cache()
    forests = {}
    for horizon_h in HORIZONS_H:
        label = TARGETS[horizon_h]
        estimator = RandomForestRegressor(featuresCol=FEATURES, labelCol=label, seed=seed, **FOREST)
        forests[horizon_h] = estimator.fit(_known(training, label))
        log.info("Random forest for %d h grown", horizon_h)
    training.unpersist()
    return forests


def forest_risks(
    forests: Mapping[int, RandomForestRegressionModel], rows: DataFrame, medians: NDArray[np.float32]
) -> DataFrame:
    """Return patient_id, effective_time and the `FOREST_COLUMNS` of rows."""
    scored = rows.withColumn(FEATURES, _imputed(medians))
    for column, horizon_h in zip(FOREST_COLUMNS, HORIZONS_H, strict=True):
        scored = forests[horizon_h].transform(scored).withColumnRenamed("prediction", column)
    return scored.select("patient_id", "effective_time", *FOREST_COLUMNS)


def _imputed(medians: NDArray[np.float32]) -> Column:
    substitutes = F.array(*(F.lit(float(median)) for median in medians))
    filled = F.zip_with(FEATURES, substitutes, lambda value, median: F.when(F.isnan(value), median).otherwise(value))
    return array_to_vector(filled)


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
