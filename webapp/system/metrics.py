"""The stream's metrics file, as `jobs.streaming.progress` writes it after each micro-batch; read without Spark."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

SILENT_AFTER: Final = timedelta(minutes=2)
PERCENTILE: Final = 0.95


@dataclass(frozen=True)
class Query:
    """One streaming query; times in milliseconds."""

    name: str
    batches: int
    lag: int | None  # messages not read yet
    finished_at: str | None
    median_ms: float | None  # of the recent micro-batches
    p95_ms: float | None
    rows_per_second: float | None
    totals: dict[str, int]
    durations_ms: list[tuple[str, int]]  # (time it finished, duration) of the recent micro-batches


@dataclass(frozen=True)
class Metrics:
    """What the stream tells of itself."""

    started_at: str
    updated_at: str
    model_version: str | None
    spark_ui: str | None
    queries: list[Query]
    rejected_by_reason: dict[str, int]  # since the start
    dropped: dict[str, str] | None  # version, at, why: the challenger that failed beside the model in service

    def totals(self, name: str) -> int:
        """Return the sum of one total of the queries, since the start."""
        return sum(query.totals.get(name, 0) for query in self.queries)


def read(path: Path) -> Metrics | None:
    """Return the metrics, None where no stream has run here or the file is not readable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _metrics(content)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def is_silent(metrics: Metrics, now: datetime) -> bool:
    """Tell whether no micro-batch has finished for longer than is usual."""
    return now - datetime.fromisoformat(metrics.updated_at) > SILENT_AFTER


def _metrics(content: dict[str, Any]) -> Metrics:
    recent = content.get("recent", [])
    queries = [
        _query(name, told, [line for line in recent if line["query"] == name])
        for name, told in content["queries"].items()
    ]
    return Metrics(
        started_at=content["started_at"],
        updated_at=content["updated_at"],
        model_version=content.get("model_version"),
        spark_ui=content.get("spark_ui"),
        queries=queries,
        rejected_by_reason=content["queries"].get("ingest", {}).get("rejected_by_reason", {}),
        dropped=content.get("challenger", {}).get("dropped"),
    )


def _query(name: str, content: dict[str, Any], recent: list[dict[str, Any]]) -> Query:
    durations = sorted(line["duration_ms"] for line in recent)
    return Query(
        name=name,
        batches=content["batches"],
        lag=content.get("lag"),
        finished_at=content.get("finished_at"),
        median_ms=median(durations) if durations else None,
        p95_ms=durations[int(PERCENTILE * (len(durations) - 1))] if durations else None,
        rows_per_second=content.get("rows_per_second"),
        totals=content["totals"],
        durations_ms=[(line["finished_at"], line["duration_ms"]) for line in recent],
    )
