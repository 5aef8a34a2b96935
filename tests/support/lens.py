"""The columns of a Lens layer as the aggregations that Elasticsearch is asked for, and the table made of its answer.

Only operations that the dashboards use; whatever is not known is refused, so that nothing passes untested. Where Kibana
asks for an aggregation that the embedded Elasticsearch lacks another one stands in: ``top_hits`` for the newest value,
the greatest value where a table is sorted by the newest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from tests.support import kql

Json = dict[str, Any]
Columns = Mapping[str, Json]  # in the order of the table: buckets first
Row = dict[str, Any]

RECORDS: Final = "___records___"
METRICS: Final = {"average": "avg", "max": "max", "min": "min", "sum": "sum", "unique_count": "cardinality"}
MEDIAN: Final = 50.0
ORDER: Final = "order"  # the aggregation by which a `terms` sorts
STATIC: Final = "static_value"

COLUMN_KEYS: Final = frozenset(
    {
        *("label", "customLabel", "dataType", "isBucketed", "operationType", "scale"),
        *("sourceField", "params", "filter"),
    }
)
METRIC_PARAMS: Final = frozenset({"emptyAsNull", "format"})
PARAMS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys([*METRICS, "count", "median"], METRIC_PARAMS),
    "last_value": frozenset({"sortField", "format"}),
    "date_histogram": frozenset({"interval", "includeEmptyRows", "dropPartials"}),
    "terms": frozenset(
        {
            *("size", "orderBy", "orderDirection", "otherBucket", "missingBucket", "parentFormat"),
            *("include", "exclude", "includeIsRegex", "excludeIsRegex"),
        }
    ),
    "filters": frozenset({"filters"}),
    STATIC: frozenset({"value", "format"}),
}
MUST_BE_OFF: Final = ("dropPartials", "otherBucket", "missingBucket", "includeIsRegex", "excludeIsRegex")

BARS: Final = 50  # that Kibana aims at
CALENDAR_UNITS: Final = frozenset("wMqy")
AUTOMATIC_S: Final = (  # Kibana's table: less than so many seconds a bar, and the interval it takes
    *((5, "1s"), (7.5, "5s"), (15, "10s"), (45, "30s"), (180, "1m"), (540, "5m"), (1200, "10m"), (2700, "30m")),
    *((7200, "1h"), (21_600, "3h"), (86_400, "12h"), (604_800, "1d"), (1_814_400, "7d"), (31_536_000, "30d")),
)


class UnsupportedError(ValueError):
    """Something in the saved objects that is not known here."""


class Period(NamedTuple):
    """The time that is shown."""

    begin: datetime
    end: datetime

    def interval(self) -> str:
        """Return the interval that Kibana chooses for ``auto``."""
        aim_s = (self.end - self.begin).total_seconds() / BARS
        return next(interval for bound_s, interval in AUTOMATIC_S if aim_s < bound_s)


def refuse_unknown(thing: Json, known: frozenset[str], what: str) -> None:
    """Raise `UnsupportedError` if something has a key that would be overlooked here."""
    unknown = sorted(set(thing) - known)
    if unknown:
        raise UnsupportedError(f"{what} with {', '.join(unknown)}")


def aggregations(columns: Columns, period: Period) -> Json:
    """Return the aggregations of a layer: each bucket column within the one before, the figures in the innermost."""
    for column in columns.values():
        _check(column)
    found = {id_: _filtered(id_, column) for id_, column in columns.items() if _has_aggregation(column)}
    for id_, column in reversed([(id_, column) for id_, column in columns.items() if column["isBucketed"]]):
        within = _order_of(column, columns) | found
        found = {id_: _bucket(column, columns, period) | ({"aggs": within} if within else {})}
    return found


def _check(column: Json) -> None:
    operation, params = column["operationType"], column.get("params", {})
    if operation not in PARAMS:
        raise UnsupportedError(f"operation {operation}")
    refuse_unknown(column, COLUMN_KEYS | ({"references"} if operation == STATIC else set()), operation)
    refuse_unknown(params, PARAMS[operation], operation)
    switched_on = [name for name in MUST_BE_OFF if params.get(name)]
    if operation == "count" and column["sourceField"] != RECORDS:
        raise UnsupportedError("count of a field")
    if switched_on or (column["isBucketed"] and "filter" in column):
        raise UnsupportedError(f"{operation} with {', '.join(switched_on) or 'a filter'}")


def _has_aggregation(column: Json) -> bool:
    """Tell whether it needs one: not a plain count, which every bucket tells, nor what is no figure of the data."""
    operation = column["operationType"]
    return not column["isBucketed"] and operation != STATIC and (operation != "count" or "filter" in column)


def _filtered(id_: str, column: Json) -> Json:
    """Return the aggregation of a figure, within a filter of its own if it has one."""
    inner = {} if column["operationType"] == "count" else {id_: _figure(column)}
    if "filter" not in column:
        return _figure(column)
    return {"filter": translate_query(column["filter"])} | ({"aggs": inner} if inner else {})


def _figure(column: Json) -> Json:
    operation, field = column["operationType"], column.get("sourceField")
    if operation == "median":
        return {"percentiles": {"field": field, "percents": [MEDIAN]}}
    if operation == "last_value":
        newest = [{column["params"]["sortField"]: {"order": "desc"}}]
        return {"top_hits": {"size": 1, "sort": newest, "docvalue_fields": [field], "_source": False}}
    return {METRICS[operation]: {"field": field}}


def _bucket(column: Json, columns: Columns, period: Period) -> Json:
    operation, params = column["operationType"], column["params"]
    if operation == "filters":
        return {"filters": {"filters": {part["label"]: translate_query(part["input"]) for part in params["filters"]}}}
    if operation == "date_histogram":
        interval = period.interval() if params["interval"] == "auto" else params["interval"]
        kind = "calendar_interval" if interval[-1] in CALENDAR_UNITS else "fixed_interval"
        least = 0 if params["includeEmptyRows"] else 1
        return {"date_histogram": {"field": column["sourceField"], kind: interval, "min_doc_count": least}}
    chosen = {name: params[name] for name in ("include", "exclude") if params.get(name)}
    order = {_order_path(column, columns): params["orderDirection"]}
    return {"terms": {"field": column["sourceField"], "size": params["size"], "order": order, **chosen}}


def _order_path(column: Json, columns: Columns) -> str:
    order_by = column["params"]["orderBy"]
    if order_by["type"] == "alphabetical":
        return "_key"
    if order_by["type"] != "column":
        raise UnsupportedError(f"an order by {order_by['type']}")
    sorting = columns[order_by["columnId"]]
    if sorting["operationType"] == "count":
        return f"{ORDER}._count" if "filter" in sorting else "_count"
    path = f"{ORDER}>{ORDER}" if "filter" in sorting else ORDER
    return f"{path}.{MEDIAN:.0f}" if sorting["operationType"] == "median" else path


def _order_of(column: Json, columns: Columns) -> Json:
    """Return the aggregation by which a bucket column sorts; it must lie within its buckets, not deeper."""
    order_by = column.get("params", {}).get("orderBy", {})
    if order_by.get("type") != "column" or _order_path(column, columns) == "_count":
        return {}
    sorting = columns[order_by["columnId"]]
    if sorting["operationType"] == "last_value":
        sorting = sorting | {"operationType": "max"}
    return {ORDER: _filtered(ORDER, sorting)}


def translate_query(query: Json) -> Json:
    """Return a query of Kibana in Elasticsearch's language."""
    if query["language"] != "kuery":
        raise UnsupportedError(f"query language {query['language']}")
    return kql.translate(query["query"])


