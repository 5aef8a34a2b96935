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
from jobs.indices import OBSERVATIONS, instant_id, isoformat_us, monthly_index
from jobs.intake import Message, Source
from jobs.observations import CORRECTED_STATUS, RETRACTED_STATUS, Document, retract
from jobs.sinks import Operation, fetch, with_retries, write

SEARCH_IDS: Final = 500  # Observation ids per search: at most this many documents of one patient each are expected
MAX_HITS: Final = 10_000


class Hit(NamedTuple):
    """A stored observation with its place."""

    index_name: str
    id: str
    document: Document


def apply_revisions(client: Elasticsearch, messages: Sequence[Message], topic: str, ingested_at: str) -> None:
    """Carry out the retractions and the moving corrections among the messages; repeatable."""
    retractions = [(message.source, one) for message in messages for one in message.parsed.retractions]
    corrections = [(message.source, one) for message in messages for one in message.parsed.readings if _moves(one)]
    if not retractions and not corrections:
        return
    named = [one.observation_id for _, one in retractions] + [one.observation_id for _, one in corrections]
    stored = _find(client, [observation_id for observation_id in named if observation_id])
    operations = [operation for source, one in corrections for operation in _delete_moved(stored, source, one)]
    for source, retraction in retractions:
        operations += _retract(stored, source, retraction)
    write(client, operations)
    _retract_instants(client, retractions, topic, ingested_at)


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
        and hit.document["status"] != RETRACTED_STATUS
        and _arrived_before(hit.document, source)
    ]


def _arrived_before(document: Document, source: Source) -> bool:
    return bool(document["source_offset"] <= source.offset)


def _retract(stored: Sequence[Hit], source: Source, retraction: Retraction) -> list[Operation]:
    """Mark every stored observation of the retracted id."""
    return [
        _mark(hit)
        for hit in stored
        if retraction.observation_id is not None
        and hit.document.get("observation_id") == retraction.observation_id
        and retraction.patient_id in (None, hit.document["patient_id"])
        and hit.document["status"] != RETRACTED_STATUS
        and _arrived_before(hit.document, source)
    ]


def _retract_instants(
    client: Elasticsearch, retractions: Sequence[tuple[Source, Retraction]], topic: str, ingested_at: str
) -> None:
    """Retract by patient and instant: hold the place of a reading still to come, mark one without an id."""
    placed = {_instant(one): (source, one) for source, one in retractions if one.patient_id and one.effective_us}
    tombstones = [
        Operation("create", index, id_, msgspec.json.encode(_tombstone(source, one, topic, ingested_at)))
        for (index, id_), (source, one) in placed.items()
    ]
    created = write(client, tombstones)
    met = [place_ for place_, done in zip(placed, created, strict=True) if not done]
    stored = fetch(client, met)
    nameless = [
        Hit(index, id_, stored[id_]) for index, id_ in met if id_ in stored and "observation_id" not in stored[id_]
    ]
    write(client, [_mark(hit) for hit in nameless if _arrived_before(hit.document, placed[hit.index_name, hit.id][0])])


def _instant(retraction: Retraction) -> tuple[str, str]:
    patient_id, effective_us = str(retraction.patient_id), int(retraction.effective_us or 0)
    return monthly_index(OBSERVATIONS, effective_us), instant_id(patient_id, effective_us)


def _tombstone(source: Source, retraction: Retraction, topic: str, ingested_at: str) -> Document:
    document: dict[str, Any] = {
        "@timestamp": isoformat_us(retraction.effective_us or 0),
        "patient_id": retraction.patient_id,
        "observation_id": retraction.observation_id,
        "status": RETRACTED_STATUS,
        "flags": [],
        "source_topic": topic,
        "source_partition": source.partition,
        "source_offset": source.offset,
        "ingested_at": ingested_at,
    }
    return {key: value for key, value in document.items() if value is not None}


def _mark(hit: Hit) -> Operation:
    return Operation("index", hit.index_name, hit.id, msgspec.json.encode(retract(hit.document)))
