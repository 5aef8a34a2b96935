"""What the stream has stored, as training rows: from Elasticsearch or from the CSV archive.

Both give the same rows, because of each patient and instant the version that stands counts, and retracted readings do
not. Only what the archive does not learn of differs: a retraction by id alone in a later micro-batch, and where a
correction has moved a reading from. A heart rate that came as a message of its own counts as known with its reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.canary import CANARY_PREFIX
from conf.errors import UserError
from conf.settings import Settings
from conf.times import present_until_us
from elastic.connector import read_index
from elastic.names import OBSERVATIONS
from fhir.readings import CORRECTIONS, RETRACTED_STATUS
from jobs.streaming.archive import COLUMNS, DAY_PREFIX, FOLDER
from jobs.training.replay import training_rows, whole_patients
from ml.storage import ROW_SCHEMA

BLOCK_SHARE: Final = 0.1  # of the time between the first and the last reading, at its end
FIELDS: Final = (
    "patient_id",
    "@timestamp",
    "systolic",
    "diastolic",
    "heart_rate",
    "status",
    "source_partition",
    "source_offset",
)
ARCHIVE_NUMBERS: Final = {
    "systolic": "float",
    "diastolic": "float",
    "heart_rate": "float",
    "source_partition": "int",
    "source_offset": "bigint",
}


def observations_from_elasticsearch(spark: SparkSession, settings: Settings, now_us: int) -> DataFrame:
    """Read every stored reading that stands and is not in the future, in the columns `jobs.training.replay` takes."""
    return _standing(read_index(spark, settings, OBSERVATIONS, FIELDS), now_us)


def observations_from_archive(spark: SparkSession, settings: Settings, now_us: int) -> DataFrame:
    """Read the same from the CSV archive in `BP_DATA_DIR`: the last line of a patient and instant stands."""
    folder = settings.data_dir / FOLDER
    if not any(folder.glob(f"{DAY_PREFIX}*/*.csv")):
        raise UserError(f"There is no archive in {folder}. Let the stream store something first, or set BP_DATA_DIR.")
    schema = ", ".join(f"`{name}` {ARCHIVE_NUMBERS.get(name, 'string')}" for name in COLUMNS)
    lines = spark.read.csv(str(folder), schema=schema, header=True, escape='"', pathGlobFilter="*.csv")
    # Within one partition of the topic the file of a later micro-batch, then of a later message, was written later.
    name = F.regexp_extract_all(F.col("_metadata.file_name"), F.lit(r"\d+"), F.lit(0))
    written = F.transform(name, lambda number: number.cast("bigint"))
    last = lines.groupBy("patient_id", "@timestamp").agg(F.max_by(F.struct(*FIELDS), written).alias("line"))
    return _standing(last.select("line.*").where(~F.col("patient_id").startswith(CANARY_PREFIX)), now_us)


def _standing(documents: DataFrame, now_us: int) -> DataFrame:
    """Keep what has not been retracted and has come: of the future a record knows nothing, least of all its end."""
    effective_us = F.unix_micros(F.to_timestamp("@timestamp"))
    stands = (F.col("status") != RETRACTED_STATUS) & (effective_us <= present_until_us(now_us))
    return documents.where(stands).select(
        "patient_id",
        effective_us.alias("effective_us"),
        *(F.col(name).cast("float") for name in ("systolic", "diastolic", "heart_rate")),
        F.col("source_partition").cast("int"),
        F.col("source_offset").cast("bigint"),
        F.col("status").isin(*CORRECTIONS).alias("corrected"),
    )


def history_rows(observations: DataFrame, min_readings: int, zone: tzinfo) -> DataFrame:
    """Turn observations into a row (`ml.storage.ROW_SCHEMA`) for each reading with enough of them behind it.

    `zone` is that of the place. The times of all observations are looked at first, to find where the held-out block
    begins. Each patient is
    replayed by one task, which holds no more than a batch of rows and the patient it is at.
    """
    block_from_us = _block_from_us(observations)

    def replay(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for patients in whole_patients(batches):
            yield from training_rows(patients, min_readings, block_from_us, zone)

    ordered = observations.repartition("patient_id").sortWithinPartitions("patient_id", "effective_us")
    return ordered.mapInArrow(replay, ROW_SCHEMA)


def _block_from_us(observations: DataFrame) -> int:
    """Return where the held-out last stretch of time begins; 0 where there are no observations."""
    row = observations.agg(F.min("effective_us").alias("first"), F.max("effective_us").alias("last")).first()
    if row is None or row["first"] is None:
        return 0
    return int(row["last"] - BLOCK_SHARE * (row["last"] - row["first"]))
