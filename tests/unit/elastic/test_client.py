"""The door to Elasticsearch: whole answers in time, or one error."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from elasticsearch import ApiError, Elasticsearch

from conf.settings import Settings
from elastic import client as elastic_client
from elastic.client import Search, SearchUnavailable, SinkUnavailableError, connect, with_retries
from elastic.names import LATEST
from elastic.search.queries import terms
from tests.support.fake_elasticsearch import FakeElasticsearch

QUERY = terms("patient_id", ["p-1"])
BODY = {"size": 10, "query": QUERY}


@pytest.fixture
def search(fake: FakeElasticsearch, client: Elasticsearch) -> Search:
    fake.searchable[LATEST, "p-1"] = {"patient_id": "p-1"}
    return Search(client)


def test_documents_come_back_as_they_are_stored(search: Search) -> None:
    found = search.page(LATEST, BODY)
    assert found.documents == [{"patient_id": "p-1"}]
    assert found.total == search.count(LATEST, QUERY) == 1
    assert found.after is None


@pytest.mark.parametrize(
    ("status", "told"),
    [(503, "does not answer .* BP_ELASTICSEARCH_URL"), (401, "does not take this account .* BP_ELASTICSEARCH_USER")],
)
def test_a_fault_of_elasticsearch_is_unavailable(
    search: Search, fake: FakeElasticsearch, status: int, told: str
) -> None:
    fake.request_faults = [status] * 100
    with pytest.raises(SearchUnavailable, match=told):
        search.page(LATEST, BODY)


def test_a_lost_connection_is_unavailable(search: Search, fake: FakeElasticsearch) -> None:
    fake.unanswered = 1
    with pytest.raises(SearchUnavailable, match="BP_ELASTICSEARCH_URL"):
        search.page(LATEST, BODY)


def test_an_answer_of_some_shards_only_is_unavailable(search: Search, fake: FakeElasticsearch) -> None:
    fake.search_faults = 100
    with pytest.raises(SearchUnavailable):
        search.page(LATEST, BODY)


def test_a_shard_that_only_starts_is_waited_for(search: Search, fake: FakeElasticsearch) -> None:
    """For a moment after an index was made, each search of it is refused."""
    fake.search_faults = 2
    assert search.page(LATEST, BODY).documents == [{"patient_id": "p-1"}]


def test_searches_sent_at_once_wait_for_a_shard_that_only_starts_too() -> None:
    starting = {"status": 503, "error": {"reason": "all shards failed"}}
    found = {"status": 200, "hits": {"hits": []}}
    client = Mock()
    client.options.return_value.msearch.side_effect = [{"responses": [found, starting]}, {"responses": [found, found]}]
    assert Search(client).ask_all(LATEST, [BODY, BODY]) == [found, found]


@pytest.mark.parametrize("faults", [0, 1, 3])
def test_what_passes_is_asked_again_until_it_is_answered(
    fake: FakeElasticsearch, client: Elasticsearch, faults: int
) -> None:
    fake.request_faults = [503] * faults
    with_retries(lambda: client.indices.refresh(index=LATEST))
    assert fake.requests["_refresh"] == 1 + faults


def test_what_lasts_is_told_after_as_many_tries_as_there_are_waits_and_one(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.request_faults = [503] * 100
    with pytest.raises(SinkUnavailableError, match="does not answer"):
        with_retries(lambda: client.indices.refresh(index=LATEST))
    assert fake.requests["_refresh"] == len(elastic_client.RETRY_WAITS_S) + 1


@pytest.mark.parametrize("waits", [7, 0])
def test_question_that_is_refused_for_good_is_not_repeated_and_raised_as_it_came(
    fake: FakeElasticsearch, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch, waits: int
) -> None:
    """Not even where no wait is left: it is no question of an Elasticsearch that does not answer."""
    monkeypatch.setattr(elastic_client, "RETRY_WAITS_S", (0,) * waits)
    fake.request_faults = [403]
    with pytest.raises(ApiError):
        with_retries(lambda: client.indices.refresh(index=LATEST))
    assert fake.requests["_refresh"] == 1


def test_one_client_serves_all_writes_of_the_same_settings(settings: Settings) -> None:
    assert connect(settings) is connect(settings.model_copy())
    assert connect(settings) is not connect(settings.model_copy(update={"elasticsearch_user": "writer"}))


def test_account_is_sent_with_every_request(fake: FakeElasticsearch) -> None:
    secrets = {"elasticsearch_user": "writer", "elasticsearch_password": "secret"}
    connect(Settings(elasticsearch_url=fake.url, **secrets)).indices.refresh()
    assert fake.authorisations == ["Basic d3JpdGVyOnNlY3JldA=="]
    connect(Settings(elasticsearch_url=fake.url, elasticsearch_api_key="abc")).indices.refresh()
    assert fake.authorisations[-1] == "ApiKey abc"
