"""Bulk writes to Elasticsearch: batched, retried with back-off, and answered document by document.

The official client does the talking. What is here is what its helpers lack: the outcome of every single document (a
`create` that meets an existing document is an answer, not a fault), and a bound on both count and bytes of a request.
Each write is repeatable, because ids are made of content (see `elastic.names`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
from elasticsearch import ApiError, AuthenticationException, Elasticsearch, TransportError

from conf.errors import UserError
from conf.settings import Settings

MAX_OPERATIONS: Final = 2_500  # per request; measured: 1,000 to 5,000 differ by less than the noise
MAX_REQUEST_BYTES: Final = 4_000_000
REQUEST_TIMEOUT_S: Final = 60
RETRY_WAITS_S: Final = (0.5, 1, 2, 4, 8, 8, 8)  # half a minute; a longer outage is for the query's own restart
REFUSED_ACCOUNT_STATUS: Final = 401  # also what a node answers while it starts and has not found its accounts yet
UNAVAILABLE_STATUS: Final = 503
RETRIED_STATUS: Final = frozenset({REFUSED_ACCOUNT_STATUS, 429, 502, UNAVAILABLE_STATUS, 504})
CONFLICT_STATUS: Final = 409
NOT_FOUND_STATUS: Final = 404
RESPONSE_FIELDS: Final = "items.*.status,items.*.error.reason"


class SinkUnavailableError(UserError):
    """Elasticsearch did not take a write, however often it was asked."""


class DocumentRefusedError(UserError):
    """Elasticsearch refused one document for good; writing on would lose it."""


class Operation(NamedTuple):
    """One line pair of a bulk request; `body` is JSON, empty for a deletion."""

    action: Literal["index", "create", "delete"]
    index_name: str
    id: str
    body: bytes = b""

    def lines(self) -> list[bytes]:
        """The operation as the lines of a bulk request."""
        header = msgspec.json.encode({self.action: {"_index": self.index_name, "_id": self.id}})
        return [header, self.body] if self.body else [header]


@lru_cache(maxsize=4)
def connect(settings: Settings) -> Elasticsearch:
    """Open the client of these settings, once per process."""
    secrets = settings.elasticsearch_api_key, settings.elasticsearch_password
    api_key, password = (secret.get_secret_value() if secret else None for secret in secrets)
    basic_auth = (settings.elasticsearch_user, password or "") if settings.elasticsearch_user else None
    tls: dict[str, Any] = {"ca_certs": str(settings.elasticsearch_ca)} if settings.elasticsearch_ca else {}
    return Elasticsearch(
        settings.elasticsearch_url,
        api_key=api_key,
        basic_auth=basic_auth,
        request_timeout=REQUEST_TIMEOUT_S,
        max_retries=0,
        **tls,
    )


def no_answer(error: Exception) -> str:
    """What to tell people when Elasticsearch cannot be reached, or does not take the account."""
    if isinstance(error, AuthenticationException):
        return refused_account(str(error))
    return f"Elasticsearch does not answer ({error}). Start it, or set BP_ELASTICSEARCH_URL to its address."


def refused_account(reason: str) -> str:
    """What to tell people when Elasticsearch does not take the account."""
    return (
        f"Elasticsearch does not take this account ({reason}). Check BP_ELASTICSEARCH_USER and "
        "BP_ELASTICSEARCH_PASSWORD, or BP_ELASTICSEARCH_API_KEY."
    )


def write(
    client: Elasticsearch, operations: Sequence[Operation], pause: Callable[[float], None] = time.sleep
) -> list[bool]:
    """Write all operations; tell of each whether it took effect (False: a `create` met an existing document).

    Raises `SinkUnavailableError` when Elasticsearch stays away, `DocumentRefusedError` for a document it cannot take.
    """
    return [done for chunk in _chunks(operations) for done in _write_chunk(client, chunk, pause)]


def _chunks(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    start, size = 0, 0
    for position, operation in enumerate(operations):
        if position > start and (position - start >= MAX_OPERATIONS or size + len(operation.body) > MAX_REQUEST_BYTES):
            yield operations[start:position]
            start, size = position, 0
        size += len(operation.body)
    if operations:
        yield operations[start:]


def _write_chunk(client: Elasticsearch, chunk: Sequence[Operation], pause: Callable[[float], None]) -> list[bool]:
    """Write one request's worth, sending again only what was answered with a retried status."""
    results: dict[int, bool] = {}
    open_positions = list(range(len(chunk)))
    for wait_s in (*RETRY_WAITS_S, None):
        answers = _send(client, [chunk[position] for position in open_positions])
        for position, answer in zip(open_positions, answers, strict=True):
            if answer["status"] not in RETRIED_STATUS:
                results[position] = _outcome(chunk[position], answer)
        open_positions = [position for position in open_positions if position not in results]
        if not open_positions:
            return [results[position] for position in range(len(chunk))]
        if wait_s is not None:
            pause(wait_s)
    if answers[-1]["status"] == REFUSED_ACCOUNT_STATUS:  # a request is refused so as a whole, never one document
        raise SinkUnavailableError(refused_account(answers[-1]["error"]["reason"]))
    raise SinkUnavailableError(
        f"Elasticsearch takes no writes ({len(open_positions)} documents open after {len(RETRY_WAITS_S)} retries). "
        "Start it again, or free disk space if it is full; the job goes on from where it stopped."
    )


