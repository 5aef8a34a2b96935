"""Retractions and corrections of stored observations that the id of the instant does not reach.

A retraction may name only the Observation's id, and a correction may move a reading to another instant. Both are rare,
so they may cost a refresh and a search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from elasticsearch import Elasticsearch

from jobs.fhir.readings import Reading, Retraction
from jobs.indices import OBSERVATIONS, instant_id
from jobs.intake import Message, Source
from jobs.observations import CORRECTED_STATUS, Document, is_retraction, retract
from jobs.sinks import Operation, with_retries, write

SEARCH_IDS: Final = 500  # Observation ids per search: at most this many documents of one patient each are expected
MAX_HITS: Final = 10_000


class Hit(NamedTuple):
    """A stored observation with its place."""

    index_name: str
    id: str
    document: Document


def apply_revisions(client: Elasticsearch, messages: Sequence[Message]) -> None:
    """Carry out the retractions and the moving corrections among the messages; repeatable."""
    retractions = [(message.source, one) for message in messages for one in message.parsed.retractions]
    corrections = [(message.source, one) for message in messages for one in message.parsed.readings if _moves(one)]
    named = [one.observation_id for _, one in retractions] + [one.observation_id for _, one in corrections]
    stored = _find(client, [observation_id for observation_id in named if observation_id])
    operations = [operation for source, one in corrections for operation in _delete_moved(stored, source, one)]
    for source, retraction in retractions:
        operations += _mark_retracted(stored, source, retraction)
    write(client, operations)


def _moves(reading: Reading) -> bool:
    return reading.status in CORRECTED_STATUS and reading.observation_id is not None


def _find(client: Elasticsearch, observation_ids: Sequence[str]) -> list[Hit]:
    """Find the stored observations of these ids, after a refresh that makes the newest visible."""
    if not observation_ids:
        return []
    with_retries(lambda: client.indices.refresh(index=OBSERVATIONS, ignore_unavailable=True, allow_no_indices=True))
    unique = sorted(set(observation_ids))
    chunks = (unique[start : start + SEARCH_IDS] for start in range(0, len(unique), SEARCH_IDS))
    return [hit for chunk in chunks for hit in _search(client, chunk)]


def _search(client: Elasticsearch, observation_ids: list[str]) -> Iterator[Hit]:
    query: dict[str, Any] = {"terms": {"observation_id": observation_ids}}
    response = with_retries(
        lambda: client.search(index=OBSERVATIONS, query=query, size=MAX_HITS, ignore_unavailable=True)
    )
    return (Hit(hit["_index"], hit["_id"], hit["_source"]) for hit in response["hits"]["hits"])


def _delete_moved(stored: Sequence[Hit], source: Source, correction: Reading) -> list[Operation]:
    """Delete what the corrected Observation said of another instant before this correction arrived."""
    here = instant_id(correction.patient_id, correction.effective_us)
    return [
        Operation("delete", hit.index_name, hit.id)
        for hit in stored
        if hit.id != here
        and hit.document.get("observation_id") == correction.observation_id
        and hit.document["patient_id"] == correction.patient_id
        and not is_retraction(hit.document)
        and _arrived_before(hit.document, source)
    ]


def _arrived_before(document: Document, source: Source) -> bool:
    return bool(document["source_offset"] <= source.offset)


def _mark_retracted(stored: Sequence[Hit], source: Source, retraction: Retraction) -> list[Operation]:
    """Mark every stored observation of the retracted id, wherever it is."""
    return [
        Operation("index", hit.index_name, hit.id, msgspec.json.encode(retract(hit.document)))
        for hit in stored
        if retraction.observation_id is not None
        and hit.document.get("observation_id") == retraction.observation_id
        and retraction.patient_id in (None, hit.document["patient_id"])
        and not is_retraction(hit.document)
        and _arrived_before(hit.document, source)
    ]
