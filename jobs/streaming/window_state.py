"""The streaming state: each patient's newest entries, kept by Spark inside the JVM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fhir.readings import IntakeRules
from jobs.streaming.entries import STATE_LENGTH, pack_messages
from jobs.streaming.intake import parse_batches

ENTRY_ROWS: Final = "patient_id string, state_order bigint, entry binary"


def entry_rows(messages: DataFrame, rules: IntakeRules) -> DataFrame:
    """Messages (`source.messages`) -> one row per entry: patient, order within the state, packed entry."""

    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (pack_messages(parsed) for parsed in parse_batches(batches, rules))

    return messages.mapInArrow(pack, ENTRY_ROWS)


def keep_newest(entries: DataFrame) -> DataFrame:
    """Entry rows -> per patient the newest `STATE_LENGTH` entries, newest first.

    `max_by` with k is a bounded top-k state (Spark 4.2, SPARK-55322), ordered by event time: a late reading lands in
    its right place, and nothing is dropped for being late.
    """
    newest = F.max_by("entry", "state_order", STATE_LENGTH)
    return entries.groupBy("patient_id").agg(newest.alias("entries"))
