from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from conf.clinical import HORIZONS_H
from conf.errors import UserError
from jobs.retrain import best_trees, make_regressor, time_limit, training_frame
from ml.calibration import UNCALIBRATED
from ml.features import FEATURE_NAMES
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry import current_version, load_bundle
from ml.training_data import Dataset, Design, make_dataset, split_by_patient

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PATIENTS = 400
SEED = 7
JOB_TIMEOUT_S = 240


@cache
def parts() -> dict[str, Dataset]:
    return split_by_patient(make_dataset(Design(patients=PATIENTS, seed=SEED)), SEED)


def retrain(model_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BP_")}
    environment |= {"BP_MODEL_DIR": str(model_dir), "BP_LOCAL_DIR": str(model_dir / "local")}
    command = [sys.executable, "-m", "conf.submit", "retrain", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=JOB_TIMEOUT_S)


def test_the_job_publishes_a_bundle_that_beats_the_last_value_and_says_it_is_simulated(tmp_path: Path) -> None:
    done = retrain(tmp_path, "--patients", str(PATIENTS), "--seed", str(SEED))
    assert done.returncode == 0, done.stderr
    version = current_version(tmp_path)
    assert version is not None
    assert f"Published model {version}" in done.stderr
    bundle = load_bundle(tmp_path, version)
    assert "SIMULATED" in bundle.card["warning"]
    assert "SIMULATED" in bundle.card["data"]["source"]
    models = bundle.card["metrics"]["test"]["by_stratum"]["all"]["24h"]
    assert models["xgboost"]["brier"] < models["last_value"]["brier"] < models["climatology"]["brier"]
    assert models["xgboost"]["auroc"] > 0.8


def test_too_few_patients_are_refused_in_one_sentence_and_nothing_is_published(tmp_path: Path) -> None:
    done = retrain(tmp_path, "--patients", "6")
    assert done.returncode == 1
    assert "error: The" in done.stderr
    assert "Use more --patients." in done.stderr
    assert current_version(tmp_path) is None


@pytest.fixture(scope="module")
def fitted(spark: SparkSession) -> dict[int, Any]:
    """A Spark model per horizon."""
    rows = training_frame(spark, parts()["train"], parts()["validation"]).cache()
    return {horizon_h: make_regressor(spark, horizon_h, SEED).fit(rows) for horizon_h in HORIZONS_H}


@pytest.fixture(scope="module")
def predictor(fitted: dict[int, Any]) -> Predictor:
    boosters = {horizon_h: best_trees(model.get_booster()) for horizon_h, model in fitted.items()}
    return Predictor(Bundle("test", {}, booster_bytes(boosters), UNCALIBRATED))


def test_exported_boosters_predict_what_the_spark_models_predict(
    spark: SparkSession, fitted: dict[int, Any], predictor: Predictor
) -> None:
    """`transform` is the reference; the stream scores with the exported boosters."""
    test = parts()["test"]
    rows = training_frame(spark, test, test.where(np.zeros(len(test.features), dtype=np.bool_)))
    reference = [model.transform(rows).select("prediction").toPandas()["prediction"] for model in fitted.values()]
    raw = predictor.raw_risks(test.features)
    np.testing.assert_allclose(raw, np.stack(reference, axis=1), rtol=0, atol=1e-6)


def test_a_higher_newest_pressure_never_lowers_a_risk(predictor: Predictor) -> None:
    before = parts()["test"].features
    for name in ("systolic_lag00", "diastolic_lag00"):
        higher = before.copy()
        higher[:, FEATURE_NAMES.index(name)] += 25
        change = predictor.risks(higher).values - predictor.risks(before).values
        assert change.min() >= 0
        assert change.max() > 0.01


def test_missing_values_reach_spark_as_nan_and_not_as_null(spark: SparkSession) -> None:
    data = parts()["validation"]
    back = training_frame(spark, data, data).where("is_validation").select("features").toPandas()
    np.testing.assert_array_equal(np.stack(back["features"].tolist()), data.features)


def test_a_fit_that_never_gets_its_slots_is_given_up_with_advice(spark: SparkSession) -> None:
    begun_s = time.monotonic()
    with pytest.raises(UserError, match="Give the job its own cores"), time_limit(spark, 1.0):
        spark.range(10**13).selectExpr("sum(hash(id))").collect()
    assert time.monotonic() - begun_s < 60
