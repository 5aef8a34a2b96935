"""The rows that a model learns from: simulated, or replayed from what the stream has stored; collected and written."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.clinical import HORIZONS_H, RISK_FIELDS
from conf.errors import UserError
from conf.settings import Settings
from conf.times import to_us
from jobs.training.history import history_rows, observations_from_archive, observations_from_elasticsearch
from jobs.training.simulated import Design, chunks, simulate_rows
from ml.dataset import FITTED, TEST, Dataset
from ml.features import FEATURE_NAMES
from ml.report.card import counted
from ml.storage import CSV_COLUMNS, ROW_SCHEMA, join_csv_parts, to_arrow

RowSource = Literal["simulated", "elasticsearch", "archive"]

BATCH_ROWS: Final = 10_000  # between Python and JVM
CSV_FORMAT: Final[Mapping[str, Any]] = {  # texts as they are, quotes doubled
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "escape": '"',
    "ignoreLeadingWhiteSpace": False,
    "ignoreTrailingWhiteSpace": False,
}


@dataclass(frozen=True, slots=True)
class Collection:
    """Where rows come from: the design's patients and, if asked for, shifted ones beside; or patients on record.

    Of a design, the least number of readings in a window holds for patients on record, too.
    """

    source: RowSource
    design: Design
    shifted: Design | None

    def describe(self) -> dict[str, object]:
        """Return plain values for the model card."""
        if self.source != "simulated":
            return {"source": f"patients on record ({self.source})"}
        return self.design.describe() | ({"external": self.shifted.describe()} if self.shifted else {})

    def rows(self, spark: SparkSession, settings: Settings, now: datetime) -> DataFrame:
        """Return the rows, of what was measured until now, in the columns of `ml.storage.ROW_SCHEMA`."""
        if self.source == "elasticsearch":
            observations = observations_from_elasticsearch(spark, settings, to_us(now))
            return history_rows(observations, self.design.min_readings, settings.zone)
        if self.source == "archive":
            observations = observations_from_archive(spark, settings, to_us(now))
            return history_rows(observations, self.design.min_readings, settings.zone)
        rows = simulated_rows(spark, self.design)
        return rows.union(simulated_rows(spark, self.shifted)) if self.shifted else rows


def simulated_rows(spark: SparkSession, design: Design) -> DataFrame:
    """Return the rows of a design in the columns of `ml.storage.ROW_SCHEMA`, a partition per chunk of patients."""

    def simulate(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for chunk in batch.column(0).to_pylist():
                rows = to_arrow(*simulate_rows(design, chunk))
                yield from (rows.slice(start, BATCH_ROWS) for start in range(0, rows.num_rows, BATCH_ROWS))

    count = chunks(design)
    return spark.range(0, count, numPartitions=count).mapInArrow(simulate, ROW_SCHEMA)


def write_rows(rows: DataFrame, output: Path) -> None:
    """Write rows as a folder of Parquet files, or as one file if its name ends in ``.csv``; replaces what was there."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix != ".csv":
        rows.write.mode("overwrite").parquet(str(output))
        return
    folder = output.with_name(f".{output.name}.parts")
    features = {name: F.nanvl(F.col("features")[place], F.lit(None)) for place, name in enumerate(FEATURE_NAMES)}
    flat = rows.select(*(features[name].alias(name) if name in features else F.col(name) for name in CSV_COLUMNS))
    try:
        flat.write.mode("overwrite").csv(str(folder), **CSV_FORMAT)
        join_csv_parts(sorted(folder.glob("part-*.csv")), output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_both_outcomes(parts: dict[str, Dataset]) -> None:
    """Refuse, with a `UserError`, data from which nothing can be learnt or judged."""
    for name in (*FITTED, TEST):
        for column, horizon_h in zip(parts[name].targets.T, HORIZONS_H, strict=True):
            if not (column == 0).any():
                raise UserError(
                    f"The {name} data hold no window of which it is known that {horizon_h} h without a crisis followed."
                    " Let the stream collect readings for longer, or use more patients."
                )
            if not (column == 1).any():
                raise UserError(f"The {name} data hold no crisis within {horizon_h} h of a window. Use more patients.")


def count_cut(rows: DataFrame, parts: Mapping[str, Dataset], limit: int) -> dict[str, Any]:
    """Count, as the model card has them, the parts of which `parts` hold only the first `limit` rows."""
    cut = [name for name, part in parts.items() if len(part) >= limit]
    if not cut:
        return {}
    instant = F.unix_micros("effective_time")
    found = rows.where(F.col("split").isin(cut)).groupBy("split")
    sums = {
        **{"rows": F.count("*"), "patients": F.countDistinct("patient_id")},
        **{f"events_{name}": F.sum(name) for name in RISK_FIELDS},
        **{f"known_{name}": F.count(name) for name in RISK_FIELDS},
        **{"first_us": F.min(instant), "last_us": F.max(instant)},
    }
    return {
        row["split"]: counted(
            rows=row["rows"],
            patients=row["patients"],
            events=[row[f"events_{name}"] for name in RISK_FIELDS],
            known=[row[f"known_{name}"] for name in RISK_FIELDS],
            span_us=(row["first_us"], row["last_us"]),
        )
        for row in found.agg(*(column.alias(name) for name, column in sums.items())).collect()
    }


def fingerprint(rows: DataFrame) -> str:
    """Return a hash of all rows, whatever their order."""
    by_row = F.xxhash64(*rows.columns).cast("decimal(38,0)")
    total, count = rows.select(F.sum(by_row), F.count("*")).first() or (0, 0)
    return hashlib.sha256(f"{count}:{total}".encode()).hexdigest()
