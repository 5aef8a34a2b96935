"""The rows that a retraining learns from: simulated, or replayed from what the stream has stored."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.errors import UserError
from conf.settings import Settings
from jobs.generate import generate, write_rows
from jobs.training.history import history_rows, observations_from_archive, observations_from_elasticsearch
from jobs.training.simulated import Design
from ml.dataset import Dataset

Source = Literal["simulated", "elasticsearch", "archive"]

COLLECTED: Final = "retraining.parquet"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collection:
    """Where rows come from. The designs are for simulated patients only."""

    source: Source
    design: Design
    shifted: Design

    def describe(self) -> dict[str, object]:
        """Plain values for the model card."""
        if self.source != "simulated":
            return {"source": f"patients on record ({self.source})"}
        return {**self.design.describe(), "external": self.shifted.describe()}


def collect(spark: SparkSession, settings: Settings, collection: Collection) -> Path:
    """Write the rows of a collection; the folder of Parquet files, which replaces the one of the last retraining."""
    path = settings.data_dir / COLLECTED
    write_rows(_rows(spark, settings, collection), path)
    return path


def _rows(spark: SparkSession, settings: Settings, collection: Collection) -> DataFrame:
    if collection.source == "elasticsearch":
        return history_rows(observations_from_elasticsearch(spark, settings), settings.min_readings)
    if collection.source == "archive":
        return history_rows(observations_from_archive(spark, settings), settings.min_readings)
    return generate(spark, collection.design).union(generate(spark, collection.shifted))


def require_both_outcomes(parts: dict[str, Dataset]) -> None:
    """Refuse, with a `UserError`, data from which nothing can be learnt or judged."""
    for name in ("train", "early_stopping", "calibration", "test"):
        targets = parts[name].targets
        known = [column[~np.isnan(column)] for column in targets.T]
        if not all(0 < column.sum() < len(column) for column in known):
            raise UserError(f"The {name} data lack crises or calm windows for some horizon. Use more patients.")


def fingerprint(rows: DataFrame) -> str:
    """A hash of all rows, whatever their order."""
    by_row = F.xxhash64(*rows.columns).cast("decimal(38,0)")
    total, count = rows.select(F.sum(by_row), F.count("*")).first() or (0, 0)
    return hashlib.sha256(f"{count}:{total}".encode()).hexdigest()
