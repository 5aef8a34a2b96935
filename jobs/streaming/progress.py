"""What the stream tells of itself: one structured log line per micro-batch, and the same in a small metrics file.

Spark's progress event brings rows, lag and durations; the query's own counts (readings, rejects by reason, predictions)
come from its tasks and are joined by batch id. The site and the demo's summary read the file.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from jobs.streaming.outcome import REASON_PREFIX, rejected_by_reason

log = logging.getLogger(__name__)

RECENT_BATCHES: Final = 60
TOTALS: Final = {
    "ingest": ("messages", "readings", "rejected", "ignored"),
    "score": ("messages", "predictions", "refused", "rescored_late"),
}


class Metrics:
    """The state of the metrics file; safe to call from Spark's listener thread and the queries' threads."""

    def __init__(self, path: Path, started_at: datetime, spark_ui: str | None) -> None:
        self._path = path
        self._lock = threading.Condition()
        self._counts: dict[tuple[str, int], Mapping[str, int]] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT_BATCHES)
        self._content: dict[str, Any] = {
            "started_at": started_at.isoformat(),
            "updated_at": started_at.isoformat(),
            "spark_ui": spark_ui,
            "model_version": None,
            "queries": {name: _empty_query(totals, started_at) for name, totals in TOTALS.items()},
        }
        self._write()

    def count(self, query: str, batch_id: int, counts: Mapping[str, int], model_version: str | None = None) -> None:
        """Remember the counts of a micro-batch until its progress event comes."""
        with self._lock:
            self._counts[query, batch_id] = counts
            if model_version is not None:
                self._content["model_version"] = model_version

    def record(self, line: dict[str, Any]) -> dict[str, Any]:
        """Add a finished micro-batch: join its counts, add it to the totals, renew the file; return the whole line."""
        with self._lock:
            query, batch_id = line["query"], line["batch_id"]
            counts = {"messages": line["rows"], **self._counts.pop((query, batch_id), {})}
            line = line | {"counts": {name: n for name, n in counts.items() if not name.startswith(REASON_PREFIX)}}
            line["rejected_by_reason"] = rejected_by_reason(counts)
            _add_to_query(self._content["queries"][query], line)
            self._recent.append(line)
            self._content |= {"updated_at": line["finished_at"], "recent": list(self._recent)}
            self._write()
            self._lock.notify_all()
        return line

    def see(self, query: str, at: datetime) -> None:
        """Note that a query lives although it has nothing to do."""
        with self._lock:
            self._content["queries"][query]["seen_at"] = at.isoformat(timespec="milliseconds")
            self._write()

    def wait_for_events(self, timeout_s: float = 5.0) -> None:
        """Wait until every counted micro-batch has been recorded; Spark delivers its events a moment later."""
        with self._lock:
            self._lock.wait_for(lambda: not self._counts, timeout_s)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self._content), encoding="utf-8")
        temporary.replace(self._path)


def _empty_query(totals: tuple[str, ...], started_at: datetime) -> dict[str, Any]:
    seen_at = started_at.isoformat(timespec="milliseconds")
    return {"batches": 0, "totals": dict.fromkeys(totals, 0), "rejected_by_reason": {}, "seen_at": seen_at}


def _add_to_query(query: dict[str, Any], line: Mapping[str, Any]) -> None:
    names = ("batch_id", "finished_at", "duration_ms", "durations_ms", "lag", "rows_per_second")
    query |= {**{name: line[name] for name in names}, "seen_at": line["finished_at"]}
    query["batches"] += 1
    for name in query["totals"]:
        query["totals"][name] += line["counts"].get(name, 0)
    query["rejected_by_reason"] = dict(Counter(query["rejected_by_reason"]) + Counter(line["rejected_by_reason"]))


class ProgressListener(StreamingQueryListener):
    """Hands Spark's progress events to `Metrics` and logs one line for each micro-batch that had rows."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._names: dict[UUID, str] = {}

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        """Log the start of a query."""
        self._names[event.id] = event.name or ""
        log.info("query started: %s", event.name)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Log and record a finished micro-batch."""
        line = progress_line(json.loads(event.progress.json), datetime.now(UTC))
        if line["rows"] or line["durations_ms"].get("addBatch"):
            log.info("micro-batch %s", json.dumps(self._metrics.record(line)))
        else:
            self._metrics.see(line["query"], datetime.now(UTC))

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Every ten seconds without messages: the query lives."""
        if name := self._names.get(event.id):
            self._metrics.see(name, datetime.now(UTC))

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Nothing to tell: the job itself reports why a query ended."""


def progress_line(progress: Mapping[str, Any], finished_at: datetime) -> dict[str, Any]:
    """The facts of one progress event (Spark's JSON) that are worth a line; times in ms, lag in messages."""
    durations = progress["durationMs"]
    rows = int(progress["numInputRows"])
    duration_ms = int(durations.get("triggerExecution", 0))
    return {
        "query": progress["name"],
        "batch_id": int(progress["batchId"]),
        "finished_at": finished_at.isoformat(timespec="milliseconds"),
        "rows": rows,
        "rows_per_second": round(rows / max(duration_ms, 1) * 1000, 1),
        "lag": sum(_lag(source) for source in progress["sources"]),
        "duration_ms": duration_ms,
        "durations_ms": durations,
        "state_commit_ms": sum(operator.get("commitTimeMs", 0) for operator in progress["stateOperators"]),
        "state_update_ms": sum(operator.get("allUpdatesTimeMs", 0) for operator in progress["stateOperators"]),
    }


def _lag(source: Mapping[str, Any]) -> int:
    """Messages of the topic that this query has not read yet, as the Kafka source knows at the batch's start."""
    latest, end = (_offsets(source.get(name)) for name in ("latestOffset", "endOffset"))
    return sum(max(0, offset - end.get(place, 0)) for place, offset in latest.items())


def _offsets(value: Any) -> dict[tuple[str, str], int]:
    if isinstance(value, str):
        value = json.loads(value)
    topics = value or {}
    return {
        (topic, partition): int(offset)
        for topic, partitions in topics.items()
        for partition, offset in partitions.items()
    }
