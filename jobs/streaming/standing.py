"""What the messages that a document has met say, which of them stand, and how the document shows it.

A document shows the message that stands and keeps the others, also what is replaced: a message that arrives later may
compare with it. Among them are notes of what an Observation says at another instant or of another patient (``moved``),
or no more (``withdrawn``): they take the place of what it says here, and speak of no value themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from conf.clinical import mean_arterial_pressure, pressure_category
from fhir.precedence import Statement, StatementKind, in_force, newest_versions, stands_at, unretracted
from fhir.readings import CONFLICTING_VALUES, CORRECTIONS, HEART_RATE_ONLY, RETRACTED_STATUS, TWO_SITES

Document = dict[str, Any]

MAX_MERGED: Final = 20  # messages of one instant that a document can fall back to; the state of a window holds 60
MAX_NOTED: Final = 200  # places and Observation ids in each note
HERE: Final = 0  # instants as `fhir.precedence` is told them: the document's, and any other
_ELSEWHERE: Final = 1

_OF_THE_INSTANT: Final = ("@timestamp", "patient_id", "source_topic", "withdrawn_at", "withdrawn_by_others")
_OF_A_MESSAGE: Final = (
    "utc_offset_minutes",
    "systolic",
    "diastolic",
    "heart_rate",
    "observation_id",
    "partner_id",
    "version_id",
    "version",
    "status",
    "device_id",
    "body_site",
    "flags",
    "source_partition",
    "source_offset",
    "received_at",
    "ingested_at",
)
_NOTES: Final = ("merged_from", "duplicates", "retracted_ids")


class Shown(NamedTuple):
    """What stands of messages: the reading, the message its heart rate is from, and all that is in force."""

    reading: Document
    heart_rate_from: Document
    in_force: list[Document]

    @property
    def values(self) -> tuple[float | None, ...]:
        """Systolic, diastolic and heart rate as they stand."""
        return *(self.reading.get(name) for name in ("systolic", "diastolic")), self.heart_rate_from.get("heart_rate")


def is_retraction(document: Document) -> bool:
    """Tell whether the document is, or has become, that of a reading entered in error."""
    return bool(document["status"] == RETRACTED_STATUS)


def with_derived(document: Document) -> Document:
    """Add what follows from the pressures, if there are any."""
    if "systolic" not in document:
        return document
    systolic, diastolic = document["systolic"], document["diastolic"]
    return document | {
        "mean_arterial_pressure": mean_arterial_pressure(systolic, diastolic),
        "pulse_pressure": round(systolic - diastolic, 1),
        "category": pressure_category(systolic, diastolic),
    }


def noted_places(document: Document) -> set[str]:
    """Return the places of all messages that a document has met."""
    messages = (document, *document.get("merged", ()))
    return {*map(place_of, messages), *document.get("merged_from", ()), *document.get("duplicates", ())}


def said_in(document: Document) -> list[Document]:
    """Return what the messages that a document keeps say, each as the fields of its own."""
    own = own_message(document)
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


def own_message(document: Document) -> Document | None:
    """Return what the message that a document shows said itself, None if it has been retracted."""
    if is_retraction(document):
        return None
    message = message_of(document)
    others = in_force_of([message, *document.get("merged", ())])
    derived = _contradictions(message, others)  # they go when the others go
    message["flags"] = [flag for flag in message["flags"] if flag not in derived]
    return _without(message, "heart_rate") if "heart_rate_from" in document else message


def message_of(document: Document) -> Document:
    """Return the fields of a document that are of the message it shows."""
    return {name: document[name] for name in _OF_A_MESSAGE if name in document}


def _without(document: Document, *names: str) -> Document:
    return {name: value for name, value in document.items() if name not in names}


def place_of(message: Document) -> str:
    """Return where in the topic a message came from."""
    return f"{message['source_partition']}-{message['source_offset']}"


def _name_or_place(message: Document) -> str:
    """Return how a joined heart rate is named."""
    return str(message.get("observation_id", place_of(message)))


def names_of(message: Document) -> set[str]:
    """Return what a retraction or another version may call a message."""
    return {message[name] for name in ("observation_id", "partner_id") if name in message}


def _statement(message: Document, number: int) -> Statement:
    is_note = "moved" in message or "withdrawn" in message
    kind = StatementKind.PRESSURE if "systolic" in message else StatementKind.HEART_RATE
    return Statement(
        StatementKind.WITHDRAWAL if "withdrawn" in message else kind,
        _ELSEWHERE if is_note else HERE,
        message["source_offset"],
        message.get("observation_id"),
        message["status"] in CORRECTIONS,
        message.get("systolic"),
        message.get("diastolic"),
        message.get("heart_rate"),
        number,
        message.get("version", 0),
        message.get("partner_id"),
        message.get("body_site"),
    )


def unretracted_of(messages: Sequence[Document], retracted_ids: Iterable[str], *unnamed: Statement) -> list[Document]:
    """Return the messages that no retraction takes out."""
    named = [Statement(StatementKind.RETRACTION, HERE, 0, name, False, None, None, None, -1) for name in retracted_ids]
    statements = [*map(_statement, messages, range(len(messages))), *named, *unnamed]
    return [messages[statement.number] for statement in unretracted(statements)]


def in_force_of(messages: Sequence[Document]) -> list[Document]:
    """Return the messages that nothing takes out or replaces."""
    return [messages[statement.number] for statement in in_force(map(_statement, messages, range(len(messages))))]


def names_in_force(document: Document) -> set[str]:
    """Return the names of the Observations that still say something at the instant of a document."""
    current = in_force_of(said_in(document))
    return {name for message in current if "moved" not in message for name in names_of(message)}


def is_outdated(note: Document, messages: Iterable[Document]) -> bool:
    """Tell whether messages say a newer version of the very Observations that a note is of: then it changes nothing.

    A newer one that has another name besides may be retracted under that, and the note is the newest again.
    """
    names = names_of(note)
    versions = [*(message for message in messages if names_of(message) == names), note]
    statements = list(map(_statement, versions, range(len(versions))))
    return statements[-1] not in newest_versions(statements)


def stands_among(messages: Sequence[Document]) -> Shown | None:
    """Return what stands here of messages: what was measured elsewhere speaks there."""
    current = in_force_of(messages)
    statements = map(_statement, current, range(len(current)))
    standing = stands_at(statement for statement in statements if statement.effective_us == HERE)
    if standing is None:
        return None
    reading, source = (current[statement.number] for statement in standing)
    return Shown(reading, source, current)


def show(stored: Document, kept: Sequence[Document], met: Document, *, takes_over: bool = False) -> Document:
    """Return the document with what stands of the messages it keeps, having met one more.

    What it shows stays shown where a later message only says the same, unless that `takes_over`, as a correction does.
    Where no reading stands any more it is marked as entered in error, and its values stay for the record, also when it
    leaves a heart rate behind: that waits for the next reading of the instant.
    """
    said = said_in(stored)
    if len(kept) == len(said) and all(message in said for message in kept) and place_of(met) in noted_places(stored):
        return stored
    standing = stands_among(kept)
    if standing is None or ("systolic" in stored and "systolic" not in standing.reading):
        shown, others = _without(stored, "heart_rate_from") | {"status": RETRACTED_STATUS}, list(kept)
    else:
        reading, source, current = standing
        own = own_message(stored)
        if own is not None and own in current and not takes_over and _says_the_same(own, reading, source):
            reading = own
        others = [message for message in kept if message != reading]
        notes = {name: stored[name] for name in (*_OF_THE_INSTANT, *_NOTES) if name in stored}
        shown = notes | with_derived(reading) | _joined(reading, source)
        if contradictions := _contradictions(reading, current):
            shown["flags"] = sorted({*reading["flags"], *contradictions})
    met_places = {*stored.get("merged_from", ()), place_of(stored), place_of(met)}
    noted = {place_of(shown), *shown.get("duplicates", ())}
    return with_merged(shown | {"merged_from": sorted(met_places - noted, key=_in_topic)}, others)


def _in_topic(place: str) -> tuple[int, ...]:
    """Return what places are sorted by: partition and offset, however the messages were met."""
    return tuple(map(int, place.split("-")))


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


def _contradictions(reading: Document, current: Iterable[Document]) -> set[str]:
    """Return the flags of a reading of which others of its kind in force differ: at another site, or in a value."""
    names = ("systolic", "diastolic") if "systolic" in reading else ("heart_rate",)
    alike = [other for other in current if "flags" in other and ("systolic" in other) == ("systolic" in reading)]
    site = reading.get("body_site")
    here = [other for other in alike if site is None or other.get("body_site") in (None, site)]
    differs = any(other[name] != reading[name] for other in here for name in names)
    flags = {TWO_SITES} if len(here) < len(alike) else set()
    return flags | {CONFLICTING_VALUES} if differs and reading["status"] not in CORRECTIONS else flags


def with_merged(document: Document, others: Iterable[Document]) -> Document:
    """Return the document with its notes, none of them longer than it may be, and none empty."""
    by_rank = sorted(others, key=lambda message: (_is_lasting(message), message["source_offset"]))
    merged = sorted(by_rank[-MAX_MERGED:], key=lambda message: int(message["source_offset"]))
    names = sorted({name for message in merged for name in names_of(message)})
    notes = {name: document.get(name, [])[-MAX_NOTED:] for name in _NOTES}
    notes |= {"merged": merged, "merged_ids": names}
    return _without(document, *notes) | {name: noted for name, noted in notes.items() if noted}


def _is_lasting(message: Document) -> bool:
    """Tell whether a message holds against resends that come after it."""
    return message["status"] in CORRECTIONS or "moved" in message or "withdrawn" in message
