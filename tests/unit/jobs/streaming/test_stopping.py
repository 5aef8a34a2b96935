"""Stopping between micro-batches, restarting after failures, and telling why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from pyspark.sql.streaming.query import StreamingQuery

from jobs.streaming import stopping
from jobs.streaming.stopping import QueryFailedError, StopGate, StoppedError, explain, keep_running

PYTHON_FAILURE = """\
[STREAM_FAILED] Query [id = 0f1e, runId = 2d3c] terminated with exception: \
[FOREACH_BATCH_USER_FUNCTION_ERROR] An error occurred in the user provided function in foreach batch sink. \
Reason: An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):
  File "/opt/py4j/clientserver.py", line 644, in _call_proxy
    return_value = getattr(self.pool[obj_id], method)(*params)
  File "/app/jobs/queries.py", line 96, in _run_batch
    raise MicroBatchFailedError(explain(str(error))) from None
jobs.streaming.queries.MicroBatchFailedError: SinkUnavailableError: Elasticsearch takes no writes (2 documents open).
 SQLSTATE: 39000
"""
WORKER_FAILURE = """\
An error occurred while calling o123.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times, most recent \
failure: Lost task 0.0 in stage 3.0 (TID 7) (127.0.0.1 executor driver): \
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/app/jobs/sinks.py", line 141, in _outcome
    raise DocumentRefusedError(
elastic.bulk.DocumentRefusedError: Elasticsearch refused document p-1|17 of observations (status 400: no such field).

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
\tat org.apache.spark.sql.execution.python.ArrowPythonRunner.scala:120
Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2856)
"""
NO_PYTHON_FAILURE = """Lost task 0.0 in stage 0.0 (TID 0) (127.0.0.1 executor 0): org.apache.spark.SparkException:
Error from python worker:
  error: There is no Python at /usr/bin/python3.11 on this machine.
PYTHONPATH was:
  pyspark.zip
org.apache.spark.SparkException: EOFException occurred while reading the port number from pyspark.daemon's stdout."""
JAVA_FAILURE = """\
[STREAM_FAILED] Query [id = 0f1e, runId = 2d3c] terminated with exception: Job aborted.
=== Streaming Query ===
org.apache.spark.SparkException: Writing job aborted
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.writingJobAbortedError(QueryExecutionErrors.scala:800)
Caused by: java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
"""


class FakeQuery:
    """A streaming query that has ended, with or without an error, or runs until it is stopped."""

    def __init__(self, error: str | None = None, *, runs: bool = False) -> None:
        self._error = error
        self.isActive = runs
        self.stopped = False

    def exception(self) -> Exception | None:
        return Exception(self._error) if self._error is not None else None

    def stop(self) -> None:
        self.isActive = False
        self.stopped = True


class Starts:
    """Starts of one query: hands out the queries in turn, the last one for ever, and counts."""

    def __init__(self, *queries: FakeQuery, then: Callable[[], None] | None = None) -> None:
        self.queries = queries
        self.count = 0
        self.then = then

    def __call__(self) -> StreamingQuery:
        query = self.queries[min(self.count, len(self.queries) - 1)]
        self.count += 1
        if self.count == len(self.queries) and self.then:
            self.then()
        return cast(StreamingQuery, query)


