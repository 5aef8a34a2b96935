"""What the integration tests share: a pipeline on the Kafka, Spark and Elasticsearch of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from conf.settings import Settings
from elastic.client import connect
from embedded.services import Addresses
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model


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
