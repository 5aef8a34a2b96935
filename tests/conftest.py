"""What the integration and the browser tests share: Kafka, Elasticsearch and Spark, started once for a whole run.

Imports stay inside the fixtures, so that unit tests do not wait for Spark's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from embedded.services import Addresses

PROJECT = Path(__file__).parents[1]
TEST_CONF = ("spark.ui.enabled=false", "spark.task.maxFailures=1")

BROWSER = "browser"
KAFKA_HEAP = "384m"
ELASTICSEARCH_HEAP = "768m"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes, one runs a whole module, and one all browser tests: they share a ward."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(folder if folder == BROWSER else f"{folder}/{item.path.stem}"))


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Addresses (`kafka_bootstrap_servers`, `elasticsearch_url`) of a pair on free ports; ended after the last test."""
    from embedded.services import Options, start, stop

    local_dir = tmp_path_factory.mktemp("services")
    options = Options(
        local_dir,
        kafka_port=0,
        elasticsearch_port=0,
        kafka_heap=KAFKA_HEAP,
        elasticsearch_heap=ELASTICSEARCH_HEAP,
    )
    try:
        yield start(options)
    finally:
        stop(local_dir, clean=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One Spark session with the project's own configuration, as `./spark-submit.sh` gives it to a job."""
    from conf.settings import Settings
    from conf.submit import submit_environment
    from embedded.java import find_java
    from jobs.stream import build_session

    settings = Settings(spark_master="local[2]", local_dir=tmp_path_factory.mktemp("spark"))
    os.environ.update(submit_environment({"JAVA_HOME": str(find_java().parents[1])}, settings, PROJECT, TEST_CONF))
    session = build_session(settings)
    yield session
    session.stop()
