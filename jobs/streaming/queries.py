"""The two streaming queries, and the only module of the stream that needs Spark; it decides nothing.

    Kafka topic            source.py         read_topic: a row per record; parse_batches: fhir/parse/ in the workers
     ├─ ingest             store.py          every entry of a message to the one place where it ends
     │   ├ readings        observations.py   the document of an instant, by fhir/precedence.py (standing.py)
     │   ├ revisions       revisions.py      what concerns other instants and patients, once all is written (early.py)
     │   ├ moves           moves.py          where Encounters and Locations say that patients lie, if asked for
     │   ├ rejects         rejects.py        what is refused, with its reason; duplicates too
     │   └ sinks           elastic/bulk.py, archive.py
     └─ score              window_state.py   40 or 56 bytes a statement; Spark keeps each patient's newest 60
         ├ withdrawals     withdrawals.py    what messages of other patients have taken back, by way of the documents
         ├ window          windows.py        the last 30 readings, by fhir/precedence.py
         ├ prediction      predictions.py    features, risks of the model in service (serving.py), reasons, lineage
         ├ challenger      shadow.py         risks of another version beside them, where one is appointed
         └ sinks           predict.py        predictions and latest, by elastic/bulk.py

Around them: checkpoint.py guards the checkpoint, progress.py tells of each micro-batch, stopping.py restarts and ends.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import (
    JStreamingQueryListener,
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from conf.settings import Settings
from conf.times import iso_us
from elastic.client import connect
from fhir.readings import IntakeRules
from jobs.pseudonym import pseudonym_key
from jobs.streaming.archive import remove_batch
from jobs.streaming.early import read_early
from jobs.streaming.moves import store_moves
from jobs.streaming.predict import ScoreBatch, pack_or_refuse, score_partition
from jobs.streaming.progress import COUNTS_ROW, Metrics, add_up, progress_line
from jobs.streaming.revisions import drop_latest
from jobs.streaming.serving import ServingModel
from jobs.streaming.shadow import Challenger
from jobs.streaming.source import parse_batches, read_topic
from jobs.streaming.stopping import StopGate, explain
from jobs.streaming.store import IngestBatch, store_partition, store_revisions
from jobs.streaming.window_state import STATE_LENGTH
from jobs.streaming.withdrawals import by_patient, full_alone, read_withdrawn, withdrawn_since

INGEST: Final = "ingest"
SCORE: Final = "score"
QUERIES: Final = (INGEST, SCORE)

log = logging.getLogger(__name__)


class MicroBatchFailedError(Exception):
    """The work of a micro-batch failed; its text is the innermost cause."""


def intake_rules(settings: Settings) -> IntakeRules:
    """Return the part of the settings that decides what is accepted."""
    return IntakeRules(
        max_age_days=settings.max_age_days,
        patient_key=settings.patient_key,
        hold_preliminary=settings.hold_preliminary,
        refuse_unknown_status=settings.refuse_unknown_status,
        pseudonym_key=pseudonym_key(settings),
        takes_encounters=settings.wards_from_encounters,
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

        def whole() -> Counter[str]:
            client = connect(settings)
            batch = IngestBatch(settings, rules, batch_id, iso_us(_now_us()), read_early(client))
            rows = messages.mapInArrow(lambda rows: store_partition(rows, batch), COUNTS_ROW).collect()
            counts = add_up(row.counts for row in rows)
            counts.update(store_revisions(client, [row.revisions for row in rows], batch))
            counts.update(store_moves(client, [row.moves for row in rows]))
            return counts

        metrics.count(INGEST, batch_id, _run_batch(whole, gate))

    messages = read_topic(spark, settings)
    return _start(messages.writeStream.foreachBatch(store), spark, settings, INGEST, available_now=available_now)


def score_query(
    spark: SparkSession,
    settings: Settings,
    metrics: Metrics,
    gate: StopGate,
    model: ServingModel,
    challenger: Challenger,
    *,
    available_now: bool,
) -> StreamingQuery:
    """Start the query that keeps each patient's window and scores it: predictions and latest."""

    def predict(state: DataFrame, batch_id: int) -> None:
        bundle = model.current()
        beside = challenger.beside(bundle.value.version)

        def whole() -> Counter[str]:
            client = connect(settings)
            withdrawn = read_withdrawn(client)
            batch = ScoreBatch(settings, bundle, _now_us(), by_patient(withdrawn), full_alone(withdrawn), beside)
            rows = state.mapInArrow(lambda rows: score_partition(rows, batch), COUNTS_ROW).collect()
            # what the ingest query has withdrawn in the meantime may have been scored
            drop_latest(client, withdrawn_since(read_withdrawn(client), withdrawn))
            return add_up(row.counts for row in rows)

        counts = _run_batch(whole, gate)
        if counts["shadow_failed"]:
            challenger.drop("it failed in scoring; the workers' log says where")
        metrics.note_challenger(challenger.told())
        metrics.count(SCORE, batch_id, counts, bundle.value.version)

    state = keep_newest(packed_statements(read_topic(spark, settings), intake_rules(settings), settings))
    writer = state.writeStream.outputMode("update").foreachBatch(predict)
    return _start(writer, spark, settings, SCORE, available_now=available_now)


