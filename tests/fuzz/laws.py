"""The laws that hold whatever arrives. Each is a function that raises `LawBroken`; `obey` asks them all of one feed."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from conf.times import MINUTE_US
from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC
from fhir.parse.envelope import locate_resources
from fhir.parse.message import judge_resources, parse_message
from fhir.readings import IntakeRules, Parsed, Reading, Retraction
from jobs.streaming.source import Message, TopicPlace
from tests.fuzz.author import Feed, Record
from tests.fuzz.entries import Entry, documents_of, entries_of
from tests.support.surveillance import Row, Surveillance, parse

Documents = dict[tuple[str, str], dict[str, Any]]

LONGEST_DETAIL = 200
LARGEST_REJECT_BYTES = 256 * 1024  # 32 KB of payload, escaped
LARGEST_OBSERVATION_BYTES = 64 * 1024
LONGEST_ID_BYTES = 512  # Elasticsearch's own limit, as the next one
LONGEST_KEYWORD_BYTES = 32_766
MOST_ENTRIES_APART = 8
UNFORESEEN = ("INTERNAL_ERROR",)
MONTH = re.compile(r"blood-pressure-(observations|predictions)-(19[7-9][1-9]|20[0-9]{2})\.(0[1-9]|1[0-2])").fullmatch
FIXED = frozenset({"blood-pressure-rejected", "blood-pressure-latest"})
TIME = re.compile(r"(19[7-9][0-9]|20[0-9]{2})-[01][0-9]-[0-3][0-9]T[0-9:]{8}\.[0-9]{3}Z").fullmatch


class LawBroken(AssertionError):  # noqa: N818 - it is an outcome, not a fault of the program
    """A law does not hold; its name is the first argument."""

    @property
    def law(self) -> str:
        """Return the name of the law."""
        return str(self.args[0])


def require(law: str, holds: bool, *told: object) -> None:
    """Raise `LawBroken` unless the law holds."""
    if not holds:
        raise LawBroken(law, *told)


def obey(feed: Feed, world: Surveillance) -> None:
    """Ask all laws of a feed; leave the world with its documents and windows."""
    arrived = messages_of(feed)
    for record, message in zip(feed.records, arrived, strict=True):
        obey_in_message(record, feed.rules, message.parsed)
    whole = documents_after(world, arrived, [(len(arrived), 1)], feed.rules)
    obey_in_store(whole, world)
    in_documents = standing_pressures(world)
    early = comes_too_early(arrived)
    if feed.cuts != ((len(arrived), 1),) and not early:
        cut = documents_after(world, arrived, feed.cuts, feed.rules)
        require("replay in any batching gives the same documents", whole == cut, *differences(whole, cut))
    elif feed.cuts != ((len(arrived), 1),) and not comes_too_early(arrived, remembered=True):
        documents_after(world, arrived, feed.cuts, feed.rules)
        stands = standing_pressures(world)
        require("what was taken back before it came stands nowhere", stands == in_documents, stands, in_documents)
    world.keep(arrived)
    if not early:
        obey_in_windows(world.in_windows(), in_documents)


def messages_of(feed: Feed) -> list[Message]:
    """Return the records of a feed, parsed."""
    offsets: Counter[int] = Counter()
    places = []
    for record in feed.records:
        places.append(TopicPlace(record.partition, offsets[record.partition], record.received_us))
        offsets[record.partition] += 1
    return [parse(record.payload, place, feed.rules) for record, place in zip(feed.records, places, strict=True)]


def documents_after(
    world: Surveillance, arrived: Sequence[Message], cuts: Sequence[tuple[int, int]], rules: IntakeRules
) -> Documents:
    """Return all documents once the messages have arrived in such micro-batches."""
    world.forget()
    start = 0
    for length, times in cuts:
        batch = arrived[start : start + length]
        tasks = [[message for message in batch if message.place.partition == partition] for partition in (0, 1)]
        for turn in range(times):
            world.store(*filter(None, reversed(tasks) if turn % 2 else tasks), rules=rules)
        start += length
    return dict(world.fake.documents)


def comes_too_early(arrived: Sequence[Message], *, remembered: bool = False) -> bool:
    """Tell whether something is revised before it is there, by a message that does not say where it will be.

    Such a retraction, correction or newer version finds no document (docs/architecture.md, "Identity"), while a window
    keeps it and waits. With `remembered`, what a dead letter remembers (`jobs.streaming.early`) is not meant: then the
    same stands, though the documents may have noted it at another time.
    """
    revised: dict[str, set[tuple[str | None, int | None]]] = defaultdict(set)
    for message in arrived:
        all_said: list[Reading | Retraction] = [*message.parsed.readings, *message.parsed.retractions]
        for said in sorted(all_said, key=attrgetter("entry")):
            where = said.patient_id, said.effective_us
            if any(revised[name] - {where} for name in names_of(said)):
                return True
            if remembered and None in where and isinstance(said, Retraction) and is_refused(message, said):
                continue
            for name in names_of(said):
                revised[name].add(where)
    return False


def is_refused(message: Message, retraction: Retraction) -> bool:
    """Tell whether a letter tells of it; what is ignored, as it is coded as something else, has none."""
    return any(reject.entry in (None, retraction.entry) for reject in message.parsed.rejects)


def names_of(said: Reading | Retraction) -> list[str]:
    """Return the Observations that something is said of."""
    names = said.observation_id, said.partner_id if isinstance(said, Reading) else None
    return [name for name in names if name is not None]


def differences(whole: Documents, cut: Documents) -> list[object]:
    """Return the documents that differ, as they are either way."""
    return [(key, whole.get(key), cut.get(key)) for key in {*whole, *cut} if whole.get(key) != cut.get(key)]


def obey_in_message(record: Record, rules: IntakeRules, parsed: Parsed) -> None:
    """Ask what holds of one message by itself, once it has been parsed."""
    odd = [reject for reject in parsed.rejects if reject.reason in UNFORESEEN or reject.detail.startswith("unforeseen")]
    require("never raises", not odd, odd)
    again = parse_message(record.payload, record.received_us, rules)
    require("a replay is read alike", parsed == again)
    require("what is read can be encoded", bool(msgspec.json.encode(parsed)))
    for reading in parsed.readings:
        require("no value that nobody can have", is_possible(reading), reading)
    documents = documents_of(record.payload)
    entries = entries_of(documents)
    if any(reject.reason == "PAYLOAD_TOO_LARGE" for reject in parsed.rejects):
        return
    obey_in_entries(parsed, entries)
    apart = unaccounted(parsed, len(entries))
    if apart and len(entries) <= MOST_ENTRIES_APART:
        _obey_apart(record, rules, parsed, apart)


def is_possible(reading: Reading) -> bool:
    """Tell whether somebody can have these values."""
    systolic, diastolic, heart_rate = reading.systolic, reading.diastolic, reading.heart_rate
    if systolic is None or diastolic is None:
        return systolic is diastolic and heart_rate is not None and HEART_RATE.possible.holds(heart_rate)
    rate_is_possible = heart_rate is None or HEART_RATE.possible.holds(heart_rate)
    return SYSTOLIC.possible.holds(systolic) and DIASTOLIC.possible.holds(diastolic) and rate_is_possible


def obey_in_entries(parsed: Parsed, entries: Sequence[Entry]) -> None:
    """Ask where the entries of a message ended, and whose its readings are."""
    read = [reading.entry for reading in parsed.readings]
    refused = [reject.entry or 0 for reject in parsed.rejects]
    places = read + refused
    exactly = "every entry ends in exactly one place"
    require(exactly, len(places) == len(set(places)), read, refused)
    require(exactly, all(0 <= place < len(entries) for place in places), read, refused, len(entries))
    require(exactly, len(places) + parsed.ignored <= len(entries), read, refused, parsed.ignored, len(entries))
    require(exactly, bool(parsed.readings) or len(places) + parsed.ignored == len(entries), refused, parsed.ignored)
    require("a refusal is bounded", all(len(reject.detail) <= LONGEST_DETAIL for reject in parsed.rejects))
    whom = "no reading for a patient whom the message does not name"
    for reading in parsed.readings:
        names = entries[reading.entry].names
        require(whom, bool({reading.patient_id, reading.patient_id.rpartition("|")[2]} & names), reading, names)


def unaccounted(parsed: Parsed, entries: int) -> list[int]:
    """Return the entries under which nothing was read or refused."""
    places = {reading.entry for reading in parsed.readings} | {reject.entry or 0 for reject in parsed.rejects}
    return [entry for entry in range(entries) if entry not in places]


def _obey_apart(record: Record, rules: IntakeRules, parsed: Parsed, apart: Sequence[int]) -> None:
    """Read each of these entries alone: it is ignored, or it was joined to a reading of its patient and instant."""
    ignored = 0
    for entry in apart:
        alone = _read_alone(record, rules, entry)
        told = [(reading.patient_id, reading.effective_us) for reading in alone.readings if reading.entry == entry]
        told += [(item.patient_id, item.effective_us) for item in alone.rejects if (item.entry or 0) == entry]  # type: ignore[misc]
        ignored += not told
        require("no entry is dropped", all(_is_joined(where, parsed.readings) for where in told), entry, told)
    require("every entry ends in exactly one place", ignored == parsed.ignored, ignored, parsed.ignored)


def _read_alone(record: Record, rules: IntakeRules, entry: int) -> Parsed:
    documents = documents_of(record.payload)
    for number, other in enumerate(entries_of(documents)):
        if number != entry and other.resource is not None and other.resource.get("resourceType") == "Observation":
            other.resource.clear()
            other.resource["resourceType"] = "Basic"
    return judge_resources(locate_resources(documents), record.received_us, rules)


def _is_joined(where: tuple[str | None, int | None], readings: Sequence[Reading]) -> bool:
    patient_id, effective_us = where
    near = [reading for reading in readings if effective_us and abs(reading.effective_us - effective_us) <= MINUTE_US]
    return effective_us is None or any(reading.patient_id == patient_id for reading in near)


def obey_in_store(documents: Documents, world: Surveillance) -> None:
    """Ask what holds of everything that was written."""
    for (index, id_), document in documents.items():
        require("no index outside the accepted years", bool(MONTH(index)) or index in FIXED, index)
        require("an id is one of Elasticsearch", 0 < len(id_.encode()) <= LONGEST_ID_BYTES, id_)
        size = len(json.dumps(document))
        most = LARGEST_REJECT_BYTES if index == "blood-pressure-rejected" else LARGEST_OBSERVATION_BYTES
        require("a document is bounded", size <= most, index, size)
        for path, mapping, value in mapped(document, mappings_of(index, world)):
            require("Elasticsearch can take a document", fits(mapping, value), index, path, value)


def mappings_of(index: str, world: Surveillance, known: dict[str, Any] = {}) -> dict[str, Any]:  # noqa: B006 - a cache
    """Return the mapped fields of an index, by its template."""
    family = index.rstrip("0123456789.")
    if family not in known:
        fields: dict[str, Any] = {}
        for template in world.fake._templates_of(index):
            parts = [world.fake.components[name]["template"] for name in template["composed_of"]]
            for part in [*parts, template.get("template", {})]:
                fields |= part.get("mappings", {}).get("properties", {})
        known[family] = fields
    found: dict[str, Any] = known[family]
    return found


def mapped(document: dict[str, Any], fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield each value of a document that its index looks into, with its mapping."""
    for name, value in document.items():
        mapping = fields.get(name, {})
        if mapping.get("enabled") is False:
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from mapped(item, mapping.get("properties", {}))
            elif item is not None:
                yield name, mapping, item


