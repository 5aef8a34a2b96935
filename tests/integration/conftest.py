"""What the integration tests share: a Kafka broker and an Elasticsearch node of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.services import Addresses, Options, start, stop

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
