"""Parts of searches, as plain dicts.

The query classes of the installed client are not shorter for what is asked here: a filter is one call in both, and its
operators build scored queries where these are filters. What is here takes None for "not asked" instead.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from conf.times import present_until
from elastic.client import After, Document, Query


def all_of(*filters: Query | None, without: Iterable[Query | None] = ()) -> Query:
    """Return a query for what passes all filters and none of `without`; None is no filter."""
    asked, excluded = ([query for query in queries if query is not None] for queries in (filters, without))
    return {"bool": {"filter": asked, "must_not": excluded}}


def any_of(*filters: Query) -> Query:
    """Return a query for what passes at least one filter."""
    return {"bool": {"should": list(filters), "minimum_should_match": 1}}


def term(field: str, value: Any) -> Query:
    """Return a filter on one value of a keyword."""
    return {"term": {field: {"value": value}}}


def term_if(field: str, value: Any) -> Query | None:
    """Return a filter on one value of a keyword, None where no value is wanted."""
    return None if value is None else term(field, value)


def terms(field: str, values: Iterable[Any]) -> Query:
    """Return a filter on several values of a keyword."""
    return {"terms": {field: list(values)}}


def contains(field: str, text: str) -> Query:
    """Return a filter on a keyword that holds a text somewhere, in any case; none of its characters is an operator."""
    plain = re.sub(r"[*?\\]", r"\\\g<0>", text)
    return {"wildcard": {field: {"value": f"*{plain}*", "case_insensitive": True}}}


def between(field: str, start: Any = None, end: Any = None) -> Query | None:
    """Return a filter on [start, end) of numbers or aware datetimes; None where both ends are open."""
    ends = {"gte": start, "lt": end}
    known = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in ends.items()}
    bounds = {name: value for name, value in known.items() if value is not None}
    return {"range": {field: bounds}} if bounds else None


def present(now: datetime) -> Query:
    """Return a filter on what does not lie in the future: all that asks for the newest reading passes it."""
    return {"range": {"@timestamp": {"lte": present_until(now).isoformat()}}}


def future(now: datetime) -> Query:
    """Return a filter on what lies in the future, from a clock that runs ahead."""
    return {"range": {"@timestamp": {"gt": present_until(now).isoformat()}}}


def in_time(query: Query, limit: int, after: After | None = None, *, newest_first: bool) -> Query:
    """Return the body of a page of documents in order of time, patients of one instant by id; see `later`."""
    order = "desc" if newest_first else "asc"
    by_time = [{"@timestamp": order}, {"patient_id": "asc"}]
    return {"size": limit, "query": query, "sort": by_time, "track_total_hits": False, **later(after)}


def later(after: After | None) -> Query:
    """Return the part of a body that asks for what follows `after`."""
    return {} if after is None else {"search_after": list(after)}


def by_patient(documents: Iterable[Document]) -> defaultdict[str, list[Document]]:
    """Return documents by patient in their order, [] for who has none."""
    found: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        found[document["patient_id"]].append(document)
    return found


def groups(field: str, most: int, time: str = "@timestamp", order: Query | None = None) -> Query:
    """Return an aggregation by the values of a keyword, each with its `newest` time, in that order."""
    ordered = {"field": field, "size": most, "order": order or {"newest": "desc"}}
    return {"terms": ordered, "aggs": {"newest": {"max": {"field": time}}}}


def buckets(aggregations: Mapping[str, Any], name: str) -> list[Document]:
    """Return the buckets of an aggregation, [] where there is no index yet."""
    found: list[Document] = aggregations.get(name, {}).get("buckets", [])
    return found
