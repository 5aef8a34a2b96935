from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from conf.clinical import RISK_FIELDS
from conf.errors import UserError
from jobs.training.simulated import Design, simulate_rows
from ml.dataset import Dataset, Texts
from ml.features import FEATURE_NAMES
from ml.storage import CSV_COLUMNS, count_parts, from_arrow, join_csv_parts, read_parts, to_arrow

ROWS_PER_FILE = 150


@cache
def made() -> tuple[Dataset, Texts]:
    return simulate_rows(Design(patients=100, windows_per_patient=4), 0)


def assert_same(rows: Dataset, expected: Dataset) -> None:
    for field in fields(Dataset):
        np.testing.assert_array_equal(getattr(rows, field.name), getattr(expected, field.name), field.name)
    assert rows.features.dtype == expected.features.dtype == np.float32


@pytest.fixture
def parquet_folder(tmp_path: Path) -> Path:
    """Return the rows in several files, as Spark writes them."""
    table = pa.Table.from_batches([to_arrow(*made())])
    for number, start in enumerate(range(0, len(table), ROWS_PER_FILE)):
        parquet.write_table(table.slice(start, ROWS_PER_FILE), tmp_path / f"part-{number:05d}.parquet")
    return tmp_path


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """Return the rows as one file, joined from two."""
    rows = to_arrow(*made())
    features = np.stack(rows["features"].to_numpy(zero_copy_only=False))
    columns = {name: pa.array(features[:, place], from_pandas=True) for place, name in enumerate(FEATURE_NAMES)}
    columns |= {name: rows[name] for name in CSV_COLUMNS if name not in columns}
    table = pa.table({name: columns[name] for name in CSV_COLUMNS})
    for number, start in enumerate((0, 200)):
        part = table.slice(start, 200 if start == 0 else None)
        csv.write_csv(part, tmp_path / f"part-{number}", csv.WriteOptions(include_header=False))
    join_csv_parts(sorted(tmp_path.glob("part-*")), tmp_path / "rows.csv")
    return tmp_path / "rows.csv"


def test_rows_come_back_from_arrow_as_they_were() -> None:
    assert_same(from_arrow(to_arrow(*made())), made()[0])


def test_a_censored_target_is_null_and_a_missing_feature_is_nan() -> None:
    rows = to_arrow(*made())
    censored = np.isnan(made()[0].targets).sum(axis=0)
    assert [rows[name].null_count for name in RISK_FIELDS] == censored.tolist()
    assert censored[0] > 0
    assert rows["features"].flatten().null_count == 0


@pytest.mark.parametrize("kind", ["parquet_folder", "csv_file"])
def test_every_part_comes_back_whole_from_a_file(kind: str, request: pytest.FixtureRequest) -> None:
    data, splits = made()
    parts = read_parts(request.getfixturevalue(kind))
    for split, part in parts.items():
        assert_same(part, data.where(splits == split))
    assert sum(map(len, parts.values())) == len(data)


@pytest.mark.parametrize("kind", ["parquet_folder", "csv_file"])
def test_a_limit_holds_for_each_part(kind: str, request: pytest.FixtureRequest) -> None:
    data, splits = made()
    parts = read_parts(request.getfixturevalue(kind), limit=100, splits=("train", "test"))
    assert {split: len(part) for split, part in parts.items()} == {"train": 100, "test": (splits == "test").sum()}
    train = splits == "train"
    assert_same(parts["train"], data.where(train & (np.cumsum(train) <= 100)))


@pytest.mark.parametrize("kind", ["parquet_folder", "csv_file"])
def test_parts_are_counted_without_reading_their_rows(kind: str, request: pytest.FixtureRequest) -> None:
    names, counts = np.unique(made()[1], return_counts=True)
    assert count_parts(request.getfixturevalue(kind)) == dict(zip(names.tolist(), counts.tolist(), strict=True))


def test_a_part_without_rows_is_empty_and_not_an_error(parquet_folder: Path) -> None:
    external = read_parts(parquet_folder)["external"]
    assert external.features.shape == (0, len(FEATURE_NAMES))
    assert external.targets.shape == (0, len(RISK_FIELDS))


def test_a_file_that_is_not_there_is_told_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There are no data at .*absent.*spark-submit.sh generate --output"):
        read_parts(tmp_path / "absent")
