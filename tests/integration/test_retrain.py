from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet
from pyspark.sql import DataFrame, SparkSession

from conf.clinical import HORIZONS_H
from conf.errors import UserError
from jobs.training.collecting import count_cut
from jobs.training.simulated import Design, chunks, simulate_rows
from jobs.training.training import TARGETS, best_trees, regressor, time_limit, with_inputs
from ml.calibration import UNCALIBRATED
from ml.evaluation.names import LAST_VALUE, REFITTED
from ml.inputs import booster_inputs
from ml.linear import LinearPart
from ml.linear import fit as fit_linear
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry.bundles import bundle_file, current_version, load_bundle, versions
from ml.report.card import count
from ml.storage import from_arrow, to_arrow

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
ENOUGH = Design(
    patients=5_000, seed=SEED, windows_per_patient=16
)  # for the 200 crises within 1 h that the rule asks for
FEWER = replace(ENOUGH, patients=1_500)
JOB_TIMEOUT_S = 560
FITTED = ["train", "early_stopping"]


@cache
def rows_of(design: Design) -> pa.Table:
    return pa.Table.from_batches([to_arrow(*simulate_rows(design, chunk)) for chunk in range(chunks(design))])


def with_shuffled_labels(rows: pa.Table) -> pa.Table:
    """Give the rows that a model learns from the outcomes of other rows; the rows that judge it stay as they are."""
    order = np.arange(rows.num_rows)
    learnt_from = np.flatnonzero(np.isin(rows["split"].to_numpy(), FITTED))
    order[learnt_from] = np.random.default_rng(SEED).permutation(learnt_from)
    for name in TARGETS.values():
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].take(order))
    return rows


def write(rows: pa.Table, path: Path) -> Path:
    parquet.write_table(rows, path)
    return path


