"""Revisions: what a message says of stored observations at another instant than its own.

A retraction may name only the Observation's id, a correction may move a reading. Such messages are rare, and cost a
refresh and a search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from elasticsearch import Elasticsearch

from elastic.bulk import Operation, write
from elastic.client import with_retries
from elastic.names import OBSERVATIONS, instant_id
from fhir.readings import CORRECTIONS, Reading, Retraction
from jobs.streaming.observations import Document, DocumentKey, revise
from jobs.streaming.source import Message

SEARCH_IDS: Final = 500  # Observation ids per search: at most this many documents of one patient each are expected
MAX_HITS: Final = 10_000


def apply_revisions(client: Elasticsearch, messages: Sequence[Message]) -> dict[DocumentKey, Document]:
    """Carry out the retractions and the moving corrections among the messages, the earliest first; repeatable.

    Return the documents it has rewritten, by index and id.
    """
    revisions = [(message.place, revision) for message in messages for revision in _revisions_of(message)]
    stored = _find(client, [revision.observation_id for _, revision in revisions if revision.observation_id])
    revised = dict(stored)
    for place, revision in revisions:
        for key, document in revised.items():
            if _concerns(revision, document, key.id):
                revised[key] = revise(document, revision, place)
    changed = {key: document for key, document in revised.items() if document != stored[key]}
    write(client, [Operation("index", *key, msgspec.json.encode(document)) for key, document in changed.items()])
    return changed


def _revisions_of(message: Message) -> Iterator[Reading | Retraction]:
    """Yield what may speak of another instant than its own: retractions, and corrections with an id."""
    yield from (reading for reading in message.parsed.readings if reading.status in CORRECTIONS)
    yield from message.parsed.retractions


def _concerns(revision: Reading | Retraction, document: Document, id_: str) -> bool:
    """Tell whether a revision may reach a document: of its patient, and a correction only at another instant."""
    if isinstance(revision, Retraction):
        return revision.patient_id in (None, document["patient_id"])
    here = id_ == instant_id(revision.patient_id, revision.effective_us)
    return revision.patient_id == document["patient_id"] and not here


def _find(client: Elasticsearch, observation_ids: Sequence[str]) -> dict[DocumentKey, Document]:
    """Find the stored observations in which these ids have spoken, after a refresh that makes the newest visible."""
    if not observation_ids:
        return {}
    with_retries(lambda: client.indices.refresh(index=OBSERVATIONS, ignore_unavailable=True, allow_no_indices=True))
    unique = sorted(set(observation_ids))
    chunks = (unique[start : start + SEARCH_IDS] for start in range(0, len(unique), SEARCH_IDS))
    return {key: document for chunk in chunks for key, document in _search(client, chunk)}


def _search(client: Elasticsearch, observation_ids: list[str]) -> Iterator[tuple[DocumentKey, Document]]:
    spoken = [{"terms": {field: observation_ids}} for field in ("observation_id", "merged_ids")]
    query: dict[str, Any] = {"bool": {"should": spoken}}
    response = with_retries(
        lambda: client.search(
            index=OBSERVATIONS,
            query=query,
            size=MAX_HITS,
            ignore_unavailable=True,
            allow_partial_search_results=False,  # else a shard that is away would hide what is to be revised
        )
    )
    return ((DocumentKey(hit["_index"], hit["_id"]), hit["_source"]) for hit in response["hits"]["hits"])
