"""Stored observations: the document of one patient and instant, and what becomes of it when a message meets it.

`resolve` and `revise` decide that, by the rule of `fhir.precedence`. They are pure, and give the same end whatever way
messages were cut into micro-batches and however often a micro-batch is repeated: the document notes which messages it
has met (``merged_from``, ``duplicates``, by their place in the topic) and keeps what those say that do not stand
(``merged``), so that it can fall back to them. A document is bounded: it keeps the newest of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from conf.clinical import mean_arterial_pressure, pressure_category
from conf.times import iso_us
from fhir.precedence import Standing, Statement, StatementKind, in_force, stands_at
from fhir.readings import CONFLICTING_VALUES, CORRECTIONS, HEART_RATE_ONLY, RETRACTED_STATUS, Reading, Retraction
from jobs.streaming.source import TopicPlace

Document = dict[str, Any]

DUPLICATE_DETAIL: Final = "adds nothing to what is stored of this instant"
MAX_MERGED: Final = 20  # messages of one instant that a document can fall back to; the state of a window holds 60
MAX_NOTED: Final = 200  # places and Observation ids in each note

_OF_THE_INSTANT: Final = ("@timestamp", "patient_id", "source_topic")
_OF_A_MESSAGE: Final = (
    "utc_offset_minutes",
    "systolic",
    "diastolic",
    "heart_rate",
    "observation_id",
    "version_id",
    "status",
    "device_id",
    "flags",
    "source_partition",
    "source_offset",
    "ingested_at",
)
_NOTES: Final = ("merged_from", "duplicates", "retracted_ids")
_HERE, _ELSEWHERE = 0, 1  # instants as `fhir.precedence` is told them: the document's, and any other


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
        "version_id": reading.version_id,
        "status": reading.status,
        "device_id": reading.device_id,
        "flags": list(reading.flags),
        "source_topic": topic,
        "source_partition": place.partition,
        "source_offset": place.offset,
        "ingested_at": ingested_at,
    }
    return _with_derived({name: value for name, value in document.items() if value is not None})


def _with_derived(document: Document) -> Document:
    """Add what follows from the pressures, if there are any."""
    if "systolic" not in document:
        return document
    systolic, diastolic = document["systolic"], document["diastolic"]
    return document | {
        "mean_arterial_pressure": mean_arterial_pressure(systolic, diastolic),
        "pulse_pressure": round(systolic - diastolic, 1),
        "category": pressure_category(systolic, diastolic),
    }


def retraction_document(
    patient_id: str, effective_us: int, retraction: Retraction, place: TopicPlace, topic: str, ingested_at: str
) -> Document:
    """Return the document that holds the place of a retracted reading until, if ever, the reading is met."""
    document = {
        "@timestamp": iso_us(effective_us),
        "patient_id": patient_id,
        "observation_id": retraction.observation_id,
        "status": RETRACTED_STATUS,
        "flags": [],
        "retracted_ids": [retraction.observation_id] if retraction.observation_id else None,
        "source_topic": topic,
        "source_partition": place.partition,
        "source_offset": place.offset,
        "ingested_at": ingested_at,
    }
    return {name: value for name, value in document.items() if value is not None}


def is_retraction(document: Document) -> bool:
    """Tell whether the document is, or has become, that of a reading entered in error."""
    return bool(document["status"] == RETRACTED_STATUS)


def resolve(stored: Document | None, incoming: Document) -> Resolution:
    """Let a message's document meet the stored one of the same patient and instant."""
    if stored is None:
        return Resolution(incoming, Verdict.STORED)
    if is_retraction(incoming):
        document = _retract(stored, incoming.get("observation_id"), incoming)
        return Resolution(document, Verdict.KNOWN if document == stored else Verdict.STORED)
    place = _place(incoming)
    if place in _noted(stored):
        return Resolution(stored, Verdict.DUPLICATE if place in stored.get("duplicates", ()) else Verdict.KNOWN)
    said, message = _said(stored), _message(incoming)
    kept = _in_force([*said, message], stored.get("retracted_ids", ()))
    before, after = _standing(said), _standing(kept)
    corrects = after is not None and after.reading.corrected and kept[after.reading.number] is message
    if after is None or (before is not None and before.values == after.values and not corrects):
        noted = stored | {"duplicates": [*stored.get("duplicates", ()), place]}
        return Resolution(_with_merged(noted, [other for other in kept if other != _own(stored)]), Verdict.DUPLICATE)
    return Resolution(_show(stored, kept, message, takes_over=corrects), Verdict.STORED)


