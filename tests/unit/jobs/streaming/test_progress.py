"""What the metrics file and the log line tell of each micro-batch."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql.streaming.listener import QueryIdleEvent, QueryStartedEvent

from jobs.streaming import progress
from jobs.streaming.progress import COUNTS_ROW, RECENT_BATCHES, Metrics, add_up, counts_row, progress_line
from jobs.streaming.queries import ProgressAsText, ProgressListener

STARTED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINISHED_AT = datetime(2026, 3, 1, 12, 0, 5, 250_000, tzinfo=UTC)
Json = dict[str, Any]


def event(query: str = "score", batch_id: int = 7, rows: int = 4210, **changes: Any) -> Json:
    """Return a progress event as Spark 4.2 writes it for a Kafka source and one stateful operator."""
    source = {
        "description": "KafkaV2[Subscribe[topic]]",
        "startOffset": {"topic": {"0": 100, "1": 100}},
        "endOffset": {"topic": {"0": 2200, "1": 2310}},
        "latestOffset": {"topic": {"0": 2200, "1": 2310}},
        "numInputRows": rows,
        "inputRowsPerSecond": 2105.0,
        "processedRowsPerSecond": 1684.0,
        "metrics": {"avgOffsetsBehindLatest": "0.0", "maxOffsetsBehindLatest": "0"},
    }
    operator = {
        "operatorName": "stateStoreSave",
        "numRowsTotal": 1000,
        "allUpdatesTimeMs": 310,
        "commitTimeMs": 95,
        "customMetrics": {"rocksdbCommitFlushLatency": 12},
    }
    whole = {
        "id": "b1b0a9a2-6a1b-4c5e-9a66-5a5f0b0e8d11",
        "runId": "6f1a2b34-0000-4c5e-9a66-5a5f0b0e8d11",
        "name": query,
        "timestamp": "2026-03-01T12:00:03.000Z",
        "batchId": batch_id,
        "batchDuration": 2500,
        "numInputRows": rows,
        "durationMs": {"addBatch": 2000, "commitOffsets": 40, "triggerExecution": 2500, "walCommit": 30},
        "stateOperators": [operator],
        "sources": [source],
        "sink": {"description": "ForeachBatchSink", "numOutputRows": -1},
    }
    return {**whole, **changes}


def with_offsets(**offsets: Any) -> Json:
    whole = event()
    return {**whole, "sources": [{**whole["sources"][0], **offsets}]}


def line(query: str = "ingest", batch_id: int = 0, rows: int = 10) -> Json:
    return progress_line(event(query, batch_id, rows), FINISHED_AT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "local" / "metrics.json"


@pytest.fixture
def metrics(path: Path) -> Metrics:
    return Metrics(path, STARTED_AT, "http://127.0.0.1:4040")


def test_progress_line_tells_rows_rate_durations_and_state() -> None:
    told = progress_line(event(), FINISHED_AT)
    assert (told["query"], told["batch_id"], told["rows"], told["lag"]) == ("score", 7, 4210, 0)
    assert (told["duration_ms"], told["rows_per_second"]) == (2500, 1684.0)
    assert told["durations_ms"]["addBatch"] == 2000
    assert (told["state_commit_ms"], told["state_update_ms"]) == (95, 310)
    assert told["finished_at"] == "2026-03-01T12:00:05.250+00:00"


def test_query_without_state_has_no_state_times() -> None:
    told = progress_line(event("ingest", stateOperators=[]), FINISHED_AT)
    assert (told["state_commit_ms"], told["state_update_ms"]) == (0, 0)


@pytest.mark.parametrize(
    ("latest", "end", "lag"),
    [
        ({"topic": {"0": 2200, "1": 2310}}, {"topic": {"0": 2200, "1": 2310}}, 0),
        ({"topic": {"0": 2500, "1": 2310}}, {"topic": {"0": 2200, "1": 2300}}, 310),
        ({"topic": {"0": 100, "1": 50}}, {"topic": {"0": 100}}, 50),
        ({"topic": {"0": 90}}, {"topic": {"0": 100}}, 0),
        ('{"topic":{"0":2500}}', '{"topic":{"0":2200}}', 300),
        ({"topic": {"0": 2500}}, None, 2500),
        (None, {"topic": {"0": 2200}}, 0),
    ],
)
def test_lag_counts_the_messages_not_yet_read_of_each_partition(latest: Any, end: Any, lag: int) -> None:
    assert progress_line(with_offsets(latestOffset=latest, endOffset=end), FINISHED_AT)["lag"] == lag


def test_batch_of_no_duration_divides_by_nothing() -> None:
    assert progress_line(event(rows=0, durationMs={}), FINISHED_AT)["rows_per_second"] == 0.0


def test_metrics_file_exists_from_the_start(metrics: Metrics, path: Path) -> None:
    assert metrics
    told = json.loads(path.read_text())
    assert told["started_at"] == "2026-03-01T12:00:00+00:00"
    assert (told["spark_ui"], told["model_version"]) == ("http://127.0.0.1:4040", None)
    assert told["queries"]["ingest"]["totals"] == {"messages": 0, "readings": 0, "rejected": 0, "ignored": 0}
    names = ("messages", "predictions", "refused", "rescored_late", "failed", "unwritten")
    assert told["queries"]["score"]["totals"] == dict.fromkeys(names, 0)


def test_counts_of_a_micro_batch_meet_its_progress_by_batch_id(metrics: Metrics, path: Path) -> None:
    metrics.count("ingest", 1, {"readings": 5})
    metrics.count("ingest", 2, {"readings": 7, "rejected": 1, "rejected.DUPLICATE": 1})
    metrics.count("score", 2, {"predictions": 4}, "v1")
    metrics.record(line("ingest", 2))
    told = json.loads(path.read_text())["recent"][-1]
    assert told["counts"] == {"messages": 10, "readings": 7, "rejected": 1}
    assert told["rejected_by_reason"] == {"DUPLICATE": 1}


def test_totals_add_up_over_micro_batches(metrics: Metrics, path: Path) -> None:
    for batch_id in range(3):
        metrics.count("ingest", batch_id, {"messages": 10, "readings": 8, "rejected": 2, "rejected.TIME_MISSING": 2})
        metrics.record(line("ingest", batch_id))
    told = json.loads(path.read_text())["queries"]["ingest"]
    assert told["totals"] == {"messages": 30, "readings": 24, "rejected": 6, "ignored": 0}
    assert told["rejected_by_reason"] == {"TIME_MISSING": 6}
    assert (told["batches"], told["batch_id"], told["duration_ms"]) == (3, 2, 2500)


def test_messages_of_the_score_query_are_the_rows_that_spark_counted(metrics: Metrics, path: Path) -> None:
    metrics.count("score", 0, {"predictions": 4, "refused": 1})
    metrics.record(line("score", 0, rows=37))
    totals = json.loads(path.read_text())["queries"]["score"]["totals"]
    assert (totals["messages"], totals["predictions"], totals["refused"]) == (37, 4, 1)


def test_file_names_the_model_of_the_last_scored_batch(metrics: Metrics, path: Path) -> None:
    for batch_id, version in enumerate(("v1", "v2")):
        metrics.count("score", batch_id, {}, version)
        metrics.record(line("score", batch_id))
        metrics.count("ingest", batch_id, {})
        metrics.record(line("ingest", batch_id))
    assert json.loads(path.read_text())["model_version"] == "v2"


def test_only_the_newest_lines_are_kept_newest_last(metrics: Metrics, path: Path) -> None:
    for batch_id in range(RECENT_BATCHES + 5):
        metrics.record(line("ingest", batch_id))
    told = json.loads(path.read_text())
    assert [batch["batch_id"] for batch in told["recent"]] == list(range(5, RECENT_BATCHES + 5))
    assert told["queries"]["ingest"]["batches"] == RECENT_BATCHES + 5


def test_reader_never_meets_half_a_file(metrics: Metrics, path: Path) -> None:
    stop = threading.Event()
    faults: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                json.loads(path.read_text())
            except (OSError, ValueError) as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for batch_id in range(50):
        metrics.record(line("ingest", batch_id))
    stop.set()
    reader.join()
    assert faults == []
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_waiting_ends_when_the_last_counted_batch_is_recorded(metrics: Metrics, path: Path) -> None:
    metrics.count("ingest", 0, {"readings": 1})
    metrics.count("score", 0, {"predictions": 1})

    def record_both() -> None:
        for query in ("ingest", "score"):
            metrics.record(line(query, 0))

    later = threading.Timer(0.05, record_both)
    later.start()
    begun = time.monotonic()
    metrics.wait_for_events(timeout_s=30)
    assert time.monotonic() - begun < 20
    assert [batch["query"] for batch in json.loads(path.read_text())["recent"]] == ["ingest", "score"]
    later.join()


def test_waiting_for_an_event_that_never_comes_ends_too(metrics: Metrics) -> None:
    metrics.count("ingest", 0, {})
    begun = time.monotonic()
    metrics.wait_for_events(timeout_s=0.01)
    assert time.monotonic() - begun < 10


def test_nothing_to_wait_for_is_no_wait(metrics: Metrics) -> None:
    begun = time.monotonic()
    metrics.wait_for_events(timeout_s=60)
    assert time.monotonic() - begun < 10


def listen(metrics: Metrics, progress_json: Json) -> None:
    """Let the listener hear an event of the JVM, of which only the text can be had."""
    told = SimpleNamespace(progress=lambda: SimpleNamespace(json=lambda: json.dumps(progress_json)))
    ProgressAsText(ProgressListener(metrics)).onQueryProgress(told)


def test_listener_logs_one_json_line_for_each_micro_batch(
    metrics: Metrics, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics.count("ingest", 7, {"readings": 4200})
    with caplog.at_level(logging.INFO, progress.__name__):
        listen(metrics, event("ingest"))
    (text,) = caplog.messages
    told = json.loads(text.removeprefix("micro-batch "))
    assert (told["batch_id"], told["counts"]["readings"]) == (7, 4200)
    assert json.loads(path.read_text())["recent"] == [told]


def test_trigger_that_ran_no_micro_batch_is_not_told(
    metrics: Metrics, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, progress.__name__):
        listen(metrics, event("ingest", rows=0, durationMs={"latestOffset": 3, "triggerExecution": 3}))
    assert caplog.messages == []
    assert "recent" not in json.loads(path.read_text())


def test_time_of_the_last_renewal_is_that_of_the_last_micro_batch(metrics: Metrics, path: Path) -> None:
    later = FINISHED_AT + timedelta(minutes=1)
    metrics.record(progress_line(event("ingest"), later))
    assert datetime.fromisoformat(json.loads(path.read_text())["updated_at"]) == later


def seen_at(path: Path, query: str) -> datetime:
    return datetime.fromisoformat(json.loads(path.read_text())["queries"][query]["seen_at"])


def test_a_query_is_first_seen_at_the_start_and_then_with_each_micro_batch(metrics: Metrics, path: Path) -> None:
    metrics.record(line("ingest"))
    assert (seen_at(path, "ingest"), seen_at(path, "score")) == (FINISHED_AT, STARTED_AT)


def test_a_query_without_messages_is_seen_all_the_same(metrics: Metrics, path: Path) -> None:
    listener, begun = ProgressListener(metrics), datetime.now(UTC).replace(microsecond=0)
    listener.onQueryStarted(cast(QueryStartedEvent, SimpleNamespace(id="one", name="score")))
    listener.onQueryIdle(cast(QueryIdleEvent, SimpleNamespace(id="one")))
    assert seen_at(path, "score") >= begun
    assert seen_at(path, "ingest") == STARTED_AT


def test_a_trigger_that_ran_no_micro_batch_is_a_sign_of_life(metrics: Metrics, path: Path) -> None:
    begun = datetime.now(UTC).replace(microsecond=0)
    listen(metrics, event("ingest", rows=0, durationMs={"latestOffset": 3, "triggerExecution": 3}))
    assert seen_at(path, "ingest") >= begun


def texts(*counts: dict[str, int]) -> list[str]:
    return [row for of_task in counts for row in counts_row(of_task).column("counts").to_pylist()]


def test_each_task_hands_over_one_row_of_one_column() -> None:
    row = counts_row({"messages": 3})
    assert (row.num_rows, row.schema.names) == (1, COUNTS_ROW.replace(",", "").split()[::2])


def test_counts_of_all_tasks_are_added_up() -> None:
    rows = texts({"messages": 3, "rejected": 1}, {"messages": 4}, {"rejected.TIME_MISSING": 2})
    assert add_up(rows) == {"messages": 7, "rejected": 1, "rejected.TIME_MISSING": 2}


def test_batch_without_tasks_counts_nothing() -> None:
    assert add_up([]) == {}
