"""The progress of the stream: one structured log line per micro-batch, and the same in a small metrics file.

Spark's progress event brings rows, lag and durations (`jobs.streaming.queries` listens to it); the query's own counts
(readings, rejects by reason, predictions) come from its tasks, one row a task, and are joined by batch id. The site and
the demo's summary read the file.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from conf.files import write_whole

log = logging.getLogger(__name__)

RECENT_BATCHES: Final = 60
COUNTS_ROW: Final = "counts string, revisions string, moves string"
REASON_PREFIX: Final = "rejected."
TOTALS: Final = {
    "ingest": ("messages", "readings", "rejected", "ignored"),
    "score": ("messages", "predictions", "refused", "rescored_late", "failed", "unwritten"),
}


def milliseconds(seconds: float) -> int:
    """Return a duration as it is counted."""
    return round(seconds * 1000)


def counts_row(counts: Mapping[str, int], revisions: str = "[]", moves: str = "[]") -> pa.RecordBatch:
    """Return the counts of one task, and what it leaves to the driver, as a single row of `COUNTS_ROW`."""
    return pa.RecordBatch.from_pydict(
        {"counts": [msgspec.json.encode(dict(counts)).decode()], "revisions": [revisions], "moves": [moves]}
    )


def add_up(rows: Iterable[str]) -> Counter[str]:
    """Return the sum of the tasks' rows."""
    return sum((Counter(msgspec.json.decode(row, type=dict[str, int])) for row in rows), Counter())


class Metrics:
    """The state of the metrics file; safe to call from Spark's listener thread and the queries' threads."""

    def __init__(self, path: Path, started_at: datetime, spark_ui: str | None) -> None:
        self._path = path
        self._lock = threading.Condition()
        self._counts: dict[tuple[str, int], Mapping[str, int]] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT_BATCHES)
        seen_at = started_at.isoformat(timespec="milliseconds")
        self._content: dict[str, Any] = {
            "started_at": started_at.isoformat(),
            "updated_at": started_at.isoformat(),
            "spark_ui": spark_ui,
            "model_version": None,
            "challenger": {"version": None, "dropped": None},
            "queries": {
                query: {"batches": 0, "totals": dict.fromkeys(totals, 0), "rejected_by_reason": {}, "seen_at": seen_at}
                for query, totals in TOTALS.items()
            },
        }
        self._write()

    def count(self, query: str, batch_id: int, counts: Mapping[str, int], model_version: str | None = None) -> None:
        """Remember the counts of a micro-batch until its progress event comes."""
        with self._lock:
            self._counts[query, batch_id] = counts
            if model_version is not None:
                self._content["model_version"] = model_version

    def note_challenger(self, told: Mapping[str, Any]) -> None:
        """Note which version scores beside the one in service, or was dropped; as by `jobs.streaming.shadow`."""
        with self._lock:
            self._content["challenger"] = dict(told)

    def record(self, line: dict[str, Any]) -> None:
        """Add a finished micro-batch: join its counts, add it to the totals, renew the file, and log the whole line."""
        with self._lock:
            query, batch_id = line["query"], line["batch_id"]
            counts = {"messages": line["rows"], **self._counts.pop((query, batch_id), {})}
            line = line | {"counts": {name: n for name, n in counts.items() if not name.startswith(REASON_PREFIX)}}
            by_reason = {name: n for name, n in counts.items() if name.startswith(REASON_PREFIX)}
            line["rejected_by_reason"] = {name.removeprefix(REASON_PREFIX): n for name, n in by_reason.items()}
            _add_to_query(self._content["queries"][query], line)
            self._recent.append(line)
            self._content |= {"updated_at": line["finished_at"], "recent": list(self._recent)}
            self._write()
            self._lock.notify_all()
        log.info("micro-batch %s", json.dumps(line))

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
        write_whole(self._path, json.dumps(self._content))


def _add_to_query(query: dict[str, Any], line: Mapping[str, Any]) -> None:
    names = ("batch_id", "finished_at", "duration_ms", "durations_ms", "lag", "rows_per_second")
    query |= {**{name: line[name] for name in names}, "seen_at": line["finished_at"]}
    query["batches"] += 1
    for name in query["totals"]:
        query["totals"][name] += line["counts"].get(name, 0)
    query["rejected_by_reason"] = dict(Counter(query["rejected_by_reason"]) + Counter(line["rejected_by_reason"]))


def progress_line(progress: Mapping[str, Any], finished_at: datetime) -> dict[str, Any]:
    """Return the facts of a progress event (Spark's JSON) that are worth a line; times in ms, lag in messages."""
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
    """Return how many messages the query has not read yet, as Kafka's source knows it at the start of the batch."""
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
