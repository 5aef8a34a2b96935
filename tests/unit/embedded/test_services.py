from __future__ import annotations

import pytest

from conf.settings import Settings
from embedded.services import local_ports


@pytest.mark.parametrize(
    ("changes", "ports"),
    [
        ({}, {"kafka": 9092, "elasticsearch": 9200}),
        ({"kafka_bootstrap_servers": "localhost:19092"}, {"kafka": 19092, "elasticsearch": 9200}),
        ({"elasticsearch_url": "http://127.0.0.1:19200"}, {"kafka": 9092, "elasticsearch": 19200}),
        ({"elasticsearch_url": "https://search.example.org:9200"}, {"kafka": 9092}),
        ({"kafka_bootstrap_servers": "a.example.org:9092,b.example.org:9092"}, {"elasticsearch": 9200}),
    ],
)
def test_a_service_is_embedded_where_its_address_is_on_this_machine(
    changes: dict[str, str], ports: dict[str, int]
) -> None:
    assert local_ports(Settings.model_validate(changes)) == ports
