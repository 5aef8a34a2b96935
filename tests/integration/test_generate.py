from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from conf.errors import UserError
from conf.settings import Settings
from conf.times import HOUR_US, to_us
from jobs.generate import generate, parser
from jobs.training.collecting import write_rows
from jobs.training.simulated import Design, simulate_rows
from ml.dataset import BLOCK, FITTED, SPLITS, Dataset, split_of
from ml.storage import from_arrow, read_parts, to_arrow
from tests.integration.pipeline import Pipeline
from tests.support.clock import at
from tests.support.factories import heart_rate_observation, observation, payload

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
JOB_TIMEOUT_S = 280
PATIENTS = [name for name in (f"p-{number}" for number in range(60)) if split_of(name) in ("early_stopping", "test")]
READINGS = 110
LATE_ROUNDS = 6
FATES = {"late": 0.05, "resent": 0.03, "retracted": 0.03, "corrected": 0.03, "heart rate apart": 0.1}


def generated(spark: SparkSession, output: Path, *arguments: str) -> dict[str, Dataset]:
    """Return the parts that the job writes to `output` for 300 patients and 100 of the shifted generator."""
    words = ["--patients", "300", "--external", "100", "--output", str(output), *arguments]
    generate(spark, Settings(), parser().parse_args(words))
    return read_parts(output)


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("part-*"))]


def test_every_part_is_written_and_no_patient_is_on_two_sides(spark: SparkSession, tmp_path: Path) -> None:
    parts = generated(spark, tmp_path / "rows.parquet")
    assert set(parts) == set(SPLITS)
    assert all(len(part) for part in parts.values())
    assert sum(len(part) for part in parts.values()) == 400
    patients = {split: set(part.patient_id.tolist()) for split, part in parts.items()}
    assert {split_of(name) for name in patients.pop(BLOCK)} <= set(FITTED)
    assert sum(map(len, patients.values())) == len(set.union(*patients.values()))


def test_the_same_seed_gives_the_same_bytes_and_the_external_set_has_numbers_of_its_own(
    spark: SparkSession, tmp_path: Path
) -> None:
    parts = generated(spark, tmp_path / "one")
    generated(spark, tmp_path / "two")
    other = generated(spark, tmp_path / "three", "--seed", "8")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    for split in ("train", "external"):
        assert not set(map(bytes, parts[split].features)) & set(map(bytes, other[split].features))
    assert not set(map(bytes, parts["train"].features)) & set(map(bytes, parts["external"].features))


def test_submitted_as_a_job_it_writes_one_csv_file_with_the_rows_that_parquet_has(
    spark: SparkSession, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BP_")}
    command = [sys.executable, "-m", "deploy.submit", "generate", "--patients", "300", "--external", "100"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "rows.csv")],
        cwd=ROOT,
        env=environment | {"BP_LOCAL_DIR": str(tmp_path / "local")},
        capture_output=True,
        text=True,
        timeout=JOB_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    assert f"Wrote 400 rows to {tmp_path / 'rows.csv'}" in done.stderr
    assert [path.name for path in tmp_path.glob("*rows.csv*")] == ["rows.csv"]
    expected = generated(spark, tmp_path / "rows.parquet")
    for split, part in read_parts(tmp_path / "rows.csv").items():
        assert_same(part, expected[split])


def test_odd_patient_ids_come_back_from_csv_as_they_were(spark: SparkSession, tmp_path: Path) -> None:
    data, splits = simulate_rows(Design(patients=4, windows_per_patient=1, track_h=0), 0)
    odd = replace(data, patient_id=np.array(['a "quoted", one', " spaces ", "back\\\\slash", "unité|7"]))
    write_rows(spark.createDataFrame(pa.Table.from_batches([to_arrow(odd, splits)])), tmp_path / "odd.csv")
    names = [name for part in read_parts(tmp_path / "odd.csv").values() for name in part.patient_id.tolist()]
    assert sorted(names) == sorted(odd.patient_id.tolist())


