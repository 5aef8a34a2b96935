"""What the intake refused, by reason; the refused messages themselves are not shown."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from elastic.client import Document, Search
from elastic.names import REJECTED
from elastic.search.queries import between, buckets, groups

MOST_REASONS: Final = 100


def by_reason(search: Search, start: datetime | None = None, end: datetime | None = None) -> list[Document]:
    """Return `reason`, `count` and `newest` (ISO 8601) of each reason in [start, end) of Kafka time, most first."""
    reasons = groups("reason", MOST_REASONS, order={"_count": "desc"})
    found = search.aggregate(REJECTED, {"reasons": reasons}, between("@timestamp", start, end))
    return [
        {"reason": bucket["key"], "count": bucket["doc_count"], "newest": bucket["newest"]["value_as_string"]}
        for bucket in buckets(found, "reasons")
    ]