def revise(stored: Document, revision: Reading | Retraction, place: TopicPlace) -> Document:
    """Let a revision that names no instant, or another one, meet a document in which its Observation has spoken.

    A retraction takes the Observation out. A correction has moved it to another instant, and holds against a resend of
    what it corrects. Neither does anything where the Observation's first message arrived after it.
    """
    name, said = revision.observation_id, _said(stored)
    revised = [message for message in (_message(stored), *said) if message.get("observation_id") == name]
    arrived_before = any(message["source_offset"] <= place.offset for message in revised)
    if name is None or not arrived_before or name in stored.get("retracted_ids", ()):
        return stored
    origin: Document = {"source_partition": place.partition, "source_offset": place.offset}
    if isinstance(revision, Retraction):
        return _retract(stored, name, origin)
    moved = origin | {"observation_id": name, "status": revision.status, "moved": True}
    known = [message for message in said if message != moved]
    return _show(stored, _in_force([*known, moved], stored.get("retracted_ids", ())), moved)


def _retract(stored: Document, name: str | None, retraction: Document) -> Document:
    """Take out what is said under an Observation id, for good, or without one what arrived before."""
    if name is None:
        offset = retraction["source_offset"]
        unnamed = Statement(StatementKind.RETRACTION, _HERE, offset, None, False, None, None, None, -1)
        return _show(stored, _in_force(_said(stored), stored.get("retracted_ids", ()), unnamed), retraction)
    names = list(dict.fromkeys([*stored.get("retracted_ids", ()), name]))
    return _show(stored | {"retracted_ids": names}, _in_force(_said(stored), names), retraction)


def _noted(document: Document) -> set[str]:
    """Return the places of all messages that a document has met."""
    messages = (document, *document.get("merged", ()))
    return {*map(_place, messages), *document.get("merged_from", ()), *document.get("duplicates", ())}


def _said(document: Document) -> list[Document]:
    """Return what the messages of a document say that is in force, each as the fields of its own."""
    own = _own(document)
    said = [*([] if own is None else [own]), *document.get("merged", ())]
    joined = document.get("heart_rate_from")
    if joined is None or any(_name_or_place(message) == joined for message in said):
        return said
    # a document of an earlier release knows only its value and name, and so does one that has met too many messages
    lost = {name: document[name] for name in ("heart_rate", "source_partition", "source_offset", "ingested_at")}
    lost |= {"status": "final", "flags": [HEART_RATE_ONLY]}
    if joined not in document.get("merged_from", ()):
        return [*said, lost | {"observation_id": joined}]
    partition, offset = map(int, joined.split("-"))
    return [*said, lost | {"source_partition": partition, "source_offset": offset}]


def _own(document: Document) -> Document | None:
    """Return what the message that a document shows said itself, None if it has been retracted."""
    if is_retraction(document):
        return None
    message = _message(document)
    if _is_contradicted(message, document.get("merged", ())):  # else another's retraction would leave the flag behind
        message["flags"] = [flag for flag in message["flags"] if flag != CONFLICTING_VALUES]
    return _without(message, "heart_rate") if "heart_rate_from" in document else message


def _message(document: Document) -> Document:
    return {name: document[name] for name in _OF_A_MESSAGE if name in document}


def _without(document: Document, *names: str) -> Document:
    return {name: value for name, value in document.items() if name not in names}


def _place(message: Document) -> str:
    """Return where in the topic a message came from."""
    return f"{message['source_partition']}-{message['source_offset']}"


def _name_or_place(message: Document) -> str:
    """Return how a joined heart rate is named."""
    return str(message.get("observation_id", _place(message)))


def _statement(message: Document, number: int) -> Statement:
    return Statement(
        StatementKind.PRESSURE if "systolic" in message else StatementKind.HEART_RATE,
        _ELSEWHERE if "moved" in message else _HERE,
        message["source_offset"],
        message.get("observation_id"),
        message["status"] in CORRECTIONS,
        message.get("systolic"),
        message.get("diastolic"),
        message.get("heart_rate"),
        number,
    )


