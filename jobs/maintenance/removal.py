"""Documents page by page in a point in time, and the deletion of those found, by id in bulk.

`_delete_by_query` is not used, since not every Elasticsearch has it. A document that was written again after it had
been found stays: only what was looked at is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from elasticsearch import ApiError, Elasticsearch, TransportError

from conf.errors import UserError
from elastic.client import CONFLICT_STATUS, NOT_FOUND_STATUS

PAGE_SIZE: Final = 1_000
KEEP_ALIVE: Final = "5m"

Query = Mapping[str, Any]


class Found(NamedTuple):
    """A document with its place and the version that was found."""

    index_name: str
    id: str
    seq_no: int
    primary_term: int
    source: Mapping[str, Any]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Tell what Elasticsearch refuses, or that it is away, in one sentence."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise UserError(
            f"Elasticsearch did not do it ({error}). Check BP_ELASTICSEARCH_URL and the account's rights, then start "
            "again; what was done already stays done."
        ) from error


def count(client: Elasticsearch, index: str, query: Query) -> int:
    """Count the documents that match; none if there is no such index."""
    return int(client.count(index=index, query=query, ignore_unavailable=True)["count"])


def find(
    client: Elasticsearch,
    index: str,
    query: Query,
    fields: Sequence[str] = (),
    page_size: int = PAGE_SIZE,
    sort: Sequence[str] = ("_shard_doc",),
) -> Iterator[list[Found]]:
    """Yield pages of the documents that match now, with these fields; those written later are not among them."""
    point = client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE, ignore_unavailable=True)["id"]
    body: dict[str, Any] = {"query": query, "size": page_size, "sort": list(sort), "track_total_hits": False}
    try:
        while True:
            answer = client.search(
                **body,
                pit={"id": point, "keep_alive": KEEP_ALIVE},
                source_includes=list(fields),
                source=bool(fields),
                seq_no_primary_term=True,
                allow_partial_search_results=False,  # a shard that is away must not look like fewer documents
            )
            hits = answer["hits"]["hits"]
            if not hits:
                return
            yield [
                Found(hit["_index"], hit["_id"], hit["_seq_no"], hit["_primary_term"], hit.get("_source", {}))
                for hit in hits
            ]
            point, body["search_after"] = answer["pit_id"], hits[-1]["sort"]
    finally:
        client.options(ignore_status=404).close_point_in_time(id=point)


def remove(client: Elasticsearch, documents: Sequence[Found]) -> int:
    """Delete documents as they were found; return how many. Those written again since, or gone, do not count."""
    if not documents:
        return 0
    deletions = [
        {"delete": {"_index": place, "_id": id_, "if_seq_no": seq_no, "if_primary_term": primary_term}}
        for place, id_, seq_no, primary_term, _ in documents
    ]
    answers = [item["delete"] for item in client.bulk(operations=deletions)["items"]]
    for answer in answers:
        if answer["status"] >= 300 and answer["status"] not in (CONFLICT_STATUS, NOT_FOUND_STATUS):
            raise UserError(
                f"Elasticsearch refused to remove documents of {answer['_index']} (status {answer['status']}: "
                f"{answer['error']['reason']}). Check the account's rights, then start again."
            )
    return sum(answer["status"] < 300 for answer in answers)
