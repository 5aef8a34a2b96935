"""Who may see what: one filter on every search, and the same judgement of what is read by its id."""

from __future__ import annotations

from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import NotFoundError

from elastic.client import SearchUnavailable, answering
from elastic.names import ALERTS, LATEST, STAYS, WARDS
from elastic.scope import NOBODYS, Scope
from tests.support.fake_search import FakeSearch

OF_A, OF_B, OF_NOBODY, NOWHERE, CANARY = (
    {"patient_id": "of-a", "value": 1},
    {"patient_id": "of-b", "value": 2},
    {"part": "feed", "alert_id": "feed", "value": 3},
    {"patient_id": "nowhere", "value": 4},
    {"patient_id": "canary-1", "value": 5},
)
EVERYTHING = [OF_A, OF_B, OF_NOBODY, NOWHERE, CANARY]
CASES = [
    (None, EVERYTHING),
    (Scope(), [OF_A, OF_B, OF_NOBODY, NOWHERE]),
    (Scope(frozenset("A")), [OF_A, OF_NOBODY]),
    (Scope(frozenset("AB")), [OF_A, OF_B, OF_NOBODY]),
    (Scope(frozenset("Z")), [OF_NOBODY]),
    (NOBODYS, [OF_NOBODY]),
]


@pytest.fixture
def search() -> FakeSearch:
    found = FakeSearch()
    found.put(LATEST, *EVERYTHING)
    found.put(ALERTS, *EVERYTHING)
    found.put(WARDS, {"ward": "A", "patient_ids": ["of-a"]}, {"ward": "B", "patient_ids": ["of-b"]})
    found.put(STAYS, {"patient_id": "of-a", "ward": "A"}, {"patient_id": "of-b", "ward": "B"})
    return found


@pytest.mark.parametrize(("scope", "seen"), CASES)
def test_every_way_to_read_is_within_the_scope(
    search: FakeSearch, scope: Scope | None, seen: list[dict[str, Any]]
) -> None:
    limited = search.scoped(scope) if scope else search
    everything: dict[str, Any] = {"match_all": {}}
    body = {"size": 10, "sort": [{"value": "asc"}]}
    ids = ["of-a", "of-b", "feed", "nowhere", "canary-1"]
    assert limited.page(LATEST, body).documents == seen
    assert limited.page(LATEST, {**body, "query": everything}).documents == seen
    assert [hit["_source"] for hit in limited.hits(LATEST, body, 10)] == seen
    assert limited.pages(LATEST, body, 10) == seen
    answers = limited.ask_each([(LATEST, body), (ALERTS, body)]) + limited.ask_all(LATEST, [body])
    assert [[hit["_source"] for hit in answer["hits"]["hits"]] for answer in answers] == [seen] * 3
    assert limited.count(LATEST, everything) == len(seen)
    counted = {"all": {"filter": everything, "aggs": {"n": {"cardinality": {"field": "value"}}}}}
    assert limited.aggregate(LATEST, counted)["all"]["n"]["value"] == len(seen)
    assert [document for id_ in ids if (document := limited.get(ALERTS, id_))] == seen
    assert list(limited.get_many(ALERTS, ids).values()) == seen
    assert [found[0] for id_ in ids if (found := limited.get_version(ALERTS, id_))] == seen


def test_no_method_of_the_search_is_left_out_of_the_test_above() -> None:
    asking = {name for name in vars(FakeSearch.__base__) if not name.startswith("_")} - {
        "client", "timeout_s", "scope", "within", "scoped", "identities",
    }  # fmt: skip
    assert asking == {
        "ask", "ask_all", "ask_each", "page", "pages", "hits", "count", "aggregate", "get", "get_version", "get_many",
    }  # fmt: skip


def test_access_follows_the_patient_at_once(search: FakeSearch) -> None:
    of_b = search.scoped(Scope(frozenset("B")))
    assert of_b.get(LATEST, "of-a") is None
    search.documents[STAYS][0]["ward"] = "B"
    search.documents[WARDS][1]["patient_ids"].append("of-a")
    assert of_b.get(LATEST, "of-a") == OF_A
    assert OF_A in of_b.page(LATEST, {"size": 10}).documents


def test_another_time_limit_changes_nothing_of_the_scope(search: FakeSearch) -> None:
    assert search.scoped(NOBODYS).within(9).scope == NOBODYS
    assert search.within(9).scoped(NOBODYS).timeout_s == 9


def test_one_ward_of_a_scope_is_never_more_than_the_scope() -> None:
    assert Scope().narrowed("A") == Scope(frozenset("A"))
    assert Scope(frozenset("AB")).narrowed("A") == Scope(frozenset("A"))
    assert Scope(frozenset("B")).narrowed("A") == NOBODYS


def test_where_no_register_was_loaded_nothing_is_shown_and_the_remedy_is_told() -> None:
    meta = ApiResponseMeta(404, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "127.0.0.1", 9))
    error: dict[str, Any] = {"type": "index_not_found_exception", "reason": f"no such index [{WARDS}]"}
    error["root_cause"] = [dict(error)]
    with pytest.raises(SearchUnavailable, match=r"python -m jobs\.wards"), answering():
        raise NotFoundError("index_not_found_exception", meta, {"error": error})