def _send(client: Elasticsearch, operations: Sequence[Operation]) -> list[dict[str, Any]]:
    """Ask once; a request that failed as a whole answers with its status for every operation."""
    lines = [line for operation in operations for line in operation.lines()]
    try:
        response = client.bulk(operations=cast(Any, lines), filter_path=RESPONSE_FIELDS)
    except ApiError as error:
        return _same_answer(operations, error.status_code, str(error))
    except TransportError as error:
        return _same_answer(operations, UNAVAILABLE_STATUS, str(error))
    return [answer for item in response["items"] for answer in item.values()]


def _same_answer(operations: Sequence[Operation], status: int, reason: str) -> list[dict[str, Any]]:
    return [{"status": status, "error": {"reason": reason}}] * len(operations)


def _outcome(operation: Operation, answer: dict[str, Any]) -> bool:
    status = answer["status"]
    if status < 300 or (operation.action == "delete" and status == NOT_FOUND_STATUS):
        return True
    if operation.action == "create" and status == CONFLICT_STATUS:
        return False
    reason = answer.get("error", {}).get("reason", "no reason given")
    raise DocumentRefusedError(
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
        chunk = docs[start : start + MAX_OPERATIONS]
        found.update(with_retries(partial(_fetch_chunk, client, chunk), pause))
    return found


def _fetch_chunk(client: Elasticsearch, docs: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """One request's worth; a document whose shard is away is a fault, one whose index does not exist is absent."""
    answers = client.mget(docs=docs)["docs"]
    for answer in answers:
        if "error" in answer and answer["error"]["type"] != "index_not_found_exception":
            raise TransportError(answer["error"].get("reason", answer["error"]["type"]))
    return {answer["_id"]: answer["_source"] for answer in answers if answer.get("found")}


def with_retries(ask: Callable[[], Any], pause: Callable[[float], None] = time.sleep) -> Any:
    """Ask Elasticsearch, again after a pause while it is away or starts; raise `SinkUnavailableError` if that lasts."""
    for wait_s in RETRY_WAITS_S:
        try:
            return ask()
        except ApiError as error:
            if error.status_code not in RETRIED_STATUS:
                raise
        except TransportError:
            pass
        pause(wait_s)
    try:
        return ask()
    except (ApiError, TransportError) as error:
        raise SinkUnavailableError(no_answer(error)) from error
