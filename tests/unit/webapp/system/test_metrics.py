"""The metrics file, as the stream itself writes it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conf.settings import METRICS_FILE
from jobs.streaming import progress
from tests.unit.webapp.site import NOON
from webapp.system import metrics


def batch(number: int, query: str = "ingest", duration_ms: int = 500) -> dict[str, Any]:
    return {
        "query": query,
        "batch_id": number,
        "finished_at": (NOON + timedelta(seconds=number)).isoformat(),
        "rows": 100,
        "rows_per_second": 200.0,
        "lag": 7,
        "duration_ms": duration_ms,
        "durations_ms": {"addBatch": 300},
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / METRICS_FILE
    stream = progress.Metrics(written, NOON, "http://127.0.0.1:4040")
    for number in range(20):
        stream.count("ingest", number, {"readings": 90, "rejected": 2, "rejected.NOT_JSON": 2}, "v1")
        stream.record(batch(number, duration_ms=500 + 10 * number))
    return written


def test_each_query_tells_lag_times_and_totals(path: Path) -> None:
    found = metrics.read(path)
    assert found
    ingest, score = found.queries
    assert (ingest.name, ingest.batches, ingest.lag, ingest.median_ms, ingest.p95_ms) == ("ingest", 20, 7, 595, 680)
    assert ingest.totals["readings"] == 1800
    assert len(ingest.durations_ms) == 20
    assert (score.batches, score.lag, score.median_ms) == (0, None, None)
    assert found.model_version == "v1"
    assert found.rejected_by_reason == {"NOT_JSON": 40}
    assert found.dropped is None


def test_a_dropped_challenger_is_told_with_the_reason(tmp_path: Path) -> None:
    stream = progress.Metrics(tmp_path / METRICS_FILE, NOON, None)
    dropped = {"version": "v2", "at": NOON.isoformat(), "why": "it failed in scoring"}
    stream.note_challenger({"version": None, "dropped": dropped})
    stream.see("score", NOON)
    found = metrics.read(tmp_path / METRICS_FILE)
    assert found
    assert found.dropped == dropped


def test_a_stream_is_silent_when_no_batch_has_finished_for_two_minutes(path: Path) -> None:
    found = metrics.read(path)
    assert found
    last = NOON + timedelta(seconds=19)
    assert not metrics.is_silent(found, last + metrics.SILENT_AFTER)
    assert metrics.is_silent(found, last + metrics.SILENT_AFTER + timedelta(seconds=1))


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"started_at": 1}'])
def test_a_file_that_is_absent_or_broken_is_no_metrics(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / METRICS_FILE).write_text(content, encoding="utf-8")
    assert metrics.read(tmp_path / METRICS_FILE) is None
