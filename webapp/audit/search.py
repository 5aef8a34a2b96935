"""Questions to the audit index: for the administrator's search and for "seen by" on a patient's page."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from elastic.client import After, Document, Page, Search
from elastic.names import AUDIT, all_months
from elastic.search.queries import all_of, between, buckets, later, term, term_if, terms

INDICES: Final = all_months(AUDIT)
ORDER: Final = [{"@timestamp": "desc"}, {"chain_id": "asc"}, {"seq": "desc"}]
SEEING: Final = ("view", "print", "export")


def find(
    search: Search,
    *,
    actor: str | None = None,
    patient_id: str | None = None,
    action: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
    after: After | None = None,
) -> Page:
    """Return the events that match everything given, newest first."""
    filters = (
        term_if("actor", actor),
        term_if("patient_id", patient_id),
        term_if("action", action),
        between("@timestamp", start, end),
    )
    return search.page(INDICES, {"size": limit, "sort": ORDER, "query": all_of(*filters), **later(after)})


def viewers(search: Search, patient_id: str, since: datetime) -> list[Document]:
    """Return who saw a patient's own pages since then, latest first: ``{actor, last_seen_at}``."""
    query = all_of(
        term("patient_id", patient_id), terms("action", SEEING), term("outcome", "ok"), between("@timestamp", since)
    )
    by_actor = {"terms": {"field": "actor", "size": 50}, "aggs": {"last": {"max": {"field": "@timestamp"}}}}
    found = buckets(search.aggregate(INDICES, {"actors": by_actor}, query), "actors")
    seen = [{"actor": bucket["key"], "last_seen_at": bucket["last"]["value_as_string"]} for bucket in found]
    return sorted(seen, key=lambda viewer: str(viewer["last_seen_at"]), reverse=True)
