"""Stored observations: the document of one patient and instant, and what becomes of it when a message meets it.

`resolve` and `revise` decide that, by the rule of `fhir.precedence`. They are pure, and give the same end whatever way
messages were cut into micro-batches and however often a micro-batch is repeated: the document notes which messages it
has met (``merged_from``, ``duplicates``, by their place in the topic) and keeps what those say that do not stand
(``merged``), so that it can fall back to them. A document is bounded: it keeps the newest of each.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from conf.times import iso_us
from fhir.precedence import Statement, StatementKind
from fhir.readings import CORRECTIONS, FIRST_VERSION, HEART_RATE_ONLY, RETRACTED_STATUS, Reading, Retraction
from jobs.streaming.source import TopicPlace
from jobs.streaming.standing import (
    HERE,
    Document,
    is_outdated,
    is_retraction,
    message_of,
    names_of,
    noted_places,
    own_message,
    place_of,
    said_in,
    show,
    stands_among,
    unretracted_of,
    with_derived,
    with_merged,
)

DUPLICATE_DETAIL: Final = "adds nothing to what is stored of this instant"


class DocumentKey(NamedTuple):
    """Where a document is stored."""

    index_name: str
    id: str


class Verdict(Enum):
    """What became of a message that met the document of its instant."""

    STORED = "stored"  # it changed the document
    KNOWN = "known"  # the document already knows this very message: a repeated micro-batch
    DUPLICATE = "duplicate"  # it says nothing new: refused


class Resolution(NamedTuple):
    """The document as it now stands, and what became of the message."""

    document: Document
    verdict: Verdict


def observation_document(reading: Reading, place: TopicPlace, topic: str, ingested_at: str) -> Document:
    """Return the document of a reading, fields as in the index template; what is not known is left out."""
    document = {
        "@timestamp": iso_us(reading.effective_us),
        "utc_offset_minutes": reading.utc_offset_minutes,
        "patient_id": reading.patient_id,
        "systolic": reading.systolic,
        "diastolic": reading.diastolic,
        "heart_rate": reading.heart_rate,
        "observation_id": reading.observation_id,
        "partner_id": reading.partner_id,
        "version_id": reading.version_id,
        "version": reading.version or None,
        "status": reading.status,
        "device_id": reading.device_id,
        "body_site": reading.body_site,
        "flags": list(reading.flags),
        "source_topic": topic,
        "source_partition": place.partition,
        "source_offset": place.offset,
        "received_at": iso_us(place.received_us),
        "ingested_at": ingested_at,
    }
    return with_derived({name: value for name, value in document.items() if value is not None})


def retraction_document(
    patient_id: str, effective_us: int, retraction: Retraction, place: TopicPlace, topic: str, ingested_at: str
) -> Document:
    """Return the document that holds the place of a reading that was taken back until, if ever, the reading is met."""
    name, note = retraction.observation_id, note_of_retraction(retraction, place)
    document = {
        "@timestamp": iso_us(effective_us),
        "patient_id": patient_id,
        "observation_id": name,
        "status": RETRACTED_STATUS,
        "flags": [HEART_RATE_ONLY] if retraction.is_heart_rate else [],
        "source_topic": topic,
        "source_partition": place.partition,
        "source_offset": place.offset,
        "ingested_at": ingested_at,
    }
    known = {field: value for field, value in document.items() if value is not None}
    if not retraction.for_good:
        return with_merged(known, [note])
    return known if name is None else known | {"retracted_ids": [name]}


def note_of_reading(reading: Reading, place: TopicPlace) -> Document:
    """Return what a reading says to documents of other instants and patients: it was measured elsewhere."""
    return _note(reading.observation_id, reading.partner_id, reading.version, place) | {
        "status": reading.status,
        "patient_id": reading.patient_id,
        "moved": True,
    }


def note_of_retraction(retraction: Retraction, place: TopicPlace) -> Document:
    """Return what a retraction says to the documents in which its Observation has spoken."""
    what = "retracted" if retraction.for_good else "withdrawn"
    return _note(retraction.observation_id, None, retraction.version, place) | {"status": what, what: True}


def _note(name: str | None, partner: str | None, version: int, place: TopicPlace) -> Document:
    note = {"observation_id": name, "partner_id": partner, "version": version or None}
    known = {field: value for field, value in note.items() if value is not None}
    return known | {"source_partition": place.partition, "source_offset": place.offset}


def notes_in(document: Document) -> list[Document]:
    """Return what the messages of a document say to other documents, as far as they may take something back there."""
    retracted = {"status": "retracted", "retracted": True} | {
        field: document[field] for field in ("source_partition", "source_offset")
    }
    notes = [retracted | {"observation_id": name} for name in document.get("retracted_ids", ())]
    for message in said_in(document):
        if message.get("moved") or message.get("withdrawn"):
            notes.append(message)
        elif names_of(message) and (message["status"] in CORRECTIONS or message.get("version", 0) > FIRST_VERSION):
            fields = ("observation_id", "partner_id", "version", "status", "source_partition", "source_offset")
            note = {field: message[field] for field in fields if field in message}
            notes.append(note | {"patient_id": document["patient_id"], "moved": True})
    return notes


def resolve(stored: Document | None, incoming: Document) -> Resolution:
    """Let a message's document meet the stored one of the same patient and instant."""
    if stored is None:
        return Resolution(incoming, Verdict.STORED)
    if is_retraction(incoming):
        document = _take_back(stored, incoming)
        return Resolution(document, Verdict.KNOWN if document == stored else Verdict.STORED)
    place = place_of(incoming)
    if place in noted_places(stored):
        return Resolution(stored, Verdict.DUPLICATE if place in stored.get("duplicates", ()) else Verdict.KNOWN)
    said, message = said_in(stored), message_of(incoming)
    kept = unretracted_of([*said, message], stored.get("retracted_ids", ()))
    before, after = stands_among(said), stands_among(kept)
    takes_over = (
        after is not None
        and after.reading is message
        and (message["status"] in CORRECTIONS or (before is not None and before.reading not in after.in_force))
    )
    # what stands nowhere may still be a newer version of what stood here, which then stands no more
    is_same = before is after if before is None or after is None else before.values == after.values
    if is_same and not takes_over:
        noted = stored | {"duplicates": [*stored.get("duplicates", ()), place]}
        own = own_message(stored)
        return Resolution(with_merged(noted, [other for other in kept if other != own]), Verdict.DUPLICATE)
    return Resolution(show(stored, kept, message, takes_over=takes_over), Verdict.STORED)


