"""What was taken back from patients whom no message named: how the score query hears of it.

The window state is kept by patient, and a message that names another one, or none (an Observation corrected to another
patient, deleted, or retracted by its id alone), never reaches it. The ingest query finds the documents and dates them
(``withdrawn_at``, `jobs.streaming.revisions`); the driver of the score query reads those before each micro-batch, and
the workers add what they say to the statements of their patients.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Final

import numpy as np
from elasticsearch import Elasticsearch

from conf.times import to_us
from elastic.client import newest_hits
from elastic.names import OBSERVATIONS
from fhir.faults import tell
from fhir.precedence import StatementKind
from jobs.streaming.sparing import spare
from jobs.streaming.standing import Document
from jobs.streaming.window_state import STATE_LENGTH, VERSIONED, Statements, observation_number, with_first_versions
from jobs.streaming.windows import Numbers

log = logging.getLogger(__name__)

KEPT: Final = "now-30d"  # as long as a window reaches back where a patient is measured once a day
MOST: Final = 10_000  # documents: the newest


def read_withdrawn(client: Elasticsearch) -> list[Document]:
    """Return the documents, newest first, that a message took back which does not name their patient."""
    response = newest_hits(client, OBSERVATIONS, {"range": {"withdrawn_at": {"gte": KEPT}}}, MOST, by="withdrawn_at")
    if response["_shards"]["failed"]:  # nobody's prediction waits for a month that is away
        log.warning("what was taken back in a part of the observations, which does not answer, is not known for now")
    return [hit["_source"] for hit in response["hits"]["hits"]]


def withdrawn_since(documents: Iterable[Document], before: Iterable[Document]) -> list[Document]:
    """Return those of the documents that were not withdrawn, or not as often, when they were read before."""
    names = ("patient_id", "@timestamp", "withdrawn_at")
    known = {tuple(document[name] for name in names) for document in before}
    return [document for document in documents if tuple(document[name] for name in names) not in known]


def full_alone(documents: Iterable[Document]) -> frozenset[str]:
    """Return the patients from whom only their own messages without a time took back: a state with room holds these.

    Windows with room then go by what has arrived, and not by how far the ingest query is ahead.
    """
    patients = {document["patient_id"]: False for document in documents}
    patients |= {document["patient_id"]: True for document in documents if document.get("withdrawn_by_others")}
    return frozenset(patient_id for patient_id, by_others in patients.items() if not by_others)


def by_patient(documents: Sequence[Document]) -> dict[str, bytes]:
    """Return what the documents say is taken back, of each patient, as packed statements; one that raises is silent."""

    def pack(part: Sequence[Document]) -> list[tuple[str, bytes]]:
        rows = ((document["patient_id"], list(_statements(document))) for document in part)
        return [(patient_id, np.array(statements, dtype=VERSIONED).tobytes()) for patient_id, statements in rows]

    def leave_out(_: Sequence[Document], error: Exception) -> list[tuple[str, bytes]]:
        tell(error)
        return []

    taken: dict[str, bytes] = defaultdict(bytes)
    for part in spare(pack, documents, leave_out):
        for patient_id, packed in part:
            taken[patient_id] += packed
    return {patient_id: packed for patient_id, packed in taken.items() if packed}


def _statements(document: Document) -> Iterator[tuple[Any, ...]]:
    """Yield what a document notes of retractions, and of what its Observations say elsewhere or no more.

    What they say of this very patient is left out: the window has that message itself, and it is no withdrawal there.
    """
    at_us = to_us(datetime.fromisoformat(document["@timestamp"]))

    def statement(kind: StatementKind, said: Document) -> tuple[Any, ...]:
        observation, partner = (observation_number(said.get(name)) for name in ("observation_id", "partner_id"))
        values = (np.nan, np.nan, np.nan)
        place = (said["source_partition"], kind, 0)
        return at_us, said["source_offset"], observation, *values, *place, said.get("version", 0), partner

    for name in document.get("retracted_ids", ()):
        place = {field: document[field] for field in ("source_partition", "source_offset")}
        yield statement(StatementKind.RETRACTION, place | {"observation_id": name})
    for message in document.get("merged", ()):
        is_moved_away = "moved" in message and message.get("patient_id") != document["patient_id"]
        if is_moved_away or "withdrawn" in message:
            yield statement(StatementKind.WITHDRAWAL, message)


def add_withdrawn(
    statements: Statements,
    patients: Numbers,
    patient_ids: Sequence[str],
    withdrawn: Mapping[str, bytes],
    if_full: Set[str] = frozenset(),
) -> tuple[Statements, Numbers]:
    """Add to the statements of patients what was taken back from them, each patient's together.

    To those of `if_full` only where the state has room for no more.
    """
    named = [(number, patient_id) for number, patient_id in enumerate(patient_ids) if patient_id in withdrawn]
    if any(patient_id in if_full for _, patient_id in named):
        counts = np.bincount(patients, minlength=len(patient_ids))
        named = [
            (of, patient_id) for of, patient_id in named if patient_id not in if_full or counts[of] >= STATE_LENGTH
        ]
    if not named:
        return statements, patients
    widened = np.zeros(len(statements), dtype=VERSIONED)
    for name in statements.dtype.names or ():
        widened[name] = statements[name]
    more = [np.frombuffer(withdrawn[patient_id], dtype=VERSIONED) for _, patient_id in named]
    bearers = np.repeat([number for number, _ in named], [len(taken) for taken in more])
    whole, bearers = np.concatenate([with_first_versions(widened), *more]), np.concatenate([patients, bearers])
    order = np.argsort(bearers, kind="stable")
    return whole[order], bearers[order]