def assert_same(rows: Dataset, expected: Dataset) -> None:
    for field in fields(Dataset):
        np.testing.assert_array_equal(getattr(rows, field.name), getattr(expected, field.name), field.name)


@pytest.fixture
def stored(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline that has stored a day of several patients, in several micro-batches."""
    sent = [(name, message) for _, name, message in sorted(arrivals(), key=lambda arrival: arrival[0])]
    settings = pipeline.settings.model_copy(update={"max_offsets_per_trigger": len(sent) // 3})
    pipeline.send_all(sent)
    made = Pipeline(settings, pipeline.spark)
    made.drain()
    assert len(made.observations()) == len(PATIENTS) * READINGS
    return made


def arrivals() -> list[tuple[int, str, bytes]]:
    """Yield (round, patient, message): a reading every 15 minutes; some come late, twice, changed, or are retracted."""
    chance = random.Random(5)  # noqa: S311 - a simulation
    return [
        arrival
        for number in range(READINGS)
        for patient in PATIENTS
        for arrival in _arrivals_of_reading(chance, patient, number)
    ]


def _arrivals_of_reading(chance: random.Random, patient: str, number: int) -> list[tuple[int, str, bytes]]:
    (fate,) = chance.choices(["", *FATES], [1 - sum(FATES.values()), *FATES.values()])
    common: dict[str, Any] = {
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": at(15 * number),
        "id": f"{patient}-{number}",
    }
    reading = observation(systolic=chance.randint(110, 184), heart_rate=chance.choice([None, 70]), **common)
    sent = [(number + LATE_ROUNDS * (fate == "late"), reading)]
    if fate == "resent":
        sent.append((number + 1, reading))
    if fate == "retracted":
        sent.append((number + 30, reading | {"status": "entered-in-error"}))
    if fate == "corrected":
        sent.append((number + 30, observation(systolic=131, **(common | {"status": "corrected"}))))
    if fate == "heart rate apart":
        sent.append((number + 2, heart_rate_observation(88, **(common | {"id": f"{patient}-{number}-hr"}))))
    return [(round_, patient, payload(resource)) for round_, resource in sent]


def from_history(pipeline: Pipeline, source: str, output: Path) -> Dataset:
    """Return all rows that the job writes from what the pipeline has stored, by patient and time."""
    words = ["--source", source, "--min-readings", "10", "--output", str(output)]
    generate(pipeline.spark, pipeline.settings, parser().parse_args(words))
    return from_arrow(pipeline.spark.read.parquet(str(output)).orderBy("patient_id", "effective_time").toArrow())


def test_elasticsearch_and_the_archive_give_the_same_rows(stored: Pipeline, tmp_path: Path) -> None:
    rows = from_history(stored, "elasticsearch", tmp_path / "rows")
    assert_same(from_history(stored, "archive", tmp_path / "archived"), rows)

    standing = [document for document in stored.observations().values() if document["status"] != "entered-in-error"]
    assert {split_of(name) for name in rows.patient_id} == {"early_stopping", "test"}
    assert len(standing) < len(PATIENTS) * READINGS
    times = {(document["patient_id"], to_us(datetime.fromisoformat(document["@timestamp"]))) for document in standing}
    assert {*zip(rows.patient_id.tolist(), rows.newest_us.tolist(), strict=True)} < times
    assert np.isnan(rows.targets[rows.newest_us > rows.newest_us.max() - HOUR_US]).all()
    assert 0 < np.nanmean(rows.targets[:, 1]) < 1


@pytest.mark.parametrize("source", ["elasticsearch", "archive"])
def test_where_nothing_is_stored_yet_one_sentence_says_so(pipeline: Pipeline, source: str, tmp_path: Path) -> None:
    chosen = parser().parse_args(["--source", source, "--output", str(tmp_path / "rows")])
    with pytest.raises(UserError, match="stream"):
        generate(pipeline.spark, pipeline.settings, chosen)