def revise(stored: Document, note: Document) -> Document:
    """Let what an Observation says elsewhere, or no more, meet a document in which it has spoken; repeatable.

    Nothing happens where the document says that very thing itself, or knows something newer of the Observation.
    """
    names, said = names_of(note), said_in(stored)
    spoken = [message for message in (message_of(stored), *said) if names & names_of(message)]
    if not spoken or names <= {*stored.get("retracted_ids", ())}:
        return stored
    if "retracted" in note:
        return _retract(stored, note["observation_id"], note)
    is_own = any(
        place_of(message) == place_of(note) and ("withdrawn" in message) == ("withdrawn" in note) for message in spoken
    )
    if is_own or is_outdated(note, said):
        return stored
    return show(stored, unretracted_of([*said, note], stored.get("retracted_ids", ())), note)


def _take_back(stored: Document, retraction: Document) -> Document:
    """Let the document of a retraction or a withdrawal meet the stored one of its instant."""
    retracted = stored.get("retracted_ids", ())
    if "merged" in retraction:
        (note,) = retraction["merged"]
        said = [message for message in said_in(stored) if message != note]
        return show(stored, unretracted_of([*said, note], retracted), retraction)
    if "observation_id" in retraction:
        return _retract(stored, retraction["observation_id"], retraction)
    rate = 0.0 if HEART_RATE_ONLY in retraction["flags"] else None
    offset = retraction["source_offset"]
    unnamed = Statement(StatementKind.RETRACTION, HERE, offset, None, False, None, None, rate, -1)
    return show(stored, unretracted_of(said_in(stored), retracted, unnamed), retraction)


def _retract(stored: Document, name: str, retraction: Document) -> Document:
    """Take out what is said under an Observation id, for good."""
    names = list(dict.fromkeys([*stored.get("retracted_ids", ()), name]))
    return show(stored | {"retracted_ids": names}, unretracted_of(said_in(stored), names), retraction)
