"""The door to Elasticsearch: the client, patience while it is away, and the searches of the site, in full or failed.

What fails is told in one sentence with its remedy, here and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from elastic_transport import ObjectApiResponse
from elasticsearch import ApiError, AuthenticationException, Elasticsearch, TransportError
from elasticsearch.serializer import JsonSerializer

from conf.errors import OutsideError, UserError
from conf.retry import retry
from conf.settings import Settings
from elastic.names import STAYS, WARDS
from elastic.scope import Scope

REQUEST_TIMEOUT_S: Final = 60  # of the jobs and tools
RETRY_WAITS_S: Final = (0.5, 1, 2, 4, 8, 8, 8)  # half a minute; a longer outage is for the query's own restart
REFUSED_ACCOUNT_STATUS: Final = 401  # also what a node answers while it starts and has not found its accounts yet
RETRIED_STATUS: Final = frozenset({REFUSED_ACCOUNT_STATUS, 429, 502, 503, 504})
CONFLICT_STATUS: Final = 409
NOT_FOUND_STATUS: Final = 404
NO_INDEX: Final = "index_not_found_exception"
NO_WARDS: Final = "It is not known who lies in which ward. Load the register: python -m jobs.wards."

TIMEOUT_S: Final = 5.0  # of the site: somebody waits
MOST_DOCUMENTS: Final = 10_000  # of one answer; Elasticsearch's own limit
SHARD_AWAY_STATUS: Final = 503
SHARD_WAITS_S: Final = (0.05, 0.1, 0.2, 0.4)  # the shard of an index that was made this moment starts within these

T = TypeVar("T")
Document = dict[str, Any]
Query = dict[str, Any]
After = Sequence[Any]


class SinkUnavailableError(UserError):
    """Elasticsearch did not do its part of a job, however often it was asked."""


class SearchUnavailable(UserError):  # noqa: N818 - the state of the store, as pages and the API name it
    """Elasticsearch did not answer the site, not in time, or not in full."""


class ShardAway(SearchUnavailable):
    """A shard takes no searches: for a moment after its index was made, or because its node is away."""


@lru_cache(maxsize=4)
def connect(settings: Settings, serializer: JsonSerializer | None = None) -> Elasticsearch:
    """Open the client of these settings, once per process; `serializer` reads and writes its JSON in its own way."""
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
        serializer=serializer,
        **tls,
    )


def no_answer(error: Exception) -> str:
    """Return what to tell people when Elasticsearch cannot be reached, or does not take the account."""
    if isinstance(error, AuthenticationException):
        return (
            f"Elasticsearch does not take this account ({error}). Check BP_ELASTICSEARCH_USER and "
            "BP_ELASTICSEARCH_PASSWORD, or BP_ELASTICSEARCH_API_KEY."
        )
    return f"Elasticsearch does not answer ({error}). Start it, or set BP_ELASTICSEARCH_URL to its address."


def is_passing(error: Exception) -> bool:
    """Tell whether the same request may succeed a little later."""
    return error.status_code in RETRIED_STATUS if isinstance(error, ApiError) else isinstance(error, TransportError)


def with_retries(
    ask: Callable[[], T], pause: Callable[[float], None] = time.sleep, tell: Callable[[Exception], str] = no_answer
) -> T:
    """Return what Elasticsearch answers, asked again after a pause while it is away or starts.

    Raises `SinkUnavailableError` with what `tell` says if that lasts; any other refusal as it came; an answer that
    nobody foresaw as `OutsideError`.
    """
    try:
        return retry(ask, RETRY_WAITS_S, is_passing, pause)
    except (ApiError, TransportError) as error:
        if not is_passing(error):
            raise
        raise SinkUnavailableError(tell(error)) from error
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        raise OutsideError(f"{type(error).__name__}: {error}") from error


def refresh(client: Elasticsearch, index: str) -> None:
    """Make what has been written to an index visible to a search; one that does not exist yet holds nothing."""
    with_retries(lambda: client.indices.refresh(index=index, ignore_unavailable=True, allow_no_indices=True))


def newest_hits(
    client: Elasticsearch, index: str, query: Mapping[str, Any], most: int, by: str = "@timestamp", **more: Any
) -> ObjectApiResponse[Any]:
    """Return the answer to a search for the newest documents by a date field; `more` goes to the search."""
    newest_first = [{by: {"order": "desc", "unmapped_type": "date"}}]
    return with_retries(
        lambda: client.search(index=index, query=query, size=most, sort=newest_first, ignore_unavailable=True, **more)
    )


@contextmanager
def answering() -> Iterator[None]:
    """Raise `SearchUnavailable` for whatever goes wrong between the client and Elasticsearch."""
    try:
        yield
    except (ApiError, TransportError) as error:
        is_away = isinstance(error, ApiError) and error.status_code == SHARD_AWAY_STATUS
        is_about_wards = isinstance(error, ApiError) and WARDS in str(error) and error.message == NO_INDEX
        told = NO_WARDS if is_about_wards else no_answer(error)
        raise (ShardAway if is_away else SearchUnavailable)(told) from error


def patiently(ask: Callable[[], T]) -> T:
    """Return what a search answers, asked again for less than a second while a shard takes none."""
    return retry(ask, SHARD_WAITS_S, lambda error: isinstance(error, ShardAway))


class Page(NamedTuple):
    """Documents in order, what to pass as `after` for the next ones (None at the end), and how many match in all."""

    documents: list[Document]
    after: list[Any] | None = None
    total: int = 0


def read_page(answer: Document, size: int) -> Page:
    """Return the documents of an answer to a search for `size` of them."""
    hits = answer["hits"]["hits"]
    after = hits[-1].get("sort") if hits and len(hits) == size else None
    return Page([hit["_source"] for hit in hits], after, answer["hits"].get("total", {}).get("value", 0))


@dataclass(frozen=True)
class Search:
    """Elasticsearch as the site uses it; share one among all threads. Each method may raise `SearchUnavailable`.

    With a scope, whatever is read is within it; what is not there and what may not be seen are the same.
    """

    client: Elasticsearch
    timeout_s: float = TIMEOUT_S
    scope: Scope | None = None

    def within(self, timeout_s: float) -> Search:
        """Return the same door with another time limit."""
        return Search(self.client, timeout_s, self.scope)

    def scoped(self, scope: Scope) -> Search:
        """Return the same door for a reader who may see this much."""
        return Search(self.client, self.timeout_s, scope)

    def ask(self, index: str, body: Query) -> Document:
        """Send one search; an index that does not exist yet holds nothing."""
        answer = patiently(lambda: self._ask(index, body))
        if answer.get("timed_out"):
            raise SearchUnavailable("Elasticsearch did not finish a search in time. Try again in a moment.")
        return dict(answer)

    def _ask(self, index: str, body: Query) -> ObjectApiResponse[Any]:
        with answering():
            return self.client.options(request_timeout=self.timeout_s).search(
                index=index,
                body=self._limited(body),
                ignore_unavailable=True,
                allow_partial_search_results=False,  # a shard that is away must not look like fewer patients
            )

    def ask_all(self, index: str, bodies: Sequence[Query]) -> list[Document]:
        """Send several searches of one index at once; see `ask`."""
        return self.ask_each([(index, body) for body in bodies])

    def ask_each(self, searches: Sequence[tuple[str, Query]]) -> list[Document]:
        """Send several searches at once, each with its index; see `ask`."""
        header = {"ignore_unavailable": True, "allow_partial_search_results": False}
        lines = [line for index, body in searches for line in ({"index": index, **header}, self._limited(body))]
        return patiently(lambda: self._ask_each(lines))

    def _ask_each(self, lines: Sequence[Query]) -> list[Document]:
        with answering():
            answers = self.client.options(request_timeout=self.timeout_s).msearch(searches=lines)["responses"]
        faults = [answer["error"].get("reason") for answer in answers if "error" in answer]
        if faults or any(answer.get("timed_out") for answer in answers):
            is_away = any(answer.get("status") == SHARD_AWAY_STATUS for answer in answers)
            told = f"Elasticsearch could not answer a search ({faults}). Try again in a moment."
            raise (ShardAway if is_away else SearchUnavailable)(told)
        return list(answers)

    def page(self, index: str, body: Query) -> Page:
        """Send one search for documents; `body` has a size and a sort."""
        return read_page(self.ask(index, body), body["size"])

    def pages(self, index: str, body: Query, most: int) -> list[Document]:
        """Return all documents up to `most`, asked for page after page; `body` has a sort that is unique."""
        return [hit["_source"] for hit in self.hits(index, body, most)]

    def hits(self, index: str, body: Query, most: int) -> list[Document]:
        """Return all documents as `pages` does, with what Elasticsearch says of each besides."""
        found: list[Document] = []
        position: Query = {}
        while len(found) < most:
            size = min(most - len(found), MOST_DOCUMENTS)
            page: list[Document] = self.ask(index, {**body, "size": size, **position})["hits"]["hits"]
            found += page
            if len(page) < size:
                break
            position = {"search_after": page[-1]["sort"]}
        return found

    def count(self, index: str, query: Query) -> int:
        """Return how many documents match."""
        body = {"size": 0, "query": query, "track_total_hits": True}
        number: int = self.ask(index, body)["hits"]["total"]["value"]
        return number

    def aggregate(self, index: str, aggregations: Query, query: Query | None = None) -> Document:
        """Return the aggregations of one search, {} where there is no index yet."""
        body = {"size": 0, "track_total_hits": False, "query": query or {"match_all": {}}, "aggs": aggregations}
        found: Document = self.ask(index, body).get("aggregations", {})
        return found

    def identities(self, index: str) -> dict[str, str]:
        """Return by name what tells each of these indices from a later one of the same name."""
        with answering():
            client = self.client.options(request_timeout=self.timeout_s)
            found = client.indices.get_settings(index=index, name="index.uuid", ignore_unavailable=True)
        return {name: settings["settings"]["index"]["uuid"] for name, settings in found.items()}

    def get(self, index: str, id_: str) -> Document | None:
        """Return one document by its id, as it is now and not as of the last refresh."""
        found = self.get_version(index, id_)
        return found[0] if found else None

    def get_version(self, index: str, id_: str) -> tuple[Document, tuple[int, int]] | None:
        """Return one document as `get` does, with the number and term of its version."""
        with answering():
            client = self.client.options(request_timeout=self.timeout_s, ignore_status=NOT_FOUND_STATUS)
            answer = client.get(index=index, id=id_)
        if not answer.get("found") or not self._within_scope({id_: answer["_source"]}):
            return None
        return dict(answer["_source"]), (answer["_seq_no"], answer["_primary_term"])

    def get_many(self, index: str, ids: Sequence[str]) -> dict[str, Document]:
        """Return those of some documents that exist by their ids, as they are now and not as of the last refresh."""
        if not ids:
            return {}
        with answering():
            found = self.client.options(request_timeout=self.timeout_s).mget(index=index, ids=ids)["docs"]
        faults = [each["error"] for each in found if each.get("error", {}).get("type", NO_INDEX) != NO_INDEX]
        if faults:
            raise SearchUnavailable(f"Elasticsearch could not read a document ({faults[0]}). Try again in a moment.")
        return self._within_scope({each["_id"]: dict(each["_source"]) for each in found if each.get("found")})

    def _limited(self, body: Query) -> Query:
        return body if self.scope is None else self.scope.limit(body)

    def _within_scope(self, found: dict[str, Document]) -> dict[str, Document]:
        """Return those of some documents, by their ids, that this reader may see."""
        if self.scope is None:
            return found
        stays = Search(self.client, self.timeout_s).get_many(STAYS, self.scope.needed_stays(found.values()))
        return {id_: document for id_, document in found.items() if self.scope.admits(document, stays)}