class RecordingEvent(threading.Event):
    """The stop request, which notes how long it was waited for and never lets the test wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        return self.is_set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> StopGate:
    monkeypatch.setattr(stopping, "STOP_PATIENCE_S", 0.05)
    gate = StopGate()
    gate.asked = RecordingEvent()
    return gate


def restarts(gate: StopGate) -> list[float]:
    """Return the waits before restarts, without those between two looks at the queries."""
    return [wait for wait in cast(RecordingEvent, gate.asked).waits if wait != stopping.POLL_S]


def run(gate: StopGate, **starts: Any) -> None:
    keep_running(starts, gate)


def test_queries_that_have_drained_the_topic_end_the_run(gate: StopGate) -> None:
    ingest, score = Starts(FakeQuery()), Starts(FakeQuery())
    run(gate, ingest=ingest, score=score)
    assert (ingest.count, score.count, restarts(gate)) == (1, 1, [])


def test_failed_query_is_started_again_after_a_pause_and_the_other_is_left_alone(gate: StopGate) -> None:
    failing, other = Starts(FakeQuery("KafkaError: broker away"), FakeQuery()), Starts(FakeQuery())
    run(gate, ingest=failing, score=other)
    assert (failing.count, other.count) == (2, 1)
    assert restarts(gate) == [stopping.RESTART_WAITS_S[0]]


def test_back_off_grows_with_every_failure_in_a_row(gate: StopGate) -> None:
    failing = Starts(*[FakeQuery("KafkaError: broker away")] * 4, FakeQuery())
    run(gate, ingest=failing)
    assert tuple(restarts(gate)) == stopping.RESTART_WAITS_S[:4]
    assert sorted(stopping.RESTART_WAITS_S) == list(stopping.RESTART_WAITS_S)


def test_query_that_fails_too_often_ends_the_job_with_the_cause(gate: StopGate) -> None:
    other = FakeQuery(runs=True)
    failing = Starts(FakeQuery(JAVA_FAILURE))
    with pytest.raises(
        QueryFailedError, match=r"The ingest query failed: IOException: No space left on device"
    ) as caught:
        run(gate, ingest=failing, score=Starts(other))
    assert "\n" not in str(caught.value)
    assert "start again when mended" in str(caught.value)
    assert failing.count == len(stopping.RESTART_WAITS_S) + 1
    assert other.stopped


@pytest.mark.parametrize(
    "message",
    [
        WORKER_FAILURE,
        explain(NO_PYTHON_FAILURE),
        "Cannot fetch offset 17. Some data may have been lost ... set the source option failOnDataLoss to false.",
        "org.apache.kafka.clients.consumer.OffsetOutOfRangeException: Fetch position is out of range",
    ],
)
def test_failure_that_no_restart_mends_ends_the_job_at_once(gate: StopGate, message: str) -> None:
    failing = Starts(FakeQuery(message))
    with pytest.raises(QueryFailedError):
        run(gate, ingest=failing)
    assert (failing.count, restarts(gate)) == (1, [])


def test_failures_are_forgotten_once_a_query_has_run_steadily(gate: StopGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STEADY_S", -1)
    failing = Starts(*[FakeQuery("KafkaError: broker away")] * (len(stopping.RESTART_WAITS_S) + 3), FakeQuery())
    run(gate, ingest=failing)
    assert set(restarts(gate)) == {stopping.RESTART_WAITS_S[0]}


def test_stop_that_is_asked_for_stops_every_query(gate: StopGate) -> None:
    running = FakeQuery(runs=True), FakeQuery(runs=True)
    run(gate, ingest=Starts(running[0]), score=Starts(running[1], then=gate.asked.set))
    assert [query.stopped for query in running] == [True, True]


def test_stop_waits_for_the_running_micro_batch(gate: StopGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STOP_PATIENCE_S", 30)
    begun, may_end = threading.Event(), threading.Event()
    finished: list[bool] = []

    def work() -> None:
        with gate.batch():
            begun.set()
            may_end.wait(30)
            finished.append(True)

    class LookingQuery(FakeQuery):
        def stop(self) -> None:
            assert finished == [True]
            super().stop()

    batch = threading.Thread(target=work)
    batch.start()
    assert begun.wait(30)
    running = LookingQuery(runs=True)
    gate.asked.set()
    threading.Timer(0.05, may_end.set).start()
    run(gate, ingest=Starts(running))
    assert running.stopped
    batch.join()


def test_micro_batch_that_outlasts_the_patience_is_abandoned(gate: StopGate, caplog: pytest.LogCaptureFixture) -> None:
    running = FakeQuery(runs=True)
    with gate.batch():
        gate.asked.set()
        run(gate, ingest=Starts(running))
    assert running.stopped
    assert any("abandoned" in text for text in caplog.messages)


def test_no_micro_batch_begins_once_a_stop_is_asked_for() -> None:
    gate = StopGate()
    gate.asked.set()
    with pytest.raises(StoppedError), gate.batch():
        pytest.fail("the micro-batch has begun")


def test_gate_is_idle_again_after_a_failed_micro_batch() -> None:
    gate = StopGate()
    with pytest.raises(ZeroDivisionError), gate.batch():
        raise ZeroDivisionError
    assert gate.wait_until_idle(0)


def test_gate_counts_the_micro_batches_of_both_queries() -> None:
    gate = StopGate()
    with gate.batch():
        with gate.batch():
            assert not gate.wait_until_idle(0)
        assert not gate.wait_until_idle(0)
    assert gate.wait_until_idle(0)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (PYTHON_FAILURE, "SinkUnavailableError: Elasticsearch takes no writes (2 documents open)."),
        (
            WORKER_FAILURE,
            "DocumentRefusedError: Elasticsearch refused document p-1|17 of observations (status 400: no such field).",
        ),
        ("jobs.streaming.queries.MicroBatchFailedError: BundleError: no model", "BundleError: no model"),
        (JAVA_FAILURE, "IOException: No space left on device"),
        (NO_PYTHON_FAILURE, "NoPythonError: There is no Python at /usr/bin/python3.11 on this machine."),
        ("KafkaError: broker away", "KafkaError: broker away"),
        ("no kind is named here\nsecond line", "no kind is named here"),
        ("\n\n  first words\nrest", "first words"),
        ("", "no message"),
    ],
)
def test_innermost_cause_is_told_on_one_line(message: str, cause: str) -> None:
    assert explain(message) == cause
