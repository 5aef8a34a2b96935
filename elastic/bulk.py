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
RESPONSE_FIELDS: Final = "items.*.status,items.*.error.reason,items.*.error.type"
BAD_REQUEST_STATUS: Final = 400
OF_AN_INDEX: Final = frozenset(  # kinds of errors that any document of the index would meet; a full disk answers 429
    {
        "cluster_block_exception",
        "index_closed_exception",
        "index_not_found_exception",
        "invalid_index_name_exception",
        "validation_exception",  # no more shards are allowed, so that a new month cannot begin
    }
)


class DocumentRefusedError(UserError):
    """Elasticsearch refused one document for good; writing on would lose it."""


class Operation(NamedTuple):
    """One line pair of a bulk request; `body` is JSON, empty for a deletion.

    With `seen`, the number and term of the version that was read, it takes effect only while that one stands.
    """

    action: Literal["index", "create", "delete"]
    index_name: str
    id: str
    body: bytes = b""
    seen: tuple[int, int] | None = None

    def lines(self) -> tuple[bytes, bytes | None]:
        """Return the operation as the lines of a bulk request."""
        place: dict[str, Any] = {"_index": self.index_name, "_id": self.id}
        if self.seen:
            place |= {"if_seq_no": self.seen[0], "if_primary_term": self.seen[1]}
        return msgspec.json.encode({self.action: place}), self.body or None


class Refusal(NamedTuple):
    """What Elasticsearch will not take as things stand: one document, or, `of_index`, whatever is for its index."""

    index_name: str
    id: str
    of_index: bool
    why: str

    def error(self) -> DocumentRefusedError:
        """Return what to raise where nothing else can be done."""
        return DocumentRefusedError(
            f"Elasticsearch refused document {self.id} of {self.index_name} ({self.why}). "
            "Mend the index template or the account's rights, then start again; nothing was lost."
        )


def write(
    client: Elasticsearch, operations: Sequence[Operation], pause: Callable[[float], None] = time.sleep
) -> list[bool]:
    """Write all operations; tell of each whether it took effect.

    False: a `create` met an existing document, or what was `seen` no longer stands.

    Raises `SinkUnavailableError` when Elasticsearch stays away, `DocumentRefusedError` for a document it cannot take.
    """
    effects: list[bool] = []
    for effect in try_write(client, operations, pause):
        if isinstance(effect, Refusal):
            raise effect.error()
        effects.append(effect)
    return effects


def try_write(
    client: Elasticsearch, operations: Sequence[Operation], pause: Callable[[float], None] = time.sleep
) -> list[bool | Refusal]:
    """Write all operations as `write` does, but answer what concerns one document, or one index, by its `Refusal`.

    What would befall any other as well, such as a missing right, still raises `DocumentRefusedError`.
    """
    effects: dict[int, bool | Refusal] = {}
    lines = [operation.lines() for operation in operations]  # out here: what cannot be told as JSON is no answer

    def send_open() -> None:
        places = [place for place in range(len(operations)) if place not in effects]
        answers = _send(client, [operations[place] for place in places], [lines[place] for place in places])
        for place, answer in zip(places, answers, strict=True):
            if answer["status"] not in RETRIED_STATUS:
                effects[place] = _effect(operations[place], answer)
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


def _send(
    client: Elasticsearch, operations: Sequence[Operation], lines: Sequence[tuple[bytes, bytes | None]]
) -> Iterator[dict[str, Any]]:
    """Yield the answer to each operation in order; raise `DocumentRefusedError` for a request refused for good."""
    answers = streaming_bulk(
        client,
        cast(Any, lines),
        MAX_OPERATIONS,
        MAX_REQUEST_BYTES,
        expand_action_callback=cast(Any, tuple),
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
        raise _refusal(operations[answered], error.status_code, {"reason": str(error)}).error() from error


def _effect(operation: Operation, answer: dict[str, Any]) -> bool | Refusal:
    """Tell whether the operation did what it says, or why not; raise `DocumentRefusedError` where none would."""
    status = answer["status"]
    if status < 300 or (operation.action == "delete" and status == NOT_FOUND_STATUS):
        return True
    if (operation.action == "create" or operation.seen) and status == CONFLICT_STATUS:
        return False
    refusal = _refusal(operation, status, answer.get("error", {}))
    if refusal.of_index or status == BAD_REQUEST_STATUS:
        return refusal
    raise refusal.error()


def _refusal(operation: Operation, status: int, error: dict[str, str]) -> Refusal:
    why = f"status {status}: {error.get('reason', 'no reason given')}"
    return Refusal(operation.index_name, operation.id, error.get("type") in OF_AN_INDEX, why)


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
    """Ask once; a document whose shard is away is a fault, one whose index does not exist or is closed is absent."""
    answers = client.mget(docs=docs)["docs"]
    for answer in answers:
        if "error" in answer and answer["error"]["type"] not in OF_AN_INDEX:
            raise TransportError(answer["error"].get("reason", answer["error"]["type"]))
    return {answer["_id"]: answer["_source"] for answer in answers if answer.get("found")}