def retrain(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BP_")}
    folders = {"BP_MODEL_DIR": folder / "models", "BP_LOCAL_DIR": folder / "local", "BP_DATA_DIR": folder / "data"}
    environment |= {name: str(path) for name, path in folders.items()}
    command = [sys.executable, "-m", "deploy.submit", "retrain", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=JOB_TIMEOUT_S)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a first model was trained and published."""
    folder = tmp_path_factory.mktemp("retrain")
    done = retrain(folder, "--quick", "--data", str(write(rows_of(ENOUGH), folder / "rows.parquet")))
    assert done.returncode == 0, done.stderr
    assert f"Published model {current_version(folder / 'models')}" in done.stderr
    return folder


def published(folder: Path) -> str:
    version = current_version(folder / "models")
    assert version is not None
    return version


def test_the_first_model_is_published_when_it_beats_the_simple_rivals_and_says_it_is_simulated(first: Path) -> None:
    bundle = load_bundle(first / "models", published(first))
    assert "SIMULATED" in bundle.card["warning"]
    assert bundle.card["decision"]["promote"] is True
    report = bundle_file(first / "models", published(first), "report.html").decode()
    assert "simulated patients" in report
    assert "http" not in report.replace("http://www.w3.org", "")  # needs no network
    for name in ("card.md", "metrics.json", "drift.json"):
        assert bundle_file(first / "models", published(first), name)


def test_a_challenger_trained_on_shuffled_labels_is_kept_out_of_service_and_told_why(first: Path) -> None:
    before = published(first)
    shuffled = write(with_shuffled_labels(rows_of(FEWER)), first / "shuffled.parquet")
    done = retrain(first, "--quick", "--data", str(shuffled))
    assert done.returncode == 0, done.stderr
    assert published(first) == before
    (challenger,) = set(versions(first / "models")) - {before}
    assert f"Model {challenger} is kept but not published" in done.stderr
    card = load_bundle(first / "models", challenger).card
    failed = {check["name"] for check in card["decision"]["checks"] if not check["passed"]}
    assert {f"accuracy against {LAST_VALUE} {horizon}" for horizon in ("1h", "6h", "24h")} <= failed


def test_a_named_version_is_promoted_and_rolled_back_without_training(first: Path) -> None:
    before = published(first)
    (other,) = set(versions(first / "models")) - {before}
    assert retrain(first, "--promote", other, "--by", "Dr Martin").returncode == 0
    assert published(first) == other
    assert retrain(first, "--rollback").returncode == 0
    assert published(first) == before
    assert "Dr Martin" in (first / "models" / "promotions.jsonl").read_text()


def test_a_full_retraining_asks_forest_and_oracle_and_keeps_a_model_judged_on_too_few_crises(tmp_path: Path) -> None:
    done = retrain(tmp_path, "--patients", "300", "--forest-rows", "800", "--replicates", "20")
    assert done.returncode == 0, done.stderr
    assert current_version(tmp_path / "models") is None
    assert "are needed" in done.stderr  # 200 crises in test
    (version,) = versions(tmp_path / "models")
    card = load_bundle(tmp_path / "models", version).card
    assert len(card["parameters"]["search"]) > 1
    test = card["metrics"]["test"]["24h"] if "test" in card["metrics"] else card["metrics"]["24h"]
    assert {"random_forest", "logistic_on_inputs", "last_value"} <= set(test["differences"])
    metrics = json.loads(bundle_file(tmp_path / "models", version, "metrics.json"))
    assert "oracle" in metrics["parts"]
    assert list(metrics["missing"]) == [REFITTED]  # half of so few patients have no crisis to be calibrated by
    stages = card["made"]["seconds"]
    assert {"rows", "search", "boosters", "oracle", "refits", "evaluation"} <= set(stages)


def test_too_few_patients_are_refused_in_one_sentence_and_nothing_is_saved(tmp_path: Path) -> None:
    done = retrain(tmp_path, "--quick", "--patients", "6")
    assert done.returncode == 1
    assert "error: The" in done.stderr
    assert "se more patients." in done.stderr
    assert versions(tmp_path / "models") == []


@cache
def small() -> pa.Table:
    return rows_of(Design(patients=400, seed=SEED))


@cache
def linear_part() -> LinearPart:
    rows = from_arrow(small())
    return fit_linear(booster_inputs(rows.features, rows.hour), rows.targets)


@pytest.fixture(scope="module")
def known(spark: SparkSession) -> DataFrame:
    """Return rows of a few patients whose outcome over 6 h is known."""
    return with_inputs(spark.createDataFrame(small()), linear_part()).where(f"{TARGETS[6]} is not null").cache()


@pytest.fixture(scope="module")
def fitted(spark: SparkSession, known: DataFrame) -> Any:
    """Return a Spark model for 6 h that stops early."""
    rows = known.where("split in ('train', 'early_stopping')").selectExpr("*", "split = 'early_stopping' as validation")
    early = {"n_estimators": 60, "early_stopping_rounds": 5, "validation_indicator_col": "validation"}
    return regressor(spark, TARGETS[6], SEED, early).fit(rows)


def test_the_exported_booster_predicts_what_the_spark_model_predicts(known: DataFrame, fitted: Any) -> None:
    """`transform` is the reference; the stream scores with the exported boosters."""
    order = ["patient_id", "effective_time"]
    scored = fitted.transform(known.where("split = 'test'")).orderBy(*order).toArrow()
    windows = small().filter(pc.field("split") == "test").sort_by([(name, "ascending") for name in order])
    rows = from_arrow(windows.combine_chunks()).for_horizon(1)
    boosters = dict.fromkeys(HORIZONS_H, best_trees(fitted.get_booster()))
    bundle = Bundle("test", {}, booster_bytes(boosters), UNCALIBRATED, linear_part())
    raw = Predictor(bundle).raw_risks(rows.features, rows.hour)
    assert scored["patient_id"].to_pylist() == rows.patient_id.tolist()
    np.testing.assert_allclose(raw[:, 1], scored["prediction"].to_numpy(), rtol=0, atol=1e-6)


def test_parts_that_do_not_fit_into_memory_are_counted_as_they_are(spark: SparkSession) -> None:
    rows, table = spark.createDataFrame(small()), small()
    whole = {name: from_arrow(table.filter(pc.field("split") == name).combine_chunks()) for name in ("train", "test")}
    parts = {"train": whole["train"].where(np.arange(len(whole["train"])) < 50), "test": whole["test"]}
    assert count_cut(rows, parts, 50) == {"train": count(whole["train"]), "test": count(whole["test"])}
    assert count_cut(rows, parts, 10**6) == {}


def test_missing_values_reach_spark_as_nan_and_not_as_null(spark: SparkSession) -> None:
    there = from_arrow(small())
    back = from_arrow(spark.createDataFrame(small()).toArrow().combine_chunks())
    assert np.isnan(there.features).any()
    np.testing.assert_array_equal(np.sort(back.features, axis=0), np.sort(there.features, axis=0))


def test_a_fit_that_never_gets_its_slots_is_given_up_with_advice(spark: SparkSession) -> None:
    begun_s = time.monotonic()
    with pytest.raises(UserError, match="Give the job its own cores"), time_limit(spark, 1.0):
        spark.range(10**13).selectExpr("sum(hash(id))").collect()
    assert time.monotonic() - begun_s < 60


def test_a_corrupted_bundle_is_not_promoted(first: Path) -> None:
    before = published(first)
    (other,) = set(versions(first / "models")) - {before}
    booster = first / "models" / other / "h6.ubj"
    booster.write_bytes(booster.read_bytes()[:-1] + b"x")
    done = retrain(first, "--promote", other)
    assert done.returncode == 1
    assert "its hash is not the one in the manifest" in done.stderr
    assert published(first) == before
