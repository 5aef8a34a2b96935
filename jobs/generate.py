"""Batch job: write training data to a file, from simulated patients or from what the stream has stored.

Submitted by ``./spark-submit.sh generate``. No process ever holds more than one chunk of patients.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

from pyspark.sql import SparkSession

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from jobs.training.collecting import Collection, RowSource, write_rows
from jobs.training.session import session
from jobs.training.simulated import Design
from ml.features import WINDOW_LENGTH
from ml.storage import count_parts

DEFAULT_OUTPUT: Final = "ml_training_data.parquet"
TRACK_H: Final = 24

log = logging.getLogger("jobs.generate")


def parser() -> argparse.ArgumentParser:
    """Return the options of the job."""
    design = Design()
    made = cli.parser("generate", "Write training data, by default SIMULATED patients.")
    made.add_argument("--source", choices=get_args(RowSource), default="simulated", help="simulated, or what is stored")
    made.add_argument("--output", type=Path, help=f"default {DEFAULT_OUTPUT} in BP_DATA_DIR; name it .csv for CSV")
    made.add_argument("--min-readings", type=_at_least(1), default=WINDOW_LENGTH, help=f"default {WINDOW_LENGTH}")
    made.add_argument("--patients", type=_at_least(1), default=design.patients, help=f"default {design.patients}")
    made.add_argument("--windows-per-patient", type=_at_least(1), default=1, help="rows of each, default 1")
    made.add_argument("--external", type=_at_least(0), default=1_000, help="shifted patients beside, default 1000")
    made.add_argument("--track", action="store_true", help="a row for every reading of a day of the part 'track'")
    made.add_argument("--seed", type=_at_least(0), default=design.seed, help=f"default {design.seed}")
    return made


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return number

    return whole


def generate(spark: SparkSession, settings: Settings, chosen: argparse.Namespace) -> None:
    """Write what the command line asks for, and tell how many rows of each part there are."""
    design = Design(
        patients=chosen.patients,
        seed=chosen.seed,
        windows_per_patient=chosen.windows_per_patient,
        min_readings=chosen.min_readings,
        track_h=TRACK_H if chosen.track else 0,
    )
    shifted = replace(design, patients=chosen.external, shifted=True) if chosen.external else None
    output = chosen.output or settings.data_dir / DEFAULT_OUTPUT
    write_rows(Collection(chosen.source, design, shifted).rows(spark, settings, datetime.now(UTC)), output)
    counts = count_parts(output)
    if not counts:
        raise UserError(f"The {chosen.source} holds no reading with {chosen.min_readings - 1} before it. Collect more.")
    log.info("Wrote %d rows to %s: %s", sum(counts.values()), output, counts)


def work(chosen: argparse.Namespace) -> None:
    """Do the job in a Spark session of its own."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    log.setLevel(logging.INFO)
    with session(SparkSession.builder.appName("blood-pressure-generate")) as spark:
        generate(spark, load_settings(), chosen)


if __name__ == "__main__":
    sys.exit(cli.run(parser(), work))
