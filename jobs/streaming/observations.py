"""Stored observations: the document of one patient and instant, and the rule for when it is met again.

`resolve` decides what a message does to the document of its instant. It is pure, and gives the same end whatever way
messages were cut into micro-batches and however often a micro-batch is repeated: the document itself notes which
messages it has met (``merged_from``, ``duplicates``), by their place in the topic.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

from conf.clinical import mean_arterial_pressure, pressure_category
from conf.times import iso_us
from fhir.readings import CORRECTIONS, RETRACTED_STATUS, Reading, Retraction
from jobs.streaming.intake import Source

Document = dict[str, Any]

CONFLICT_FLAG: Final = "conflicting_values"
DUPLICATE_DETAIL: Final = "adds nothing to what is stored of this instant"
_NOTES: Final = ("merged_from", "duplicates", "retracted_ids")


class Verdict(Enum):
    """What became of a message that met the document of its instant."""

    STORED = "stored"  # it changed the document
    KNOWN = "known"  # the document already knows this very message: a repeated micro-batch
    DUPLICATE = "duplicate"  # it says nothing new: refused


class Resolution(NamedTuple):
    """The document as it now stands, and what became of the message."""

    document: Document
    verdict: Verdict


def observation_document(reading: Reading, source: Source, topic: str, ingested_at: str) -> Document:
    """The document of a reading, fields as in the index template; what is not known is left out."""
    document = {
        "@timestamp": iso_us(reading.effective_us),
        "utc_offset_minutes": reading.utc_offset_minutes,
        "patient_id": reading.patient_id,
        "heart_rate": reading.heart_rate,
        "observation_id": reading.observation_id,
        "version_id": reading.version_id,
        "status": reading.status,
        "device_id": reading.device_id,
        "flags": list(reading.flags),
        "source_topic": topic,
        "source_partition": source.partition,
        "source_offset": source.offset,
        "ingested_at": ingested_at,
    }
    return {key: value for key, value in document.items() if value is not None} | _pressures(reading)


def _pressures(reading: Reading) -> Document:
    if reading.systolic is None or reading.diastolic is None:
        return {}
    return {
        "systolic": reading.systolic,
        "diastolic": reading.diastolic,
        "mean_arterial_pressure": mean_arterial_pressure(reading.systolic, reading.diastolic),
        "pulse_pressure": round(reading.systolic - reading.diastolic, 1),
        "category": pressure_category(reading.systolic, reading.diastolic),
    }


def retraction_document(
    patient_id: str, effective_us: int, retraction: Retraction, source: Source, topic: str, ingested_at: str
) -> Document:
    """The document that holds the place of a retracted reading until, if ever, the reading is met."""
    document = {
        "@timestamp": iso_us(effective_us),
        "patient_id": patient_id,
        "observation_id": retraction.observation_id,
        "status": RETRACTED_STATUS,
        "flags": [],
        "retracted_ids": [retraction.observation_id] if retraction.observation_id else [],
        "source_topic": topic,
        "source_partition": source.partition,
        "source_offset": source.offset,
        "ingested_at": ingested_at,
    }
    return {key: value for key, value in document.items() if value is not None}


def resolve(stored: Document | None, incoming: Document) -> Resolution:
    """Bring a message's document and the stored one of the same patient and instant together.

    A correction wins, otherwise the later arrival; a separate heart rate joins the pressures; a retracted reading never
    comes back under its Observation id; what says nothing new is a duplicate.
    """
    if stored is None:
        return Resolution(incoming, Verdict.STORED)
    if _place(incoming) in (_place(stored), *stored.get("merged_from", ())):
        return Resolution(stored, Verdict.KNOWN)
    if _place(incoming) in stored.get("duplicates", ()):
        return Resolution(stored, Verdict.DUPLICATE)
    if is_retraction(incoming):
        return Resolution(_meet_retraction(stored, incoming), Verdict.STORED)
    if incoming.get("observation_id") in stored.get("retracted_ids", ()):
        return _duplicate(stored, incoming)
    if _has_no_pressures(incoming):
        return _join_heart_rate(stored, incoming)
    if is_retraction(stored) or _has_no_pressures(stored):
        return Resolution(_keep_joined_heart_rate(_after(incoming, stored), stored), Verdict.STORED)
    return _resolve_pressures(stored, incoming)


def retract(stored: Document) -> Document:
    """Mark a stored document as entered in error; its values stay for the record."""
    return stored | {"status": RETRACTED_STATUS}


def retract_by_id(stored: Document, observation_id: str) -> Document:
    """Mark a stored document as entered in error, never to come back under this Observation id."""
    return retract(stored) | {"retracted_ids": [*stored.get("retracted_ids", ()), observation_id]}


def is_retraction(document: Document) -> bool:
    """Whether the document is, or has become, that of a reading entered in error."""
    return bool(document["status"] == RETRACTED_STATUS)


def _place(document: Document) -> str:
    """Where in the topic the message of a document came from."""
    return f"{document['source_partition']}-{document['source_offset']}"


def _has_no_pressures(document: Document) -> bool:
    return "systolic" not in document


def _is_correction(document: Document) -> bool:
    return document["status"] in CORRECTIONS


def _duplicate(stored: Document, incoming: Document) -> Resolution:
    noted = stored | {"duplicates": [*stored.get("duplicates", ()), _place(incoming)]}
    return Resolution(noted, Verdict.DUPLICATE)


def _meet_retraction(stored: Document, retraction: Document) -> Document:
    """Mark the document if it is the one retracted; take a joined heart rate out if that was retracted."""
    noted = _after(stored, retraction)
    named = retraction.get("observation_id")
    if named is None:
        return retract(_without(noted, "heart_rate_from"))
    if named == stored.get("observation_id"):
        return retract(noted)
    if named == stored.get("heart_rate_from"):
        return _without(noted, "heart_rate", "heart_rate_from")
    return noted


def _without(document: Document, *names: str) -> Document:
    return {name: value for name, value in document.items() if name not in names}


def _join_heart_rate(stored: Document, incoming: Document) -> Resolution:
    """Let a separate heart rate meet its instant; a heart rate component stands, of separate ones the later arrival."""
    if is_retraction(stored) and _has_no_pressures(stored):  # nothing stands here that it could join
        return Resolution(_after(incoming, stored), Verdict.STORED)
    has_component = stored.get("heart_rate") is not None and _separate_heart_rate(stored) is None
    if has_component or stored.get("heart_rate") == incoming["heart_rate"]:
        return _duplicate(stored, incoming)
    if _has_no_pressures(stored):
        return Resolution(_flag_conflict(_after(incoming, stored)), Verdict.STORED)
    joined = {"heart_rate": incoming["heart_rate"], "heart_rate_from": _heart_rate_id(incoming)}
    return Resolution(_after(stored, incoming) | joined, Verdict.STORED)


def _heart_rate_id(document: Document) -> str:
    """How a joined heart rate is named, so that its retraction finds it."""
    return str(document.get("observation_id", _place(document)))


def _resolve_pressures(stored: Document, incoming: Document) -> Resolution:
    successor = _keep_joined_heart_rate(_after(incoming, stored), stored)
    if _is_correction(incoming):
        return Resolution(successor, Verdict.STORED)
    if _is_correction(stored) or _same_values(stored, incoming):
        return _duplicate(stored, incoming)
    if (stored["systolic"], stored["diastolic"]) == (incoming["systolic"], incoming["diastolic"]):
        return Resolution(successor, Verdict.STORED)
    return Resolution(_flag_conflict(successor), Verdict.STORED)


def _same_values(stored: Document, incoming: Document) -> bool:
    heart_rate = incoming.get("heart_rate")
    same_rate = heart_rate is None or heart_rate == stored.get("heart_rate")
    return same_rate and all(stored[name] == incoming[name] for name in ("systolic", "diastolic"))


def _after(document: Document, other: Document) -> Document:
    """The document with all that the other one has noted, and the other one's own message."""
    notes = {name: [*document.get(name, ()), *other.get(name, ())] for name in _NOTES}
    notes["merged_from"].append(_place(other))
    return document | {name: noted for name, noted in notes.items() if noted}


def _keep_joined_heart_rate(successor: Document, stored: Document) -> Document:
    """A heart rate that came as a message of its own joins the successor of what it had joined, unless retracted."""
    joined_from = _separate_heart_rate(stored)
    if successor.get("heart_rate") is not None or joined_from in (None, *stored.get("retracted_ids", ())):
        return successor
    return successor | {"heart_rate": stored["heart_rate"], "heart_rate_from": joined_from}


def _separate_heart_rate(document: Document) -> str | None:
    """The name of the standing heart rate that came as a message of its own, if the document has one."""
    if _has_no_pressures(document) and not is_retraction(document):
        return _heart_rate_id(document)
    return document.get("heart_rate_from")


def _flag_conflict(document: Document) -> Document:
    return document | {"flags": sorted({*document["flags"], CONFLICT_FLAG})}
