"""One door to Elasticsearch with a time limit, whole answers only, and one error for everything that fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from elasticsearch import ApiError, Elasticsearch, TransportError

from conf.errors import UserError
from elastic.bulk import no_answer

TIMEOUT_S: Final = 5.0
MOST_DOCUMENTS: Final = 10_000  # of one answer; Elasticsearch's own limit

Document = dict[str, Any]
Query = dict[str, Any]
After = Sequence[Any]


class SearchUnavailable(UserError):  # noqa: N818 - the state of the store, as pages and the API name it
    """Elasticsearch did not answer, not in time, or not in full."""


class Page(NamedTuple):
    """Documents in order, what to pass as `after` for the next ones (None at the end), and how many match in all."""

    documents: list[Document]
    after: list[Any] | None = None
    total: int = 0


@dataclass(frozen=True)
class Search:
    """Elasticsearch as the site uses it; share one among all threads."""

    client: Elasticsearch
    timeout_s: float = TIMEOUT_S

    def ask(self, index: str, body: Query) -> Document:
        """Send one search; an index that does not exist yet holds nothing. Raise `SearchUnavailable`."""
        try:
            answer = self.client.options(request_timeout=self.timeout_s).search(
                index=index,
                body=body,
                ignore_unavailable=True,
                allow_partial_search_results=False,  # a shard that is away must not look like fewer patients
            )
        except (ApiError, TransportError) as error:
            raise unavailable(error) from error
        if answer.get("timed_out"):
            raise SearchUnavailable("Elasticsearch did not finish a search in time. Try again in a moment.")
        return dict(answer)

    def ask_all(self, index: str, bodies: Sequence[Query]) -> list[Document]:
        """Send several searches of one index at once; see `ask`."""
        header = {"index": index, "ignore_unavailable": True, "allow_partial_search_results": False}
        lines = [line for body in bodies for line in (header, body)]
        try:
            answers = self.client.options(request_timeout=self.timeout_s).msearch(searches=lines)["responses"]
        except (ApiError, TransportError) as error:
            raise unavailable(error) from error
        faults = [answer["error"].get("reason") for answer in answers if "error" in answer]
        if faults or any(answer.get("timed_out") for answer in answers):
            raise SearchUnavailable(f"Elasticsearch could not answer a search ({faults}). Try again in a moment.")
        return list(answers)

    def page(self, index: str, body: Query) -> Page:
        """Send one search for documents; `body` has a size and a sort."""
        return read_page(self.ask(index, body), body["size"])

    def pages(self, index: str, body: Query, most: int) -> list[Document]:
        """All documents up to `most`, page after page; `body` has a sort that is unique."""
        found = self.page(index, body | {"size": min(most, MOST_DOCUMENTS)})
        documents = found.documents
        while found.after is not None and len(documents) < most:
            found = self.page(index, body | {"size": min(most - len(documents), MOST_DOCUMENTS), **later(found.after)})
            documents += found.documents
        return documents

    def aggregate(self, index: str, aggregations: Query, query: Query | None = None) -> Document:
        """The aggregations of one search, {} where there is no index yet."""
        body = {"size": 0, "track_total_hits": False, "query": query or everything(), "aggs": aggregations}
        found: Document = self.ask(index, body).get("aggregations", {})
        return found

    def get(self, index: str, id_: str) -> Document | None:
        """One document by its id, as it is now and not as of the last refresh."""
        try:
            answer = self.client.options(request_timeout=self.timeout_s, ignore_status=404).get(index=index, id=id_)
        except (ApiError, TransportError) as error:
            raise unavailable(error) from error
        return dict(answer["_source"]) if answer.get("found") else None


def months(family: str, start: datetime, end: datetime) -> str:
    """The monthly indices of a family that hold events of [start, end), by name: no other one is even looked at."""
    first, last = (at.astimezone(UTC) for at in (start, end))
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return ",".join(f"{family}-{number // 12:04}.{number % 12 + 1:02}" for number in numbers)


def read_page(answer: Document, size: int) -> Page:
    """The documents of an answer to a search for `size` of them."""
    hits = answer["hits"]["hits"]
    after = hits[-1].get("sort") if hits and len(hits) == size else None
    return Page([hit["_source"] for hit in hits], after, answer["hits"].get("total", {}).get("value", 0))


def unavailable(error: Exception) -> SearchUnavailable:
    """What a failure of the client means to the site."""
    return SearchUnavailable(no_answer(error))


def everything() -> Query:
    """A query that each document matches."""
    return {"match_all": {}}


def all_of(*filters: Query | None, without: Iterable[Query] = ()) -> Query:
    """A query for what passes all filters that are not None, and none of `without`."""
    return {"bool": {"filter": [one for one in filters if one is not None], "must_not": list(without)}}


def any_of(*filters: Query) -> Query:
    """A query for what passes at least one filter."""
    return {"bool": {"should": list(filters), "minimum_should_match": 1}}


def term(field: str, value: Any) -> Query:
    """A filter on one value of a keyword."""
    return {"term": {field: {"value": value}}}


def term_if(field: str, value: Any) -> Query | None:
    """A filter on one value of a keyword, None where no value is wanted."""
    return None if value is None else term(field, value)


def prefix_if(field: str, value: str | None) -> Query | None:
    """A filter on the beginning of a keyword, None where none is wanted."""
    return None if value is None else {"prefix": {field: {"value": value}}}


def terms(field: str, values: Iterable[Any]) -> Query:
    """A filter on several values of a keyword."""
    return {"terms": {field: list(values)}}


def between(field: str, start: Any = None, end: Any = None) -> Query | None:
    """A filter on a half-open range [start, end) of numbers or aware datetimes; None where both ends are open."""
    ends = {"gte": start, "lt": end}
    known = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in ends.items()}
    bounds = {name: value for name, value in known.items() if value is not None}
    return {"range": {field: bounds}} if bounds else None


def in_time(query: Query, limit: int, after: After | None = None, *, newest_first: bool) -> Query:
    """The body of a page of documents in order of time, patients of one instant by id; see `later`."""
    order = "desc" if newest_first else "asc"
    by_time = [{"@timestamp": order}, {"patient_id": "asc"}]
    return {"size": limit, "query": query, "sort": by_time, "track_total_hits": False, **later(after)}


def later(after: After | None) -> Query:
    """The part of a body that asks for what follows `after`."""
    return {} if after is None else {"search_after": list(after)}


def buckets(aggregations: Mapping[str, Any], name: str) -> list[Document]:
    """The buckets of an aggregation, [] where there is no index yet."""
    found: list[Document] = aggregations.get(name, {}).get("buckets", [])
    return found
