"""Batch job: train one booster per horizon on simulated patients, then save and publish a new model bundle.

Submitted by ``./spark-submit.sh retrain``. Each fit is a barrier stage: it needs all its task slots at once, so this
runs as an application of its own, never inside the stream.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import xgboost
from pyspark.sql import DataFrame, SparkSession
from xgboost.spark import SparkXGBRegressor

from conf.clinical import HORIZONS_H
from conf.errors import UserError, run_main
from conf.settings import Settings, load_settings
from ml.calibration import UNCALIBRATED
from ml.card import headline, make_card
from ml.features import FEATURE_NAMES
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry import current_version, publish, save_bundle
from ml.training_data import Dataset, Design, make_dataset, split_by_patient

MOST_WORKERS: Final = 4
FIT_TIMEOUT_S: Final = 600.0
GOLDEN_ROWS: Final = 5
NATURAL_PATIENTS: Final = 1000
RISING: Final = ("systolic_lag00", "diastolic_lag00")  # a higher newest pressure never lowers a risk
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "reg:logistic",
    "eval_metric": "logloss",
    "n_estimators": 400,
    "early_stopping_rounds": 20,
    "learning_rate": 0.08,
    "max_depth": 4,
    "min_child_weight": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "monotone_constraints": "(" + ",".join(str(int(name in RISING)) for name in FEATURE_NAMES) + ")",
}

log = logging.getLogger("jobs.retrain")


def retrain(spark: SparkSession, settings: Settings, design: Design, now: datetime) -> str:
    """Train, save and publish; the version's name."""
    log.info("Simulating %d patients", design.patients)
    parts = split_by_patient(make_dataset(design), design.seed)
    natural = make_dataset(replace(design, seed=design.seed + 1, patients=NATURAL_PATIENTS, episode_factor=1.0))
    boosters = fit_all(spark, parts, design.seed)
    predictor = Predictor(Bundle("new", {}, booster_bytes(boosters), UNCALIBRATED))
    card = make_card(design, {**PARAMETERS, "seed": design.seed}, parts, natural, predictor)
    for line in headline(card):
        log.info("Simulated test patients, not in crisis at t, %s", line)
    golden = parts["test"].features[:GOLDEN_ROWS]
    version = save_bundle(
        settings.model_dir,
        boosters,
        UNCALIBRATED,
        card,
        golden_features=golden,
        created_at=now,
        parent=current_version(settings.model_dir),
    )
    publish(settings.model_dir, version, by="retrain", why="the newest model", at=now)
    log.info("Published model %s", version)
    return version


def fit_all(spark: SparkSession, parts: Mapping[str, Dataset], seed: int) -> dict[int, xgboost.Booster]:
    """One booster per horizon in hours, each cut at its best number of trees."""
    _require_both_classes(parts)
    rows = training_frame(spark, parts["train"], parts["validation"]).cache()
    log.info("Training on %d rows, validating on %d", len(parts["train"].features), len(parts["validation"].features))
    return {horizon_h: _fit(spark, rows, horizon_h, seed) for horizon_h in HORIZONS_H}


def training_frame(spark: SparkSession, train: Dataset, validation: Dataset) -> DataFrame:
    """Rows of `features` (array of 120 floats, NaN for missing), `is_validation` and one target column per horizon."""
    features = np.concatenate([train.features, validation.features])
    targets = np.concatenate([train.targets, validation.targets])
    offsets = pa.array(np.arange(len(features) + 1, dtype=np.int32) * np.int32(len(FEATURE_NAMES)))
    columns = {
        "features": pa.ListArray.from_arrays(offsets, pa.array(features.ravel())),
        "is_validation": pa.array(np.arange(len(features)) >= len(train.features)),
        **{_target(horizon_h): pa.array(targets[:, column]) for column, horizon_h in enumerate(HORIZONS_H)},
    }
    return spark.createDataFrame(pa.table(columns))


def make_regressor(spark: SparkSession, horizon_h: int, seed: int) -> SparkXGBRegressor:
    """The estimator of one horizon, with no more workers than this application has slots for."""
    return SparkXGBRegressor(
        features_col="features",
        label_col=_target(horizon_h),
        validation_indicator_col="is_validation",
        missing=float("nan"),
        num_workers=_workers(spark),
        force_repartition=True,
        repartition_random_shuffle=True,
        seed=seed,
        verbose=False,
        **PARAMETERS,
    )


def _fit(spark: SparkSession, rows: DataFrame, horizon_h: int, seed: int) -> xgboost.Booster:
    with time_limit(spark, FIT_TIMEOUT_S):
        booster = best_trees(make_regressor(spark, horizon_h, seed).fit(rows).get_booster())
    log.info("Horizon %d h: %d trees", horizon_h, booster.num_boosted_rounds())
    return booster


def best_trees(booster: xgboost.Booster) -> xgboost.Booster:
    """The booster without the trees grown after the best one, which `inplace_predict` would use and Spark does not."""
    return booster[: booster.best_iteration + 1]


def _workers(spark: SparkSession) -> int:
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
                f"Training gave up after {seconds:.0f} s, most likely because {_workers(spark)} task slots were never "
                "free at once. Give the job its own cores, or fewer patients."
            ) from error
        raise
    finally:
        timer.cancel()


def _require_both_classes(parts: Mapping[str, Dataset]) -> None:
    for name, part in parts.items():
        if len(part.targets) == 0 or not ((part.targets.min(axis=0) == 0) & (part.targets.max(axis=0) == 1)).all():
            raise UserError(f"The {name} data lack crises or calm windows for some horizon. Use more --patients.")


def _target(horizon_h: int) -> str:
    return f"crisis_{horizon_h}h"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    design = Design()
    parser = argparse.ArgumentParser(prog="retrain", description="Train and publish a model on simulated patients.")
    parser.add_argument("--patients", type=int, default=design.patients, help=f"default {design.patients}")
    parser.add_argument("--seed", type=int, default=design.seed, help=f"default {design.seed}")
    parser.add_argument("--verbose", action="store_true", help="show traces")
    return parser.parse_args(arguments)


def main() -> None:
    """Entry point."""
    chosen = parse_arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    log.setLevel(logging.INFO)
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)

    def run() -> None:
        settings = load_settings()
        design = Design(patients=chosen.patients, seed=chosen.seed, min_readings=settings.min_readings)
        spark = SparkSession.builder.appName("blood-pressure-retrain").getOrCreate()
        try:
            retrain(spark, settings, design, datetime.now(UTC))
        finally:
            spark.stop()

    sys.exit(run_main(run, verbose=chosen.verbose))


if __name__ == "__main__":
    main()
