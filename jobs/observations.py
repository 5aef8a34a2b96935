"""Stored observations: the document of one patient and instant, and the rule for when it is met again.

`resolve` decides what a message does to the document of its instant. It is pure, and gives the same end whatever way
messages were cut into micro-batches and however often a micro-batch is repeated.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

from conf.clinical import mean_arterial_pressure, pressure_category
from jobs.fhir.readings import Reading
from jobs.indices import isoformat_us
from jobs.intake import Source

Document = dict[str, Any]

RETRACTED_STATUS: Final = "entered-in-error"
CORRECTED_STATUS: Final = frozenset({"amended", "corrected"})
CONFLICT_FLAG: Final = "conflicting_values"


class Verdict(Enum):
    """What became of a message that met the document of its instant."""

    STORED = "stored"  # it changed the document
    KNOWN = "known"  # the document already knows this very message: a repeated micro-batch
    DUPLICATE = "duplicate"  # it says nothing new: refused


class Resolution(NamedTuple):
    """The document as it now stands; `detail` says why a duplicate is one."""

    document: Document
    verdict: Verdict
    detail: str = ""


def observation_document(reading: Reading, source: Source, topic: str, ingested_at: str) -> Document:
    """The document of a reading, fields as in the index template; what is not known is left out."""
    document = {
        "@timestamp": isoformat_us(reading.effective_us),
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


def resolve(stored: Document | None, incoming: Document) -> Resolution:
    """Bring a message's document and the stored one of the same patient and instant together.

    A correction wins, otherwise the later arrival; a separate heart rate joins the pressures; a retracted reading never
    comes back under its Observation id; the same values again are a duplicate.
    """
    if stored is None:
        return Resolution(incoming, Verdict.STORED)
    if _is_known(stored, incoming):
        return Resolution(stored, Verdict.KNOWN)
    if _is_heart_rate_only(incoming):
        return _join_heart_rate(stored, incoming)
    if stored["status"] == RETRACTED_STATUS:
        return _meet_retracted(stored, incoming)
    if _is_heart_rate_only(stored):
        return Resolution(_with_heart_rate(incoming, stored), Verdict.STORED)
    return _resolve_pressures(stored, incoming)


def retract(stored: Document) -> Document:
    """Mark a stored document as entered in error; its values stay for the record."""
    return stored | {"status": RETRACTED_STATUS}


def place(document: Document) -> str:
    """Where in the topic a document's message came from, as kept in `merged_from` and `heart_rate_from`."""
    return f"{document['source_partition']}-{document['source_offset']}"


def _is_known(stored: Document, incoming: Document) -> bool:
    return place(incoming) in (place(stored), *stored.get("merged_from", ()))


def _is_heart_rate_only(document: Document) -> bool:
    return "systolic" not in document


def _is_correction(document: Document) -> bool:
    return document["status"] in CORRECTED_STATUS


def _join_heart_rate(stored: Document, incoming: Document) -> Resolution:
    if stored.get("heart_rate") is None:
        return Resolution(_with_heart_rate(stored, incoming), Verdict.STORED)
    if _is_heart_rate_only(stored) and stored["heart_rate"] != incoming["heart_rate"]:
        return Resolution(_flag_conflict(_after(incoming, stored)), Verdict.STORED)
    return Resolution(stored, Verdict.DUPLICATE, f"heart rate of this instant is known: {stored['heart_rate']}")


def _with_heart_rate(pressures: Document, heart_rate: Document) -> Document:
    """Let a separate heart rate join a document of pressures, which keeps a heart rate of its own."""
    joined = _after(pressures, heart_rate)
    if pressures.get("heart_rate") is not None:
        return joined
    return joined | {"heart_rate": heart_rate["heart_rate"], "heart_rate_from": place(heart_rate)}


def _resolve_pressures(stored: Document, incoming: Document) -> Resolution:
    successor = _keep_joined_heart_rate(_after(incoming, stored), stored)
    if _is_correction(incoming):
        return Resolution(successor, Verdict.STORED)
    if _is_correction(stored):
        return Resolution(stored, Verdict.DUPLICATE, "a correction of this reading is stored")
    if _same_values(stored, incoming):
        return Resolution(stored, Verdict.DUPLICATE, f"same values as {place(stored)}")
    if (stored["systolic"], stored["diastolic"]) == (incoming["systolic"], incoming["diastolic"]):
        return Resolution(successor, Verdict.STORED)
    return Resolution(_flag_conflict(successor), Verdict.STORED)


def _meet_retracted(stored: Document, incoming: Document) -> Resolution:
    if stored.get("observation_id") == incoming.get("observation_id"):
        return Resolution(stored, Verdict.DUPLICATE, "this reading was retracted")
    return Resolution(_after(incoming, stored), Verdict.STORED)


def _same_values(stored: Document, incoming: Document) -> bool:
    heart_rate = incoming.get("heart_rate")
    same_rate = heart_rate is None or heart_rate == stored.get("heart_rate")
    return same_rate and all(stored[name] == incoming[name] for name in ("systolic", "diastolic"))


def _after(document: Document, other: Document) -> Document:
    """The document with the messages of the other one noted, so that a repetition of them is known."""
    noted = [*document.get("merged_from", ()), *other.get("merged_from", ()), place(other)]
    return document | {"merged_from": noted}


def _keep_joined_heart_rate(successor: Document, stored: Document) -> Document:
    """A heart rate that had joined the replaced reading as a message of its own joins its successor too."""
    if "heart_rate_from" not in stored or successor.get("heart_rate") is not None:
        return successor
    return successor | {name: stored[name] for name in ("heart_rate", "heart_rate_from")}


def _flag_conflict(document: Document) -> Document:
    return document | {"flags": sorted({*document["flags"], CONFLICT_FLAG})}
