"""Addresses and credentials as elasticsearch-spark names them; what it reads is tested with a real one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from conf.settings import Settings
from jobs.connector import connection_options

HOST = {"es.nodes": "search", "es.port": "9200"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://search:9200", HOST),
        ("http://search", HOST | {"es.port": "80"}),
        ("http://search:9201", HOST | {"es.port": "9201"}),
        ("https://search", HOST | {"es.port": "443", "es.net.ssl": "true"}),
        ("https://search:9200/es/", HOST | {"es.net.ssl": "true", "es.nodes.path.prefix": "es"}),
    ],
)
def test_address_is_taken_apart(url: str, expected: dict[str, str]) -> None:
    assert connection_options(Settings(elasticsearch_url=url)) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"elasticsearch_user": "writer", "elasticsearch_password": SecretStr("pw")},
            {"es.net.http.auth.user": "writer", "es.net.http.auth.pass": "pw"},
        ),
        ({"elasticsearch_user": "writer"}, {"es.net.http.auth.user": "writer", "es.net.http.auth.pass": ""}),
        ({"elasticsearch_api_key": SecretStr("key")}, {"es.net.http.header.Authorization": "ApiKey key"}),
        (
            {"elasticsearch_api_key": SecretStr("key"), "elasticsearch_user": "writer"},
            {"es.net.http.header.Authorization": "ApiKey key"},
        ),
    ],
)
def test_credentials_are_those_of_the_settings(given: dict[str, Any], expected: dict[str, str]) -> None:
    assert connection_options(Settings(elasticsearch_url="http://search:9200", **given)) == HOST | expected