def _in_force(messages: Sequence[Document], retracted_ids: Iterable[str], *unnamed: Statement) -> list[Document]:
    named = [Statement(StatementKind.RETRACTION, _HERE, 0, name, False, None, None, None, -1) for name in retracted_ids]
    statements = [*map(_statement, messages, range(len(messages))), *named, *unnamed]
    return [messages[statement.number] for statement in in_force(statements)]


def _standing(kept: Sequence[Document]) -> Standing | None:
    """Return what stands here of the messages in force: what a correction moved away speaks elsewhere."""
    statements = map(_statement, kept, range(len(kept)))
    return stands_at(statement for statement in statements if statement.effective_us == _HERE)


def _show(stored: Document, kept: Sequence[Document], met: Document, *, takes_over: bool = False) -> Document:
    """Return the document with what stands of the messages in force, having met one more.

    What it shows stays shown where a later message only says the same, unless that `takes_over`, as a correction does.
    Where no reading stands any more it is marked as entered in error, and its values stay for the record, also when it
    leaves a heart rate behind: that waits for the next reading of the instant.
    """
    if sorted(map(_place, kept)) == sorted(map(_place, _said(stored))) and _place(met) in _noted(stored):
        return stored
    standing = _standing(kept)
    if standing is None or ("systolic" in stored and standing.reading.kind is StatementKind.HEART_RATE):
        shown, others = _without(stored, "heart_rate_from") | {"status": RETRACTED_STATUS}, kept
    else:
        reading, source = (kept[statement.number] for statement in standing)
        own = _own(stored)
        if own is not None and own in kept and not takes_over and _says_the_same(own, reading, source):
            reading = own
        others = [message for message in kept if message != reading]
        notes = {name: stored[name] for name in (*_OF_THE_INSTANT, *_NOTES) if name in stored}
        shown = notes | _with_derived(reading) | _joined(reading, source)
        if _is_contradicted(reading, others):
            shown["flags"] = sorted({*reading["flags"], CONFLICTING_VALUES})
    met_places = dict.fromkeys([*stored.get("merged_from", ()), _place(stored), _place(met)])
    noted = {_place(shown), *shown.get("duplicates", ())}
    return _with_merged(shown | {"merged_from": [place for place in met_places if place not in noted]}, others)


def _says_the_same(own: Document, reading: Document, source: Document) -> bool:
    """Tell whether what a document shows says as much as what stands, a joined heart rate aside."""
    same = all(own.get(name) == reading.get(name) for name in ("systolic", "diastolic"))
    is_joined = "systolic" in own and "systolic" not in source
    same_rate = is_joined or own.get("heart_rate") == source.get("heart_rate")
    return same and same_rate and (own["status"] in CORRECTIONS) == (reading["status"] in CORRECTIONS)


def _joined(reading: Document, source: Document) -> Document:
    """Return a heart rate that another message brought, under the name by which its retraction finds it."""
    if reading.get("heart_rate") == source.get("heart_rate"):
        return {}
    return {"heart_rate": source["heart_rate"], "heart_rate_from": _name_or_place(source)}


def _is_contradicted(reading: Document, others: Iterable[Document]) -> bool:
    """Tell whether other messages of its kind say something else than a reading that corrects nothing."""
    names = ("systolic", "diastolic") if "systolic" in reading else ("heart_rate",)
    alike = (other for other in others if "moved" not in other and ("systolic" in other) == ("systolic" in reading))
    return reading["status"] not in CORRECTIONS and any(
        other[name] != reading[name] for other in alike for name in names
    )


def _with_merged(document: Document, others: Iterable[Document]) -> Document:
    """Return the document with its notes, none of them longer than it may be, and none empty."""
    by_rank = sorted(others, key=lambda message: (message["status"] in CORRECTIONS, message["source_offset"]))
    merged = sorted(by_rank[-MAX_MERGED:], key=lambda message: int(message["source_offset"]))
    names = sorted({message["observation_id"] for message in merged if "observation_id" in message})
    notes = {name: document.get(name, [])[-MAX_NOTED:] for name in _NOTES}
    notes |= {"merged": merged, "merged_ids": names}
    return _without(document, *notes) | {name: noted for name, noted in notes.items() if noted}
