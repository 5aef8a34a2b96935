"""The columns of a Lens layer, one small function for each operation; all of them run on every Elasticsearch we use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from kibana import kql
from kibana.saved import Json
from kibana.views import TIME_FIELD

DataType = Literal["number", "string", "date"]
RECORDS: Final = "___records___"


def count(label: str, where: str = "") -> Json:
    """Count the documents, or those that a query asks for."""
    column = _metric("count", RECORDS, label) | {"params": {"emptyAsNull": False}}
    return column | ({"filter": kql.query(where)} if where else {})


def average(field: str, label: str) -> Json:
    """Return the mean of a number."""
    return _metric("average", field, label)


def maximum(field: str, label: str) -> Json:
    """Return the greatest value of a number."""
    return _metric("max", field, label)


def minimum(field: str, label: str) -> Json:
    """Return the least value of a number; Kibana's exports show no scale here."""
    return {name: value for name, value in _metric("min", field, label).items() if name != "scale"}


def median(field: str, label: str) -> Json:
    """Return the median of a number."""
    return _metric("median", field, label)


def unique_count(field: str, label: str) -> Json:
    """Count the different values."""
    return _metric("unique_count", field, label)


def last_value(field: str, label: str, data_type: DataType = "number", sort_field: str = TIME_FIELD) -> Json:
    """Return the value of the newest document that has one; by the time of readings, of those not in the future."""
    where = kql.both(kql.present(field), kql.has_come()) if sort_field == TIME_FIELD else kql.present(field)
    return {
        **_column("last_value", label, data_type),
        "scale": "ratio" if data_type == "number" else "ordinal",
        "sourceField": field,
        "filter": kql.query(where),
        "params": {"sortField": sort_field},
    }


def by_time(field: str = TIME_FIELD, label: str = "Heure", *, with_empty: bool = True, interval: str = "auto") -> Json:
    """Return buckets of time, as long as suits the range shown; with empty ones a chart has no false bridges."""
    return {
        **_column("date_histogram", label, "date", is_bucketed=True),
        "scale": "interval",
        "sourceField": field,
        "params": {"interval": interval, "includeEmptyRows": with_empty, "dropPartials": False},
    }


def top_values(
    field: str, label: str, size: int, by: str = "", *, lowest_first: bool = False, data_type: DataType = "string"
) -> Json:
    """Return the values with the highest (or lowest) figure in the column `by`, or the first ones of the alphabet."""
    order = {"type": "column", "columnId": by} if by else {"type": "alphabetical"}
    return {
        **_column("terms", label, data_type, is_bucketed=True),
        "scale": "ordinal",
        "sourceField": field,
        "params": {
            "size": size,
            "orderBy": order,
            "orderDirection": "desc" if by and not lowest_first else "asc",
            "otherBucket": False,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }


def filters(label: str, queries: Mapping[str, str]) -> Json:
    """Return one bucket for each query, under its label."""
    buckets = [{"input": kql.query(query), "label": name} for name, query in queries.items()]
    return {
        **_column("filters", label, "string", is_bucketed=True),
        "scale": "ordinal",
        "params": {"filters": buckets},
    }


def static(value: float, label: str) -> Json:
    """Return a number that does not come from the data: a threshold or the end of a scale."""
    return {**_column("static_value", label, "number"), "references": [], "params": {"value": value}}


def _metric(operation: str, field: str, label: str) -> Json:
    return {
        **_column(operation, label, "number"),
        "scale": "ratio",
        "sourceField": field,
        "params": {"emptyAsNull": True},
    }


def _column(operation: str, label: str, data_type: DataType, *, is_bucketed: bool = False) -> Json:
    return {
        "label": label,
        "customLabel": True,
        "dataType": data_type,
        "isBucketed": is_bucketed,
        "operationType": operation,
    }
