"""The door to Elasticsearch: whole answers in time, or one error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from elasticsearch import Elasticsearch

from elastic.client import Search, SearchUnavailable
from elastic.names import LATEST
from elastic.search.queries import between, terms
from tests.support.fake_elasticsearch import FakeElasticsearch, running

INDEX = LATEST
BODY = {"size": 10, "query": terms("patient_id", ["p-1"])}


@pytest.fixture
def fake() -> Iterator[FakeElasticsearch]:
    with running() as server:
        server.documents[INDEX, "p-1"] = {"patient_id": "p-1"}
        server.searchable = dict(server.documents)
        yield server


@pytest.fixture
def search(fake: FakeElasticsearch) -> Search:
    return Search(Elasticsearch(fake.url, max_retries=0), timeout_s=5)


def test_documents_come_back_as_they_are_stored(search: Search) -> None:
    found = search.page(INDEX, BODY)
    assert found.documents == [{"patient_id": "p-1"}]
    assert found.total == 1
    assert found.after is None


def test_a_fault_of_elasticsearch_is_unavailable(search: Search, fake: FakeElasticsearch) -> None:
    fake.request_faults = [503]
    with pytest.raises(SearchUnavailable, match="does not answer"):
        search.page(INDEX, BODY)


def test_an_account_that_is_not_taken_is_unavailable(search: Search, fake: FakeElasticsearch) -> None:
    fake.request_faults = [401]
    with pytest.raises(SearchUnavailable, match=r"does not take this account .* BP_ELASTICSEARCH_USER"):
        search.page(INDEX, BODY)


def test_a_lost_connection_is_unavailable(search: Search, fake: FakeElasticsearch) -> None:
    fake.unanswered = 1
    with pytest.raises(SearchUnavailable, match="BP_ELASTICSEARCH_URL"):
        search.page(INDEX, BODY)


def test_an_answer_of_some_shards_only_is_unavailable(search: Search, fake: FakeElasticsearch) -> None:
    fake.search_faults = 1
    with pytest.raises(SearchUnavailable):
        search.page(INDEX, BODY)


def test_a_range_names_only_the_ends_that_are_known() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert between("@timestamp", noon) == {"range": {"@timestamp": {"gte": "2026-03-01T12:00:00+00:00"}}}
    assert between("risk", end=0.5) == {"range": {"risk": {"lt": 0.5}}}
    assert between("@timestamp") is None
