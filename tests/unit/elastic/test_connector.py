"""Addresses and credentials as elasticsearch-spark names them; what it reads is tested with a real one."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

import elastic
from conf.errors import UserError
from conf.settings import Settings
from elastic.connector import connection_options, read_index
from tests.support.fake_elasticsearch import FakeElasticsearch

ROOT = Path(__file__).resolve().parents[3]
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


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("refusals", "outcome"),
    [(3, "There is no index nothing"), (100, r"does not take this account .* BP_ELASTICSEARCH_USER")],
)
def test_account_that_is_not_taken_is_asked_for_again_before_it_is_told(
    fake: FakeElasticsearch, settings: Settings, refusals: int, outcome: str
) -> None:
    fake.request_faults = [401] * refusals
    with pytest.raises(UserError, match=outcome):
        read_index(cast(SparkSession, None), settings, "nothing", ["number"])


@pytest.mark.usefixtures("client")
def test_account_without_the_right_to_look_is_told_at_once(fake: FakeElasticsearch, settings: Settings) -> None:
    fake.request_faults = [403]
    with pytest.raises(UserError, match=r"not let this account look at nothing \(status 403\)"):
        read_index(cast(SparkSession, None), settings, "nothing", ["number"])


def test_no_module_of_elasticsearch_imports_spark_or_the_site() -> None:
    """In a fresh interpreter: a tool that writes or searches documents must not wait for either."""
    names = [module.name for module in pkgutil.walk_packages(elastic.__path__, "elastic.")]
    assert "elastic.connector" in names
    load = f"import sys, {', '.join(names)}; print(sorted({{'pyspark', 'flask'}} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout == "[]\n"
