"""Bulk writes to Elasticsearch with the official helper, retried with back-off, and answered document by document.

`streaming_bulk` bounds the requests in count and bytes and answers in order. Trying again stands here, because the
helper's own does not catch a connection that is lost, and mixes up the order of the answers. Each write is repeatable,
because ids are made of content (see `elastic.names`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
from elasticsearch import ApiError, AuthenticationException, Elasticsearch, TransportError
from elasticsearch.helpers import streaming_bulk

from conf.errors import UserError
from elastic.client import CONFLICT_STATUS, NOT_FOUND_STATUS, RETRIED_STATUS, is_passing, no_answer, with_retries

MAX_OPERATIONS: Final = 2_500  # per request; measured: 1,000 to 5,000 differ by less than the noise
MAX_REQUEST_BYTES: Final = 4_000_000
RESPONSE_FIELDS: Final = "items.*.status,items.*.error.reason"


class DocumentRefusedError(UserError):
    """Elasticsearch refused one document for good; writing on would lose it."""


class Operation(NamedTuple):
    """One line pair of a bulk request; `body` is JSON, empty for a deletion."""

    action: Literal["index", "create", "delete"]
    index_name: str
    id: str
    body: bytes = b""

    def lines(self) -> tuple[bytes, bytes | None]:
        """Return the operation as the lines of a bulk request."""
        return msgspec.json.encode({self.action: {"_index": self.index_name, "_id": self.id}}), self.body or None


def write(
    client: Elasticsearch, operations: Sequence[Operation], pause: Callable[[float], None] = time.sleep
) -> list[bool]:
    """Write all operations; tell of each whether it took effect (False: a `create` met an existing document).

    Raises `SinkUnavailableError` when Elasticsearch stays away, `DocumentRefusedError` for a document it cannot take.
    """
    effects: dict[int, bool] = {}

    def send_open() -> None:
        places = [place for place in range(len(operations)) if place not in effects]
        answers = _send(client, [operations[place] for place in places])
        for place, answer in zip(places, answers, strict=True):
            if answer["status"] not in RETRIED_STATUS:
                effects[place] = _took_effect(operations[place], answer)
        if len(effects) < len(operations):
            raise TransportError("documents are put off")

    def tell(error: Exception) -> str:
        if isinstance(error, AuthenticationException):
            return no_answer(error)
        return (
            f"Elasticsearch takes no writes ({len(operations) - len(effects)} documents open after all retries). "
            "Start it again, or free disk space if it is full; the job goes on from where it stopped."
        )

    with_retries(send_open, pause, tell)
    return [effects[place] for place in range(len(operations))]


def _send(client: Elasticsearch, operations: Sequence[Operation]) -> Iterator[dict[str, Any]]:
    """Yield the answer to each operation in order; raise `DocumentRefusedError` for a request refused for good."""
    answers = streaming_bulk(
        client,
        cast(Any, operations),
        MAX_OPERATIONS,
        MAX_REQUEST_BYTES,
        expand_action_callback=cast(Any, Operation.lines),
        raise_on_error=False,
        filter_path=RESPONSE_FIELDS,
    )
    answered = 0
    try:
        for _, item in answers:
            yield from item.values()
            answered += 1
    except ApiError as error:
        if is_passing(error):
            raise
        raise _refused(operations[answered], error.status_code, str(error)) from error


def _took_effect(operation: Operation, answer: dict[str, Any]) -> bool:
    """Tell whether the operation did what it says; raise `DocumentRefusedError` where nothing will change that."""
    status = answer["status"]
    if status < 300 or (operation.action == "delete" and status == NOT_FOUND_STATUS):
        return True
    if operation.action == "create" and status == CONFLICT_STATUS:
        return False
    raise _refused(operation, status, answer.get("error", {}).get("reason", "no reason given"))


def _refused(operation: Operation, status: int, reason: str) -> DocumentRefusedError:
    return DocumentRefusedError(
        f"Elasticsearch refused document {operation.id} of {operation.index_name} (status {status}: {reason}). "
        "Mend the index template or the account's rights, then start again; nothing was lost."
    )


def fetch(
    client: Elasticsearch, keys: Iterable[tuple[str, str]], pause: Callable[[float], None] = time.sleep
) -> dict[str, dict[str, Any]]:
    """Read documents by (index, id), in real time; answer those that exist as id -> source."""
    docs = [{"_index": index, "_id": id_} for index, id_ in keys]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(docs), MAX_OPERATIONS):
        found.update(with_retries(partial(_fetch_chunk, client, docs[start : start + MAX_OPERATIONS]), pause))
    return found


def _fetch_chunk(client: Elasticsearch, docs: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Ask once; a document whose shard is away is a fault, one whose index does not exist is absent."""
    answers = client.mget(docs=docs)["docs"]
    for answer in answers:
        if "error" in answer and answer["error"]["type"] != "index_not_found_exception":
            raise TransportError(answer["error"].get("reason", answer["error"]["type"]))
    return {answer["_id"]: answer["_source"] for answer in answers if answer.get("found")}
