"""Revisions: what a message says of stored observations at another instant, or of another patient, than its own.

A retraction may name only the Observation's id; a correction or a newer version may move a reading, to another patient
too. The tasks of a micro-batch hand them to the driver, which carries them out once all partitions are written, so that
the order of partitions plays no part. Only messages that may revise something cost a refresh and a search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from elasticsearch import Elasticsearch

from conf.times import iso_us
from elastic.bulk import Operation, Refusal, fetch, try_write, write
from elastic.client import newest_hits, refresh
from elastic.names import LATEST, OBSERVATIONS, fit_id
from fhir.readings import CORRECTIONS, FIRST_VERSION
from jobs.streaming.observations import DocumentKey, note_of_reading, note_of_retraction, notes_in, revise
from jobs.streaming.source import Message
from jobs.streaming.standing import (
    Document,
    is_retraction,
    message_of,
    names_in_force,
    names_of,
    noted_places,
    place_of,
    said_in,
)

SEARCH_IDS: Final = 500  # Observation ids per search: at most this many documents of one patient each are expected
MAX_HITS: Final = 10_000


class Revision(msgspec.Struct, frozen=True, array_like=True):
    """What an Observation says of its former content; `patient_id` is whom its message names, `at` its instant."""

    patient_id: str | None
    at: str | None
    note: Document

    def reaches(self, document: Document) -> bool:
        """Tell whether it can speak of an Observation in this document, which bears its id, and has not met it there.

        Equal ids of two patients may be two Observations: devices number theirs, and so do servers. It is one that was
        filed on the wrong chart only if it kept its instant. What names no patient may speak of anybody's.
        """
        is_here = self.at == document["@timestamp"]
        if self.patient_id == document["patient_id"]:
            return not is_here
        return self.patient_id is None or (is_here and "retracted" not in self.note)

    def is_in_window_of(self, patient_id: str) -> bool:
        """Tell whether a patient's window state surely holds it: without an instant it may have found no room there."""
        return self.patient_id == patient_id and self.at is not None


class Revised(NamedTuple):
    """The documents that revisions have a part in, as they now stand, and the revisions that could not be written."""

    documents: list[Document]
    refused: list[tuple[Revision, Refusal]]


def revisions_of(message: Message) -> Iterator[Revision]:
    """Yield what may concern another instant or patient: retractions, corrections, versions that are not the first."""
    for reading in message.parsed.readings:
        if reading.status in CORRECTIONS or reading.version > FIRST_VERSION:
            yield Revision(reading.patient_id, iso_us(reading.effective_us), note_of_reading(reading, message.place))
    for retraction in message.parsed.retractions:
        if retraction.observation_id is not None:
            at = None if retraction.effective_us is None else iso_us(retraction.effective_us)
            yield Revision(retraction.patient_id, at, note_of_retraction(retraction, message.place))


def apply_revisions(client: Elasticsearch, revisions: Sequence[Revision], now: str) -> Revised:
    """Carry out the revisions of a micro-batch that has been written; repeatable.

    What the documents found say of each other's Observations counts too, so that a version that arrives after a newer
    one at another instant is taken back.
    """
    stored = _find(client, {name for revision in revisions for name in names_of(revision.note)})
    if not stored:
        return Revised([], [])
    told = [
        Revision(found["patient_id"], found["@timestamp"], note)
        for found in stored.values()
        for note in notes_in(found)
    ]
    by_name: dict[str, list[Revision]] = defaultdict(list)
    by_arrival = sorted([*revisions, *told], key=lambda revision: int(revision.note["source_offset"]))
    for revision in by_arrival:
        for name in names_of(revision.note):
            by_name[name].append(revision)
    retractions = {name: [said for said in of_name if "retracted" in said.note] for name, of_name in by_name.items()}
    revised = {key: _revised(document, by_name, retractions, now) for key, document in stored.items()}
    changed = {key: document for key, document in revised.items() if document != stored[key]}
    operations = [Operation("index", *key, msgspec.json.encode(document)) for key, document in changed.items()]
    effects = zip(changed, try_write(client, operations), strict=True)
    refusals = {key: effect for key, effect in effects if isinstance(effect, Refusal)}
    withdrawn = [document for document in revised.values() if "withdrawn_at" in document]
    if any("withdrawn_at" in document for document in changed.values()):
        refresh(client, OBSERVATIONS)  # the score query must find them
    drop_latest(client, withdrawn)
    places = {place_of(revision.note) for revision in revisions}
    documents = [document for key, document in revised.items() if key not in refusals and _has_met(document, places)]
    refused = [
        (revision, refusal)
        for revision in revisions
        for key, refusal in refusals.items()
        if _names(stored[key]) & names_of(revision.note) and revision.reaches(stored[key])
    ]
    return Revised(documents, refused)


