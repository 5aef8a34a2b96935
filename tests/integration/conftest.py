"""What the integration tests share: a pipeline on the Kafka, Spark and Elasticsearch of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from conf.settings import Settings
from elastic.client import connect
from embedded.services import Addresses
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model
from tests.integration.secured import Secured, secured_node


@pytest.fixture
def settings(services: Addresses, tmp_path: Path) -> Settings:
    """Return settings of a pipeline of its own, with a published model and an Elasticsearch without documents."""
    settings = build_settings(services, tmp_path)
    publish_model(settings.model_dir)
    delete_documents(connect(settings))
    return settings


@pytest.fixture
def pipeline(settings: Settings, spark: SparkSession) -> Pipeline:
    """Return a pipeline on real Kafka, Spark and Elasticsearch."""
    return Pipeline(settings, spark)


@pytest.fixture(scope="session")
def secured(services: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Yield an Elasticsearch with security on, set up; whoever fills it empties it first."""
    with secured_node(services, tmp_path_factory.mktemp("secured")) as node:
        yield node