def table(columns: Columns, answer: Json) -> list[Row]:
    """Return the rows that Kibana draws, by column id; a bucket without documents makes none, a figure may be None."""
    whole = {**answer.get("aggregations", {}), "doc_count": answer["hits"]["total"]["value"]}
    return list(_rows(list(columns.items()), whole))


def _rows(columns: list[tuple[str, Json]], bucket: Json) -> Iterator[Row]:
    if not bucket["doc_count"]:
        return
    if not columns or not columns[0][1]["isBucketed"]:
        yield {id_: _value(id_, column, bucket) for id_, column in columns}
        return
    (id_, _), *others = columns
    buckets = bucket.get(id_, {}).get("buckets", [])
    named = buckets.items() if isinstance(buckets, dict) else ((bucket["key"], bucket) for bucket in buckets)
    yield from chain.from_iterable(({id_: key} | row for row in _rows(others, bucket)) for key, bucket in named)


def _value(id_: str, column: Json, bucket: Json) -> Any:
    operation = column["operationType"]
    if operation == STATIC:
        return column["params"]["value"]
    if "filter" in column:
        bucket = bucket.get(id_, {"doc_count": 0})
    if operation == "count":
        return bucket["doc_count"] or None
    figure = bucket.get(id_, {})
    if operation == "last_value":
        hits = figure.get("hits", {}).get("hits", [])
        return hits[0].get("fields", {}).get(column["sourceField"], [None])[0] if hits else None
    if operation == "median":
        return figure.get("values", {}).get(f"{MEDIAN:.1f}")
    value = figure.get("value")
    return value or None if operation == "unique_count" else value


def emptiness(columns: Columns, rows: list[Row]) -> list[str]:
    """Yield what a table lacks: rows, a bucket that a filter names, or every value of a figure."""
    if not rows:
        return ["no rows"]
    found = []
    for id_, column in columns.items():
        values = {row[id_] for row in rows} - {None}
        if column["operationType"] == "filters":
            labels = [part["label"] for part in column["params"]["filters"]]
            found += [f"nothing under {label!r} of {column['label']!r}" for label in labels if label not in values]
        elif not values:
            found.append(f"no value of {column['label']!r}")
    return found