def packed_statements(messages: DataFrame, rules: IntakeRules, settings: Settings) -> DataFrame:
    """Return the messages of `read_topic` as one row per statement: patient, order within the state, packed."""

    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (packed for parsed in parse_batches(batches, rules) for packed in pack_or_refuse(parsed, settings))

    return messages.mapInArrow(pack, "patient_id string, state_order bigint, entry binary")


def keep_newest(statements: DataFrame) -> DataFrame:
    """Return per patient the newest `STATE_LENGTH` packed statements, newest first.

    `max_by` with k is a bounded top-k state inside the JVM (Spark 4.2, SPARK-55322), ordered by event time: a late
    reading lands in its right place, and nothing is dropped for being late.
    """
    newest = F.max_by("entry", "state_order", STATE_LENGTH)
    return statements.groupBy("patient_id").agg(newest.alias("entries"))


def _run_batch(whole: Callable[[], Counter[str]], gate: StopGate) -> Counter[str]:
    """Do the whole work of a micro-batch and return its counts.

    Spark matches what a failing foreachBatch raises against a regular expression that overflows the stack on a long
    text and so kills the query without an end. The failure is therefore told in one line, its trace is logged.
    """
    with gate.batch():
        try:
            return whole()
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


def _now_us() -> int:
    return time.time_ns() // 1000


class ProgressAsText(JStreamingQueryListener):
    """Takes a progress event over from the JVM as the one text that it is.

    PySpark's own asks the JVM for each of its hundreds of fields in turn, which nothing here reads: that took more CPU
    time than to plan and to commit the micro-batch (docs/performance.md).
    """

    def __init__(self, listener: ProgressListener) -> None:
        super().__init__(listener)
        self._take = listener.take

    def onQueryProgress(self, jevent: Any) -> None:  # noqa: N802
        """Hand the event on."""
        self._take(jevent.progress().json())


class ProgressListener(StreamingQueryListener):
    """Hands Spark's progress events to `Metrics`, which logs a line for each micro-batch that had rows."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._names: dict[UUID, str] = {}

    @cached_property
    def _jlistener(self) -> Any:  # what PySpark registers
        jvm: Any = SparkContext._jvm
        return jvm.PythonStreamingQueryListenerWrapper(ProgressAsText(self))

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        """Log the start of a query."""
        self._names[event.id] = event.name or ""
        log.info("query started: %s", event.name)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Log and record a finished micro-batch."""
        self.take(event.progress.json)

    def take(self, progress: str) -> None:
        """Log and record a finished micro-batch, given Spark's JSON of it."""
        line = progress_line(json.loads(progress), datetime.now(UTC))
        if line["rows"] or line["durations_ms"].get("addBatch"):
            self._metrics.record(line)
        else:
            self._metrics.see(line["query"], datetime.now(UTC))

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Record, every ten seconds without messages, that the query lives."""
        if name := self._names.get(event.id):
            self._metrics.see(name, datetime.now(UTC))

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Do nothing: the job itself reports why a query ended."""
