"""Refused messages that sound like a crisis: fields `attention`, `patient_id`, `device_id`, `measured_at`, `reason`.

`@timestamp` is the record time. What earlier releases refused has no `attention` and is found by none of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from elastic.client import Document, Query, Search
from elastic.names import REJECTED
from elastic.search.queries import all_of, between, terms

MOST: Final = 1_000  # documents of all patients; beyond that the newest of each patient
FIELDS: Final = ["@timestamp", "patient_id", "device_id", "measured_at", "reason", "attention"]
NEWEST_FIRST: Final[list[Any]] = [{"@timestamp": "desc"}]

_SOUNDS: Final[Query] = {"exists": {"field": "attention"}}
_NAMED: Final[Query] = {"exists": {"field": "patient_id"}}


def attention(search: Search, since: datetime, patient_ids: Iterable[str] | None = None) -> list[Document]:
    """Return what sounds like a crisis since then: of these patients, or of all and of nobody known.

    A device that floods hides nobody: where there are more documents than are read, the newest of each other patient
    is read besides.
    """
    ids = None if patient_ids is None else sorted(set(patient_ids))
    if ids == []:
        return []
    query = all_of(_SOUNDS, None if ids is None else terms("patient_id", ids), between("@timestamp", since))
    found = _read(search, query, MOST)
    if len(found) < MOST:
        return found
    shown = {document.get("patient_id") for document in found}
    newest = _read(search, query, MOST, collapse={"field": "patient_id"})
    return found + [document for document in newest if document.get("patient_id") not in shown]


def nameless(search: Search, since: datetime, most: int) -> list[Document]:
    """Return what sounds like a crisis since then and names no known patient, newest first."""
    return _read(search, all_of(_SOUNDS, between("@timestamp", since), without=[_NAMED]), most)


def _read(search: Search, query: Query, most: int, **more: Query) -> list[Document]:
    body = {"size": most, "query": query, "sort": NEWEST_FIRST, "track_total_hits": False, "_source": FIELDS, **more}
    return search.page(REJECTED, body).documents
