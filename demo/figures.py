"""What the demo shows, read from two places: the metrics file of the stream and two aggregations in Elasticsearch."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from conf.clinical import ALERT_LEVELS
from elastic.scope import without_canaries

RATE_WINDOW_S = 30.0
LOG_TAIL_BYTES = 65_536
STREAM_SUCCESS = " INFO jobs.streaming.progress micro-batch "
ALERTS_SUCCESS = " INFO alerts "  # the service speaks when it begins, takes over, or has come back
OWN_WARNING = re.compile(r" (?:WARNING|ERROR) (?:jobs\.\S+|alerts) (.+)")
TRAINING_STEP = re.compile(r"\d\d:\d\d:\d\d ([A-Z][a-z]*ing(?: [a-z]+)*)")  # "Growing the random forest"
OPEN_ALERTS = {"term": {"is_open": True}}


@dataclass(frozen=True)
class Figures:
    """The state of the pipeline at one moment; totals count from the start of this stream."""

    readings: int = 0
    predictions: int = 0
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    patients_by_level: Mapping[str, int] = field(default_factory=dict)
    alerts_by_level: Mapping[str, int] = field(default_factory=dict)
    lag: int | None = None
    batches: int = 0
    ingest_ms: float | None = None
    score_ms: float | None = None
    model_version: str | None = None
    spark_ui: str | None = None
    trouble: str | None = None

    @property
    def patients(self) -> int:
        """Return the number of patients with a prediction, also those of an earlier run."""
        return sum(self.patients_by_level.values())

    @property
    def alerts(self) -> int:
        """Return the number of open alerts."""
        return sum(self.alerts_by_level.values())

    @property
    def rejected(self) -> int:
        """Return the number of refused messages and entries."""
        return sum(self.rejected_by_reason.values())

    def to_json(self) -> str:
        """Return all figures, for scripts."""
        sums = {"patients": self.patients, "alerts": self.alerts, "rejected": self.rejected}
        return json.dumps({**asdict(self), **sums}, indent=2) + "\n"


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the stream's metrics; empty before the stream has written it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def count_levels(
    client: Elasticsearch, index: str, field: str, query: Mapping[str, Any] = MappingProxyType({"match_all": {}})
) -> dict[str, int] | None:
    """Return the documents by alert level, highest first, no canary's; None while Elasticsearch is away."""
    try:
        answer = client.search(
            index=index,
            size=0,
            ignore_unavailable=True,
            query=without_canaries(query),
            aggs={"levels": {"terms": {"field": field}}},
        )
    except (ApiError, TransportError):
        return None
    found = answer.get("aggregations", {}).get("levels", {}).get("buckets", [])
    counts = {bucket["key"]: int(bucket["doc_count"]) for bucket in found}
    return {level: counts.pop(level, 0) for level in reversed(ALERT_LEVELS)} | counts


def read_trouble(log: Path, success: str) -> str | None:
    """Return a part's newest warning, unless a line with `success` has come since."""
    for line in _newest_first(log):
        if success in line:
            return None
        if found := OWN_WARNING.search(line):
            return found[1]
    return None


def read_step(log: Path) -> str | None:
    """Return what the training of a model has said last about what it does, if anything."""
    return next((found[1] for line in _newest_first(log) if (found := TRAINING_STEP.match(line))), None)


def _newest_first(log: Path) -> list[str]:
    """Return the last lines of a log, the newest first."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[::-1]


def to_figures(
    metrics: Mapping[str, Any],
    patients_by_level: Mapping[str, int],
    alerts_by_level: Mapping[str, int],
    trouble: str | None = None,
) -> Figures:
    """Put both sources together; whatever the metrics do not say yet keeps its empty value."""
    queries = metrics.get("queries", {})
    ingest, score = queries.get("ingest", {}), queries.get("score", {})
    lags = [query["lag"] for query in (ingest, score) if query.get("lag") is not None]
    return Figures(
        readings=ingest.get("totals", {}).get("readings", 0),
        predictions=score.get("totals", {}).get("predictions", 0),
        rejected_by_reason=ingest.get("rejected_by_reason", {}),
        patients_by_level=patients_by_level,
        alerts_by_level=alerts_by_level,
        lag=max(lags, default=None),
        batches=ingest.get("batches", 0),
        ingest_ms=ingest.get("duration_ms"),
        score_ms=score.get("duration_ms"),
        model_version=metrics.get("model_version"),
        spark_ui=metrics.get("spark_ui"),
        trouble=trouble,
    )


def waiting_for(figures: Figures) -> str | None:
    """Return what has to happen next before the demo shows everything; None once it does."""
    if figures.spark_ui is None:
        return "Spark to start"
    if figures.batches == 0:
        return "the first micro-batch"
    return "the first predictions" if figures.patients == 0 else None


class Rates:
    """Readings and predictions per second over the last `RATE_WINDOW_S`."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, now_s: float, figures: Figures) -> tuple[float, float]:
        """Take one sample at `now_s` (any monotonic clock); return readings/s and predictions/s."""
        self._samples.append((now_s, figures.readings, figures.predictions))
        while now_s - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        began_s, readings, predictions = self._samples[0]
        elapsed_s = max(now_s - began_s, 1.0)
        return (figures.readings - readings) / elapsed_s, (figures.predictions - predictions) / elapsed_s