def fits(mapping: dict[str, Any], value: Any) -> bool:
    """Tell whether a field takes a value."""
    kind = mapping.get("type")
    if kind == "keyword":
        looked_at = mapping.get("index") is not False or mapping.get("doc_values") is not False
        return not looked_at or "ignore_above" in mapping or len(str(value).encode()) <= LONGEST_KEYWORD_BYTES
    if kind in ("long", "integer", "short"):
        bits = {"long": 63, "integer": 31, "short": 15}[kind]
        return isinstance(value, int) and -(2**bits) <= value < 2**bits
    if kind in ("float", "half_float", "scaled_float", "double"):
        return isinstance(value, int | float) and bool(np.isfinite(np.float32(value)))
    return kind != "date" or bool(TIME(str(value)))


def standing_pressures(world: Surveillance) -> list[Row]:
    """Return the pressures that stand in documents, in the precision of a window."""
    return [
        (patient, at, *(None if value is None else float(np.float32(value)) for value in values))  # type: ignore[misc]
        for patient, at, *values in world.standing()
        if values[0] is not None
    ]


def obey_in_windows(in_windows: Sequence[Row], in_documents: Sequence[Row]) -> None:
    """Ask whether windows and documents say the same; a window also joins a heart rate of another instant."""
    law = "window and documents agree"
    require(law, [row[:4] for row in in_windows] == [row[:4] for row in in_documents], in_windows, in_documents)
    for window, document in zip(in_windows, in_documents, strict=True):
        require(law, document[4] in (None, window[4]), window, document)
