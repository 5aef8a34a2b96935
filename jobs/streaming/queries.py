"""The two streaming queries: their sources, state and what is done with each micro-batch."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from conf.settings import Settings
from conf.times import iso_us
from fhir.readings import IntakeRules
from jobs.pseudonym import pseudonym_key
from jobs.streaming import predict as score
from jobs.streaming import store as ingest
from jobs.streaming.archive import remove_batch
from jobs.streaming.outcome import OUTCOME_ROWS, add_up
from jobs.streaming.progress import Metrics
from jobs.streaming.serving import ServingModel
from jobs.streaming.source import read_topic
from jobs.streaming.stopping import StopGate, explain
from jobs.streaming.window_state import entry_rows, keep_newest

INGEST: Final = "ingest"
SCORE: Final = "score"
QUERIES: Final = (INGEST, SCORE)

PartitionWork = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

log = logging.getLogger(__name__)


class MicroBatchFailedError(Exception):
    """The work of a micro-batch failed; its text is the innermost cause."""


def intake_rules(settings: Settings) -> IntakeRules:
    """The part of the settings that decides what is accepted."""
    return IntakeRules(
        max_age_days=settings.max_age_days,
        patient_key=settings.patient_key,
        hold_preliminary=settings.hold_preliminary,
        refuse_unknown_status=settings.refuse_unknown_status,
        pseudonym_key=pseudonym_key(settings),
    )


def ingest_query(
    spark: SparkSession, settings: Settings, metrics: Metrics, gate: StopGate, *, available_now: bool
) -> StreamingQuery:
    """Start the query that stores every message: observations, rejected entries, CSV archive."""
    rules = intake_rules(settings)
    first_of_this_start = True

    def store(messages: DataFrame, batch_id: int) -> None:
        nonlocal first_of_this_start
        if first_of_this_start:  # only this one can be the repetition of an interrupted micro-batch
            remove_batch(settings.data_dir, batch_id)
            first_of_this_start = False
        batch = ingest.Batch(settings, rules, batch_id, _now_text())
        counts = _run_batch(messages, lambda rows: ingest.store_partition(rows, batch), gate)
        metrics.count(INGEST, batch_id, counts)

    messages = read_topic(spark, settings)
    return _start(messages.writeStream.foreachBatch(store), spark, settings, INGEST, available_now=available_now)


def score_query(
    spark: SparkSession,
    settings: Settings,
    metrics: Metrics,
    gate: StopGate,
    model: ServingModel,
    *,
    available_now: bool,
) -> StreamingQuery:
    """Start the query that keeps each patient's window and scores it: predictions and latest."""

    def predict(state: DataFrame, batch_id: int) -> None:
        batch = score.Batch(settings, model.current(), _now_text())
        counts = _run_batch(state, lambda rows: score.score_partition(rows, batch), gate)
        metrics.count(SCORE, batch_id, counts, batch.bundle.value.version)

    state = keep_newest(entry_rows(read_topic(spark, settings), intake_rules(settings)))
    writer = state.writeStream.outputMode("update").foreachBatch(predict)
    return _start(writer, spark, settings, SCORE, available_now=available_now)


def _run_batch(frame: DataFrame, work: PartitionWork, gate: StopGate) -> Counter[str]:
    """Do the work of a micro-batch on all partitions and add up the counts.

    Spark matches what a failing foreachBatch raises against a regular expression that overflows the stack on a long
    text and so kills the query without an end. The failure is therefore told in one line, its trace is logged.
    """
    with gate.batch():
        try:
            return add_up(row.outcome for row in frame.mapInArrow(work, OUTCOME_ROWS).collect())
        except Exception as error:
            log.debug("micro-batch failed", exc_info=True)
            raise MicroBatchFailedError(explain(str(error))) from None


def _start(
    writer: DataStreamWriter, spark: SparkSession, settings: Settings, name: str, *, available_now: bool
) -> StreamingQuery:
    """Start a query under its name, with its own checkpoint and fair share of the cores."""
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", name)
    named = writer.queryName(name).option("checkpointLocation", str(settings.checkpoint_dir / name))
    if available_now:
        return named.trigger(availableNow=True).start()
    return named.trigger(processingTime=f"{settings.trigger_seconds} seconds").start()


def _now_text() -> str:
    return iso_us(time.time_ns() // 1000)
