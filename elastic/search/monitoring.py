"""What the monitor job found: live quality of a model version, and drift of its features."""

from __future__ import annotations

from typing import Any, Final

from conf.clinical import ALERT_HORIZON_H
from elastic.client import Document, Query, Search, all_of, buckets, term
from elastic.names import MODEL_MONITORING

MOST_DAYS: Final = 30
MOST_VERSIONS: Final = 50
ALL: Final = "all"
NEWEST_DAY_FIRST: Final[list[Any]] = [{"@timestamp": "desc"}, {"horizon_h": "asc"}]


def live_quality(
    search: Search, version: str, horizon_h: int | None = ALERT_HORIZON_H, stratum: str = ALL
) -> list[Document]:
    """The quality documents of a version, one per UTC day (and horizon, for None), newest first."""
    horizon = None if horizon_h is None else term("horizon_h", horizon_h)
    query = all_of(term("kind", "quality"), term("model_version", version), term("stratum", stratum), horizon)
    body = {"size": MOST_DAYS * 3, "query": query, "sort": NEWEST_DAY_FIRST, "track_total_hits": False}
    return search.page(MODEL_MONITORING, body).documents


def drift(search: Search, version: str, most: int = 10) -> list[Document]:
    """The features of a version that have moved most, on the newest judged day."""
    of_version = all_of(term("kind", "drift"), term("model_version", version))
    newest = search.page(MODEL_MONITORING, _newest(of_version)).documents
    if not newest:
        return []
    query = all_of(of_version, term("@timestamp", newest[0]["@timestamp"]))
    body = {"size": most, "query": query, "sort": [{"psi": "desc"}, {"feature": "asc"}], "track_total_hits": False}
    return search.page(MODEL_MONITORING, body).documents


def _newest(query: Query) -> Query:
    return {"size": 1, "query": query, "sort": [{"@timestamp": "desc"}], "track_total_hits": False}


def versions(search: Search) -> list[str]:
    """The model versions that were judged, the one judged last first."""
    newest = {"newest": {"max": {"field": "judged_at"}}}
    terms = {"terms": {"field": "model_version", "size": MOST_VERSIONS, "order": {"newest": "desc"}}, "aggs": newest}
    return [bucket["key"] for bucket in buckets(search.aggregate(MODEL_MONITORING, {"versions": terms}), "versions")]