def _names(document: Document) -> set[str]:
    """Return the names of all Observations that have spoken in a document."""
    return {name for message in (message_of(document), *said_in(document)) for name in names_of(message)}


def _revised(
    document: Document, by_name: Mapping[str, list[Revision]], retractions: Mapping[str, list[Revision]], now: str
) -> Document:
    """Let a document meet what is said elsewhere of its Observations; note when a window must hear of it.

    Of an Observation that says nothing here any more only a retraction is heard, which is for good: else each version
    of one that is always sent under the same id would be noted in all documents of the versions before.
    """
    speaking = names_in_force(document)
    heard = by_name if speaking else retractions
    for revision in [revision for name in sorted(_names(document)) for revision in heard.get(name, ())]:
        is_heard = "retracted" in revision.note or not speaking.isdisjoint(names_of(revision.note))
        if is_heard and revision.reaches(document):
            after = revise(document, revision.note)
            if after != document and not revision.is_in_window_of(document["patient_id"]):
                is_own = revision.patient_id == document["patient_id"] and "withdrawn_by_others" not in document
                after = after | {"withdrawn_at": now} | ({} if is_own else {"withdrawn_by_others": True})
            speaking = names_in_force(after) if after is not document else speaking
            document = after
    return document


def _has_met(document: Document, places: set[str]) -> bool:
    """Tell whether messages of these places have a part in a document other than that it shows what one says."""
    noted = noted_places(document)
    if not is_retraction(document):
        noted.discard(place_of(document))
    return not noted.isdisjoint(places)


def drop_latest(client: Elasticsearch, withdrawn: Sequence[Document]) -> None:
    """Delete the latest predictions whose newest reading is among these documents and no longer stands as it was."""
    latest = fetch(client, {(LATEST, fit_id(document["patient_id"])) for document in withdrawn})
    gone = []
    for document in withdrawn:
        id_ = fit_id(document["patient_id"])
        predicted = latest.get(id_)
        if predicted is not None and predicted["@timestamp"] == document["@timestamp"]:
            values = (document.get("systolic"), document.get("diastolic"))
            if is_retraction(document) or values != (predicted["systolic"], predicted["diastolic"]):
                gone.append(Operation("delete", LATEST, id_))
    write(client, gone)


def _find(client: Elasticsearch, names: set[str]) -> dict[DocumentKey, Document]:
    """Find the stored observations in which these ids have spoken, after a refresh that makes the newest visible."""
    if not names:
        return {}
    refresh(client, OBSERVATIONS)
    unique = sorted(names)
    chunks = (unique[start : start + SEARCH_IDS] for start in range(0, len(unique), SEARCH_IDS))
    return {key: document for chunk in chunks for key, document in _search(client, chunk)}


def _search(client: Elasticsearch, names: list[str]) -> Iterator[tuple[DocumentKey, Document]]:
    """Return the documents of some ids; a shard that is away must not hide what is to be revised."""
    spoken = [{"terms": {field: names}} for field in ("observation_id", "partner_id", "merged_ids")]
    response = newest_hits(
        client, OBSERVATIONS, {"bool": {"should": spoken}}, MAX_HITS, allow_partial_search_results=False
    )
    return ((DocumentKey(hit["_index"], hit["_id"]), hit["_source"]) for hit in response["hits"]["hits"])
