"""Rows of training and evaluation data in files: Parquet for training, CSV for everybody else.

Both hold the patient, t, the simulated group, the part, the hour of the day on the place's clock, and three targets of
each kind (empty: censored). The 120 features are
one list column in Parquet and 120 named columns in CSV; a missing value is NaN there and empty here.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, dataset

from conf.clinical import HORIZONS_H, RISK_FIELDS
from conf.errors import UserError
from conf.files import beside
from ml.dataset import SPLITS, Dataset, Texts
from ml.features import FEATURE_NAMES

DESCRIPTION: Final = ("patient_id", "effective_time", "group", "split")
HOUR: Final = "hour_of_day"
CONFIRMED: Final = tuple(f"confirmed_{horizon_h}h" for horizon_h in HORIZONS_H)
NUMBERS: Final = (HOUR, *RISK_FIELDS, *CONFIRMED)  # one column each, beside the features
CSV_COLUMNS: Final = (*DESCRIPTION, *FEATURE_NAMES, *NUMBERS)
ROW_SCHEMA: Final = ", ".join(  # as Spark names types
    [
        *("patient_id string", "effective_time timestamp", "`group` string", "split string", "features array<float>"),
        *(f"{name} float" for name in NUMBERS),
    ]
)
_INSTANT: Final = pa.timestamp("us", tz="UTC")
_CSV_TYPES: Final = {
    **dict.fromkeys(DESCRIPTION, pa.string()),
    "effective_time": _INSTANT,
    **dict.fromkeys([*FEATURE_NAMES, *NUMBERS], pa.float32()),
}


def to_arrow(data: Dataset, splits: Texts) -> pa.RecordBatch:
    """Return rows and their parts, shape (m,), as one record batch in the columns of `ROW_SCHEMA`."""
    columns = {
        "patient_id": pa.array(data.patient_id, pa.string()),
        "effective_time": pa.array(data.newest_us, pa.timestamp("us")).cast(_INSTANT),
        "group": pa.array(data.group, pa.string()),
        "split": pa.array(splits, pa.string()),
        "features": list_column(data.features),
        HOUR: pa.array(data.hour),
        **{
            name: pa.array(targets[:, column], from_pandas=True)
            for names, targets in ((RISK_FIELDS, data.targets), (CONFIRMED, data.confirmed))
            for column, name in enumerate(names)
        },
    }
    return pa.RecordBatch.from_pydict(columns)


def list_column(values: NDArray[np.float32]) -> pa.ListArray:
    """Return rows of shape (m, k) as one list each."""
    ends = np.arange(len(values) + 1, dtype=np.int32) * np.int32(values.shape[1])
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.ravel()))


def from_arrow(rows: pa.RecordBatch | pa.Table) -> Dataset:
    """Return rows as read from Parquet or CSV as arrays."""
    return Dataset(
        features=_features(rows),
        targets=_stacked(rows, RISK_FIELDS),
        patient_id=_texts(rows["patient_id"]),
        newest_us=_numpy(rows["effective_time"].cast(_INSTANT).cast(pa.int64())),
        group=_texts(rows["group"]),
        hour=_numpy(rows[HOUR]).astype(np.float32, copy=False),
        confirmed=_stacked(rows, CONFIRMED),
    )


def read_parts(path: Path, limit: int | None = None, splits: Sequence[str] = SPLITS) -> dict[str, Dataset]:
    """Read the rows of each part in a Parquet or CSV file (or folder of files), at most the first `limit` of each part.

    Raises `UserError` if there is no such file. Only the rows that are returned are held in memory.
    """
    if not path.exists():
        raise UserError(f"There are no data at {path}. Write them with ./spark-submit.sh generate --output {path}")
    return {split: _read_part(_open(path), split, limit) for split in splits}


def count_parts(path: Path) -> dict[str, int]:
    """Count the rows of each part in a file (or folder of files), parts without rows left out."""
    counts: Counter[str] = Counter()
    for batch in _open(path).to_batches(columns=["split"]):
        counts.update(batch["split"].to_pylist())
    return {split: counts[split] for split in SPLITS if counts[split]}


def join_csv_parts(parts: Iterable[Path], target: Path) -> None:
    """Put CSV files without header one after the other behind a header; the target appears whole or not at all."""
    with beside(target) as new, new.open("wb") as joined:
        joined.write((",".join(CSV_COLUMNS) + "\n").encode())
        for part in parts:
            with part.open("rb") as content:
                shutil.copyfileobj(content, joined)


def _open(path: Path) -> dataset.Dataset:
    as_csv = dataset.CsvFileFormat(convert_options=csv.ConvertOptions(column_types=_CSV_TYPES))
    rows = dataset.dataset(path, format=as_csv if path.suffix == ".csv" else "parquet")
    if lacking := [name for name in NUMBERS if name not in rows.schema.names]:
        raise UserError(
            f"The data at {path} lack {', '.join(lacking)}: an earlier version wrote them. "
            "Write them again with ./spark-submit.sh generate."
        )
    return rows


def _read_part(rows: dataset.Dataset, split: str, limit: int | None) -> Dataset:
    """Read the rows of one part, at most `limit`; the other parts never stay in memory."""
    scanned = rows.to_batches(filter=dataset.field("split") == split)
    batches = list(scanned if limit is None else _first(scanned, limit))
    return from_arrow(pa.Table.from_batches(batches, rows.schema).combine_chunks())


def _first(batches: Iterator[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    """Hand out the first `limit` rows and read no further."""
    for batch in batches:
        yield batch.slice(0, limit)
        limit -= batch.num_rows
        if limit <= 0:
            return


def _features(rows: pa.RecordBatch | pa.Table) -> NDArray[np.float32]:
    if "features" not in rows.schema.names:
        return _stacked(rows, FEATURE_NAMES)
    lists = rows["features"]
    flat = lists.combine_chunks().flatten() if isinstance(lists, pa.ChunkedArray) else lists.flatten()
    return _numpy(flat).astype(np.float32, copy=False).reshape(-1, len(FEATURE_NAMES))


def _stacked(rows: pa.RecordBatch | pa.Table, names: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([_numpy(rows[name]) for name in names], axis=1, dtype=np.float32)


def _texts(column: Any) -> Texts:
    return np.array(column.to_pylist(), dtype=np.str_)


def _numpy(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(False)
    return values
