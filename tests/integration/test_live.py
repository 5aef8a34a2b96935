"""The stream while it runs: Elasticsearch goes away, and it stops when it is told to. Models: see test_models_live."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from pyspark.sql import SparkSession

from conf.settings import Settings
from elastic.schema import put_templates
from embedded.services import Options, start, stop
from jobs.stream import run
from jobs.streaming.checkpoint import guarded
from jobs.streaming.queries import QUERIES
from jobs.streaming.stopping import StopGate
from tests.conftest import ELASTICSEARCH_HEAP, QUICK_COMPILER
from tests.integration.pipeline import Pipeline
from tests.support.clock import RECENTLY, at
from tests.support.factories import observation, payload

pytestmark = pytest.mark.integration

PATIENCE_S = 120
STOP_LIMIT_S = 45  # usually below 10, but others may be at work beside it


@contextmanager
def running(pipeline: Pipeline) -> Iterator[None]:
    """Run the stream in a thread; it must end within the promised time once it is asked to, and without an error."""
    gate, failures = StopGate(), []

    def work() -> None:
        try:
            run(pipeline.spark, pipeline.settings, gate, is_new_checkpoint=False, available_now=False)
        except BaseException as error:
            failures.append(error)

    with guarded(pipeline.settings, QUERIES):
        put_templates(pipeline.client)
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            gate.asked.set()
            thread.join(STOP_LIMIT_S)
    assert not thread.is_alive()
    assert failures == []


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.2)


def send(pipeline: Pipeline, *minutes: int) -> None:
    pipeline.send(*(payload(observation(id=f"bp-{minute}", effectiveDateTime=at(minute))) for minute in minutes))


def newest(pipeline: Pipeline) -> str:
    return max((document["@timestamp"] for document in pipeline.latest().values()), default="")


def minute_text(minute: float) -> str:
    return (RECENTLY + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_nothing_is_lost_while_elasticsearch_is_away(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> None:
    """A node of this test's own is stopped under the running stream and comes back with its data."""
    folder = tmp_path_factory.mktemp("away")
    options = Options(
        folder,
        elasticsearch_port=0,
        elasticsearch_heap=ELASTICSEARCH_HEAP,
        only="elasticsearch",
        java_options=(QUICK_COMPILER,),
    )
    own = start(options)
    same_port = replace(options, elasticsearch_port=int(urlsplit(str(own.elasticsearch_url)).port or 0))
    try:
        pipeline = Pipeline(settings.model_copy(update={"elasticsearch_url": own.elasticsearch_url}), spark)
        with running(pipeline):
            send(pipeline, 0, 15, 30)
            wait_until(lambda: newest(pipeline) == minute_text(30))
            stop(folder, only="elasticsearch")
            send(pipeline, 45, 60)
            time.sleep(3)  # let the queries meet the closed port
            start(same_port)
            pipeline.client.cluster.health(wait_for_status="yellow", timeout="30s")
            wait_until(lambda: newest(pipeline) == minute_text(60))
        assert len(pipeline.observations()) == 5
        assert pipeline.rejected() == {}
    finally:
        stop(folder, clean=True)
