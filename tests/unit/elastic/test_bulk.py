"""Bulk writes against an Elasticsearch that is slow, away, or picky."""

from __future__ import annotations

import json
import socket

import pytest
from elasticsearch import Elasticsearch

from conf.errors import OutsideError
from conf.settings import Settings
from elastic import bulk
from elastic import client as elastic_client
from elastic.bulk import DocumentRefusedError, Operation, Refusal, fetch, try_write, write
from elastic.client import SinkUnavailableError, connect
from tests.support.fake_elasticsearch import FakeElasticsearch

INDEX = "anything"


def index(id_: str, action: str = "index", **fields: object) -> Operation:
    return Operation("create" if action == "create" else "index", INDEX, id_, json.dumps({"id": id_} | fields).encode())


def test_operations_are_done_in_order_and_each_is_answered(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    done = write(client, [index("a"), index("b", "create"), index("a", n=2), Operation("delete", INDEX, "b")])
    assert done == [True] * 4
    assert fake.documents == {(INDEX, "a"): {"id": "a", "n": 2}}


def test_create_that_meets_a_document_is_an_answer_and_not_a_fault(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    write(client, [index("a", n=1)])
    assert write(client, [index("a", "create", n=2), index("b", "create")]) == [False, True]
    assert fake.documents[INDEX, "a"]["n"] == 1


def test_deleting_what_is_not_there_is_done(client: Elasticsearch) -> None:
    assert write(client, [Operation("delete", INDEX, "a")]) == [True]


def test_writing_nothing_asks_nothing(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    assert write(client, []) == []
    assert not fake.requests


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_only_the_items_that_were_put_off_are_sent_again(
    fake: FakeElasticsearch, client: Elasticsearch, status: int
) -> None:
    fake.item_faults = {"b": [status, status], "d": [status]}
    pauses: list[float] = []
    assert write(client, [index(id_) for id_ in "abcd"], pauses.append) == [True] * 4
    assert fake.bulk_ids == [["a", "b", "c", "d"], ["b", "d"], ["b"]]
    assert len(pauses) == 2


def test_what_was_answered_in_any_request_is_not_sent_again(
    fake: FakeElasticsearch, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_OPERATIONS", 2)
    fake.item_faults = {"a": [429], "d": [429]}
    assert write(client, [index(id_, "create") for id_ in "abcde"]) == [True] * 5
    assert fake.bulk_ids == [["a", "b"], ["c", "d"], ["e"], ["a", "d"]]


def test_answers_stay_with_their_operations_when_some_are_put_off(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    write(client, [index("b"), index("c")])
    fake.item_faults = {"a": [429], "b": [429]}
    assert write(client, [index(id_, "create") for id_ in "abcd"]) == [True, False, False, True]


@pytest.mark.parametrize("status", [401, 429, 503])
def test_request_that_is_put_off_as_a_whole_is_sent_again(
    fake: FakeElasticsearch, client: Elasticsearch, status: int
) -> None:
    fake.request_faults = [status, status]
    assert write(client, [index("a")]) == [True]
    assert fake.requests["_bulk"] == 3


def test_dropped_connection_is_asked_again(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.unanswered = 2
    assert write(client, [index("a"), index("b")]) == [True, True]
    assert set(fake.documents) == {(INDEX, "a"), (INDEX, "b")}


def test_create_whose_answer_was_lost_is_met_at_the_second_attempt(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    """The caller sees a conflict with its own document, and must know it again."""
    fake.answers_lost = 1
    assert write(client, [index("a", "create")]) == [False]
    assert fake.documents == {(INDEX, "a"): {"id": "a"}}


def test_back_off_grows_and_ends_in_an_error_that_counts_what_is_open(
    fake: FakeElasticsearch, settings: Settings
) -> None:
    fake.item_faults = {"b": [429] * 100}
    pauses: list[float] = []
    with pytest.raises(SinkUnavailableError, match=r"1 documents open .* Start it again") as caught:
        write(connect(settings), [index("a"), index("b")], pauses.append)
    assert tuple(pauses) == elastic_client.RETRY_WAITS_S
    assert sorted(pauses) == pauses
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_document_that_is_refused_for_good_is_named(
    fake: FakeElasticsearch, client: Elasticsearch, status: int
) -> None:
    fake.item_faults = {"b": [status]}
    with pytest.raises(DocumentRefusedError, match=rf"document b of {INDEX} \(status {status}: a fault of the test"):
        write(client, [index("a"), index("b")])
    assert fake.requests["_bulk"] == 1


def test_request_that_is_refused_for_good_is_not_repeated(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.request_faults = [403]
    with pytest.raises(DocumentRefusedError, match="status 403"):
        write(client, [index("a")])
    assert fake.requests["_bulk"] == 1


def test_elasticsearch_that_has_not_found_its_accounts_yet_is_asked_again(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.request_faults = [401] * 3
    assert write(client, [index("a"), index("b")]) == [True, True]
    fake.request_faults = [401] * 3
    assert set(fetch(client, [(INDEX, "a"), (INDEX, "b")])) == {"a", "b"}
    assert (fake.requests["_bulk"], fake.requests["_mget"]) == (4, 4)


def test_account_that_is_refused_for_good_is_told_as_such_and_not_as_a_document(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.request_faults = [401] * 100
    for ask in (lambda: write(client, [index("p-1|17")]), lambda: fetch(client, [(INDEX, "p-1|17")])):
        with pytest.raises(
            SinkUnavailableError, match=r"does not take this account .* BP_ELASTICSEARCH_USER"
        ) as caught:
            ask()
        assert "p-1" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_request_is_bounded_in_count(
    fake: FakeElasticsearch, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_OPERATIONS", 2)
    assert write(client, [index(id_) for id_ in "abcde"]) == [True] * 5
    assert fake.bulk_ids == [["a", "b"], ["c", "d"], ["e"]]


def test_a_request_is_bounded_in_bytes_but_takes_one_document_of_any_size(
    fake: FakeElasticsearch, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_REQUEST_BYTES", 120)  # two small operations with their headers
    large = {"text": "x" * 500}
    assert write(client, [index("a", **large), index("b"), index("c"), index("d", **large), index("e")]) == [True] * 5
    assert fake.bulk_ids == [["a"], ["b", "c"], ["d"], ["e"]]


def test_ids_that_need_escapes_are_written_and_read_back(client: Elasticsearch) -> None:
    names = ['quote " and \\', "line\nbreak", "Zoë|🩺"]
    write(client, [index(name) for name in names])
    assert set(fetch(client, [(INDEX, name) for name in names])) == set(names)


def test_fetch_answers_only_what_exists(client: Elasticsearch) -> None:
    write(client, [index("a", n=1)])
    assert fetch(client, [(INDEX, "a"), (INDEX, "b"), ("no-such-index", "a")]) == {"a": {"id": "a", "n": 1}}


def test_fetching_nothing_asks_nothing(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    assert fetch(client, []) == {}
    assert not fake.requests


def test_fetch_asks_in_bounded_requests(
    fake: FakeElasticsearch, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_OPERATIONS", 2)
    write(client, [index(id_) for id_ in "abc"])
    assert set(fetch(client, [(INDEX, id_) for id_ in "abc"])) == set("abc")
    assert fake.requests["_mget"] == 2


def test_document_whose_shard_is_away_is_never_taken_for_absent(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    write(client, [index("a")])
    fake.mget_faults = 2
    assert set(fetch(client, [(INDEX, "a")])) == {"a"}
    fake.mget_faults = 100
    with pytest.raises(SinkUnavailableError, match="does not answer"):
        fetch(client, [(INDEX, "a")])


def test_elasticsearch_that_is_not_there_is_an_error_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_client, "RETRY_WAITS_S", (0, 0))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        away = connect(Settings(elasticsearch_url=f"http://127.0.0.1:{free.getsockname()[1]}"))
        with pytest.raises(SinkUnavailableError, match="Elasticsearch takes no writes"):
            write(away, [index("a")])
        with pytest.raises(SinkUnavailableError, match="Elasticsearch does not answer"):
            fetch(away, [(INDEX, "a")])


@pytest.mark.parametrize(
    ("refusal", "of_index"),
    [
        ((400, "document_parsing_exception"), False),
        ((400, "strict_dynamic_mapping_exception"), False),
        ((403, "cluster_block_exception"), True),
        ((400, "index_closed_exception"), True),
        ((404, "index_not_found_exception"), True),
    ],
)
def test_refusals_of_a_document_and_of_its_index_are_told_apart_and_stop_no_other(
    fake: FakeElasticsearch, client: Elasticsearch, refusal: tuple[int, str], of_index: bool
) -> None:
    fake.refusing = {"other": refusal}
    first, refused, last = try_write(client, [index("a"), Operation("index", "other", "b", b"{}"), index("c")])
    assert (first, last) == (True, True)
    assert isinstance(refused, Refusal)
    assert (refused.index_name, refused.id, refused.of_index) == ("other", "b", of_index)


def test_a_full_disk_is_waited_for(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.refusing = {INDEX: (429, "cluster_block_exception")}
    with pytest.raises(SinkUnavailableError, match="free disk space"):
        try_write(client, [index("a")])


def test_a_missing_right_concerns_all_documents(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.refusing = {INDEX: (403, "security_exception")}
    with pytest.raises(DocumentRefusedError, match="rights"):
        try_write(client, [index("a")])


def test_an_answer_that_nobody_foresaw_is_no_document_s_fault(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.refusing = {INDEX: (429, "cluster_block_exception")}

    def pause(_: float) -> None:
        raise KeyError("planted")

    with pytest.raises(OutsideError, match="KeyError"):
        try_write(client, [index("a")], pause)


def test_an_id_that_is_no_text_is_its_document_s_fault(client: Elasticsearch) -> None:
    with pytest.raises(UnicodeEncodeError):
        try_write(client, [index("\ud800")])
