"""Dead letters: a document for each refused entry, with its reason, its place in the topic and, once, its payload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from elasticsearch import Elasticsearch

from conf.times import iso_us
from elastic.bulk import Operation, write
from elastic.names import REJECTED, rejected_id
from fhir.parse.effective_time import is_in_calendar
from fhir.readings import Reject
from jobs.streaming.source import STORED_PAYLOAD_BYTES, Message, TopicPlace


def write_rejects(
    client: Elasticsearch, rejects: Sequence[tuple[Message, Reject]], topic: str, ingested_at: str
) -> None:
    """Write a document per refused entry; repeatable, since its id is its place in the topic."""
    write(client, list(_operations(rejects, topic, ingested_at)))


def _operations(rejects: Sequence[tuple[Message, Reject]], topic: str, ingested_at: str) -> Iterator[Operation]:
    """Yield a document per refused entry; the first of a message keeps its payload, so that a Bundle is kept once.

    It is dated by its record time, or where that cannot be true by the time of ingestion.
    """
    kept: set[TopicPlace] = set()
    for message, reject in rejects:
        place = message.place
        document = {
            "@timestamp": iso_us(place.received_us) if is_in_calendar(place.received_us) else ingested_at,
            "reason": reject.reason,
            "detail": reject.detail,
            "patient_id": reject.patient_id,
            "device_id": reject.device_id,
            "measured_at": None if reject.effective_us is None else iso_us(reject.effective_us),
            "attention": reject.attention,
            "payload": None if place in kept else payload_text(message.payload),
            "source_topic": topic,
            "source_partition": place.partition,
            "source_offset": place.offset,
            "source_entry": reject.entry,
        }
        kept.add(place)
        id_ = rejected_id(topic, place.partition, place.offset, reject.entry)
        yield Operation("index", REJECTED, id_, msgspec.json.encode(document))


def payload_text(payload: bytes | None) -> str | None:
    """Return a rejected payload as text, cut at 32 KB; bytes that are no UTF-8 appear as escapes."""
    return None if payload is None else payload[:STORED_PAYLOAD_BYTES].decode("utf-8", errors="backslashreplace")
