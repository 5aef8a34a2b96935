"""What the integration tests share: a Kafka broker and an Elasticsearch node of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from conf.settings import Settings
from conf.submit import submit_environment
from embedded.java import find_java
from embedded.services import Addresses, Options, start, stop
from jobs.sinks import connect
from jobs.stream import build_session
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model

PROJECT = Path(__file__).parents[2]
TEST_CONF = ("spark.ui.enabled=false", "spark.task.maxFailures=1")

KAFKA_HEAP = "384m"
ELASTICSEARCH_HEAP = "768m"


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Addresses (`kafka_bootstrap_servers`, `elasticsearch_url`) of a pair on free ports; ended after the last test."""
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
    settings = Settings(spark_master="local[2]", local_dir=tmp_path_factory.mktemp("spark"))
    os.environ.update(submit_environment({"JAVA_HOME": str(find_java().parents[1])}, settings, PROJECT, TEST_CONF))
    session = build_session(settings)
    yield session
    session.stop()


@pytest.fixture
def settings(services: Addresses, tmp_path: Path) -> Settings:
    """Settings of a pipeline of its own, with a published model and an Elasticsearch without documents."""
    settings = build_settings(services, tmp_path)
    publish_model(settings.model_dir)
    delete_documents(connect(settings))
    return settings


@pytest.fixture
def pipeline(settings: Settings, spark: SparkSession) -> Pipeline:
    """A pipeline on real Kafka, Spark and Elasticsearch."""
    return Pipeline(settings, spark)
