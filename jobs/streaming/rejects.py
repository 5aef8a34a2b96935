"""Dead letters: a document for each refused entry, with its reason, its place in the topic and, once, its payload.

One can always be written: where it cannot be told in full, it is told by its reason, place and payload alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from elasticsearch import Elasticsearch

from conf.times import iso_us
from elastic.bulk import Operation, Refusal, try_write, write
from elastic.names import REJECTED, rejected_id
from fhir.faults import tell
from fhir.parse.effective_time import is_in_calendar
from fhir.readings import Reject
from fhir.reasons import printable
from jobs.streaming import early
from jobs.streaming.source import STORED_PAYLOAD_BYTES, Message, TopicPlace
from jobs.streaming.standing import Document


def write_rejects(
    client: Elasticsearch, rejects: Sequence[tuple[Message, Reject]], topic: str, ingested_at: str, suffix: str = ""
) -> None:
    """Write a document per refused entry; repeatable, since its id is its place in the topic (and the suffix)."""
    letters = list(_letters(rejects, topic, ingested_at))
    whole = [Operation("index", REJECTED, letter.id + suffix, letter.body) for letter in letters]
    refused = [
        letter for letter, effect in zip(letters, try_write(client, whole), strict=True) if isinstance(effect, Refusal)
    ]
    bare = [(letter.id + suffix, msgspec.json.encode(letter.bare)) for letter in refused]
    write(client, [Operation("index", REJECTED, *letter) for letter in bare])


class _Letter(NamedTuple):
    """A dead letter: as JSON in full, and as a document without what the message has said of itself but its payload."""

    id: str
    body: bytes
    bare: Document


def _letters(rejects: Sequence[tuple[Message, Reject]], topic: str, ingested_at: str) -> Iterator[_Letter]:
    """Yield a letter per refused entry; the first of a message keeps its payload, so that a Bundle is kept once.

    It is dated by its record time, or where that cannot be true, as one later than that, by the time of ingestion.
    """
    kept: dict[TopicPlace, dict[int, Document]] = {}  # with what the letters of a message remember, by entry
    in_order = sorted(rejects, key=lambda refused: (refused[0].place, refused[1].entry or 0))  # however they were found
    for message, reject in in_order:
        place = message.place
        bare: Document = {
            "@timestamp": _date(place.received_us, ingested_at),
            "reason": reject.reason,
            "payload": None if place in kept else payload_text(message.payload),
            "source_topic": topic,
            "source_partition": place.partition,
            "source_offset": place.offset,
            "source_entry": reject.entry,
        }
        if place not in kept:
            kept[place] = early.taken_back(message)
        remembered = next(iter(kept[place].values()), None) if reject.entry is None else kept[place].get(reject.entry)
        id_ = rejected_id(topic, place.partition, place.offset, reject.entry)
        yield _Letter(id_, _encoded(bare, reject, remembered), bare)


def _date(received_us: int, ingested_at: str) -> str:
    """Return when a message came; both are ISO texts of one length, which sort by time.

    A date in the future would have everything until then answered with it that sounds like a crisis.
    """
    return min(iso_us(received_us), ingested_at) if is_in_calendar(received_us) else ingested_at


def _encoded(bare: Document, reject: Reject, remembered: Document | None) -> bytes:
    """Return a letter as JSON, without what cannot be told: nothing that a message says may keep it from being kept."""
    try:
        told = {
            "detail": printable(reject.detail),
            "patient_id": reject.patient_id,
            "device_id": reject.device_id,
            "measured_at": None if reject.effective_us is None else iso_us(reject.effective_us),
            "attention": reject.attention,
            early.FIELD: remembered,
        }
        return msgspec.json.encode(bare | told)
    except Exception as error:
        tell(error)
        return msgspec.json.encode(bare)


def payload_text(payload: bytes | None) -> str | None:
    """Return a rejected payload as text, cut at 32 KB; bytes that are no UTF-8 appear as escapes."""
    return None if payload is None else payload[:STORED_PAYLOAD_BYTES].decode("utf-8", errors="backslashreplace")
