"""What unit tests share: an Elasticsearch in memory, and a client of it whose retries do not wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from hypothesis import settings as hypothesis_settings

from conf.settings import Settings
from elastic import client as elastic_client
from elastic.schema import put_templates
from tests.support import fake_elasticsearch
from tests.support.fake_elasticsearch import FakeElasticsearch

hypothesis_settings.register_profile("busy machine", deadline=None)
hypothesis_settings.load_profile("busy machine")


@pytest.fixture
def fake() -> Iterator[FakeElasticsearch]:
    with fake_elasticsearch.running() as server:
        yield server


@pytest.fixture
def settings(fake: FakeElasticsearch, tmp_path: Path) -> Settings:
    return Settings(elasticsearch_url=fake.url, data_dir=tmp_path / "data", kafka_topic="topic")


@pytest.fixture
def client(fake: FakeElasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Elasticsearch:
    """Return a client of the fake, which has the project's templates."""
    waits_s = (0,) * len(elastic_client.RETRY_WAITS_S)
    monkeypatch.setattr(elastic_client, "RETRY_WAITS_S", waits_s)
    client = elastic_client.connect(settings)
    put_templates(client)
    fake.requests.clear()
    return client
