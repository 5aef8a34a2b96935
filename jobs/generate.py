"""Batch job: write training data to a file, from simulated patients or from what the stream has stored.

Submitted by ``./spark-submit.sh generate``. No process ever holds more than one chunk of patients.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.errors import UserError, run_main
from conf.settings import Settings, load_settings
from jobs.session import session
from jobs.training.history import history_rows, observations_from_archive, observations_from_elasticsearch
from jobs.training.simulated import Design, chunks, simulate_rows
from ml.features import FEATURE_NAMES, WINDOW_LENGTH
from ml.storage import CSV_COLUMNS, ROWS, count_parts, join_csv_parts, to_arrow

DEFAULT_OUTPUT: Final = "ml_training_data.parquet"
BATCH_ROWS: Final = 10_000  # between Python and JVM
CSV_FORMAT: Final[Mapping[str, Any]] = {  # texts as they are, quotes doubled
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "escape": '"',
    "ignoreLeadingWhiteSpace": False,
    "ignoreTrailingWhiteSpace": False,
}
TRACK_H: Final = 24
SOURCES: Final = ("simulated", "elasticsearch", "archive")

log = logging.getLogger("jobs.generate")


def generate(spark: SparkSession, design: Design) -> DataFrame:
    """The rows of a design in the columns of `ml.storage.ROWS`, one Spark partition per chunk of patients."""

    def simulate(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for chunk in batch.column(0).to_pylist():
                rows = to_arrow(*simulate_rows(design, chunk))
                yield from (rows.slice(start, BATCH_ROWS) for start in range(0, rows.num_rows, BATCH_ROWS))

    count = chunks(design)
    return spark.range(0, count, numPartitions=count).mapInArrow(simulate, ROWS)


def write_rows(rows: DataFrame, output: Path) -> None:
    """Write rows as a folder of Parquet files, or as one file if its name ends in ``.csv``; replaces what was there."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix != ".csv":
        rows.write.mode("overwrite").parquet(str(output))
        return
    folder = output.with_name(f".{output.name}.parts")
    try:
        _flat(rows).write.mode("overwrite").csv(str(folder), **CSV_FORMAT)
        join_csv_parts(sorted(folder.glob("part-*.csv")), output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _flat(rows: DataFrame) -> DataFrame:
    """The list of features as 120 columns, empty where a value is missing."""
    features = {name: F.nanvl(F.col("features")[place], F.lit(None)) for place, name in enumerate(FEATURE_NAMES)}
    return rows.select(*(features[name].alias(name) if name in features else F.col(name) for name in CSV_COLUMNS))


def run(spark: SparkSession, settings: Settings, chosen: argparse.Namespace) -> None:
    """Write what the command line asks for, and tell how many rows of each part there are."""
    output = chosen.output or settings.data_dir / DEFAULT_OUTPUT
    write_rows(_rows(spark, settings, chosen), output)
    counts = count_parts(output)
    if not counts:
        raise UserError(f"The {chosen.source} holds no reading with {chosen.min_readings - 1} before it. Collect more.")
    log.info("Wrote %d rows to %s: %s", sum(counts.values()), output, counts)


def _rows(spark: SparkSession, settings: Settings, chosen: argparse.Namespace) -> DataFrame:
    if chosen.source == "elasticsearch":
        return history_rows(observations_from_elasticsearch(spark, settings), chosen.min_readings)
    if chosen.source == "archive":
        return history_rows(observations_from_archive(spark, settings), chosen.min_readings)
    design = Design(
        patients=chosen.patients,
        seed=chosen.seed,
        windows_per_patient=chosen.windows_per_patient,
        min_readings=chosen.min_readings,
        track_h=TRACK_H if chosen.track else 0,
    )
    if not chosen.external:
        return generate(spark, design)
    return generate(spark, design).union(generate(spark, replace(design, patients=chosen.external, shifted=True)))


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return number

    return whole


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    design = Design()
    parser = argparse.ArgumentParser(prog="generate", description="Write training data, by default SIMULATED patients.")
    parser.add_argument("--source", choices=SOURCES, default="simulated", help="simulated, or what has been stored")
    parser.add_argument("--output", type=Path, help=f"default {DEFAULT_OUTPUT} in BP_DATA_DIR; name it .csv for CSV")
    parser.add_argument("--min-readings", type=_at_least(1), default=WINDOW_LENGTH, help=f"default {WINDOW_LENGTH}")
    parser.add_argument("--patients", type=_at_least(1), default=design.patients, help=f"default {design.patients}")
    parser.add_argument("--windows-per-patient", type=_at_least(1), default=1, help="rows of each, default 1")
    parser.add_argument("--external", type=_at_least(0), default=1_000, help="shifted patients beside, default 1000")
    parser.add_argument("--track", action="store_true", help="a row for every reading of a day of the part 'track'")
    parser.add_argument("--seed", type=_at_least(0), default=design.seed, help=f"default {design.seed}")
    parser.add_argument("--verbose", action="store_true", help="show traces")
    return parser.parse_args(arguments)


def main() -> None:
    """Entry point."""
    chosen = parse_arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    log.setLevel(logging.INFO)

    def submit() -> None:
        with session(SparkSession.builder.appName("blood-pressure-generate")) as spark:
            run(spark, load_settings(), chosen)

    sys.exit(run_main(submit, verbose=chosen.verbose))


if __name__ == "__main__":
    main()
