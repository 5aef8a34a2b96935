"""Retractions and corrections of stored observations that the id of the instant does not reach.

A retraction may name only the Observation's id, and a correction may move a reading to another instant. Both are rare,
so they may cost a refresh and a search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from elasticsearch import Elasticsearch

from elastic.bulk import Operation, write
from elastic.client import with_retries
from elastic.names import OBSERVATIONS, instant_id
from fhir.readings import CORRECTIONS, Reading, Retraction
from jobs.streaming.intake import Message, Source
from jobs.streaming.observations import Document, is_retraction, retract_by_id

SEARCH_IDS: Final = 500  # Observation ids per search: at most this many documents of one patient each are expected
MAX_HITS: Final = 10_000


class Hit(NamedTuple):
    """A stored observation with its place."""

    index_name: str
    id: str
    document: Document


def apply_revisions(client: Elasticsearch, messages: Sequence[Message]) -> dict[tuple[str, str], Document]:
    """Carry out the retractions and the moving corrections among the messages, the earliest first; repeatable.

    Answers the documents it has rewritten, by index and id.
    """
    revisions = [(message.source, one) for message in messages for one in _revisions_of(message)]
    stored = _find(client, [one.observation_id for _, one in revisions if one.observation_id])
    operations: dict[tuple[str, str], Operation] = {}  # what one revision has dealt with is out of reach for the next
    for source, one in revisions:
        for hit in stored:
            if (hit.index_name, hit.id) not in operations and (operation := _revise(hit, source, one)):
                operations[hit.index_name, hit.id] = operation
    write(client, list(operations.values()))
    return {place: msgspec.json.decode(operation.body) for place, operation in operations.items() if operation.body}


def _revisions_of(message: Message) -> Iterator[Reading | Retraction]:
    yield from (one for one in message.parsed.readings if _moves(one))
    yield from message.parsed.retractions


def _moves(reading: Reading) -> bool:
    return reading.status in CORRECTIONS and reading.observation_id is not None


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
        lambda: client.search(
            index=OBSERVATIONS,
            query=query,
            size=MAX_HITS,
            ignore_unavailable=True,
            allow_partial_search_results=False,  # else a shard that is away would hide what is to be revised
        )
    )
    return (Hit(hit["_index"], hit["_id"], hit["_source"]) for hit in response["hits"]["hits"])


def _revise(hit: Hit, source: Source, one: Reading | Retraction) -> Operation | None:
    """What a revision does to a stored observation that carries its id and arrived before it, if anything."""
    document = hit.document
    reached = document.get("observation_id") == one.observation_id and document["source_offset"] <= source.offset
    if not reached or is_retraction(document):
        return None
    return _retract(hit, one) if isinstance(one, Retraction) else _delete_moved(hit, one)


def _retract(hit: Hit, retraction: Retraction) -> Operation | None:
    """Mark an observation of the retracted id, wherever it is."""
    if retraction.observation_id is None or retraction.patient_id not in (None, hit.document["patient_id"]):
        return None
    retracted = retract_by_id(hit.document, retraction.observation_id)
    return Operation("index", hit.index_name, hit.id, msgspec.json.encode(retracted))


def _delete_moved(hit: Hit, correction: Reading) -> Operation | None:
    """Delete what the corrected Observation said of another instant."""
    in_place = hit.id == instant_id(correction.patient_id, correction.effective_us)
    if in_place or hit.document["patient_id"] != correction.patient_id:
        return None
    return Operation("delete", hit.index_name, hit.id)
