"""The intake: Kafka records in, parsed messages out. Both queries begin with this one Arrow stage.

It goes around the pure parser `fhir.parse.message`; `jobs.streaming.source` prepares the rows that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import pyarrow as pa

from fhir.parse.message import MAX_PAYLOAD_BYTES, parse_message
from fhir.readings import IntakeRules, Parsed, Reject
from fhir.reasons import Reason

STORED_PAYLOAD_BYTES: Final = 32 * 1024  # what a rejected document keeps of its payload
MESSAGE_COLUMNS: Final = ("partition", "offset", "received_us", "size", "payload")


class Source(NamedTuple):
    """Where a message came from: Kafka partition and offset, and the record time (microseconds since the epoch)."""

    partition: int
    offset: int
    received_us: int


class Message(NamedTuple):
    """One parsed Kafka record; `payload` is the record's value, cut where it was too large to be parsed.

    There is none where identifiers are pseudonymised: it holds them all.
    """

    source: Source
    payload: bytes | None
    parsed: Parsed


def parse_batches(batches: Iterator[pa.RecordBatch], rules: IntakeRules) -> Iterator[list[Message]]:
    """Arrow batches of `source.messages` -> the messages of each batch, parsed, in the order of arrival."""
    for batch in batches:
        rows = zip(*(batch.column(name).to_pylist() for name in MESSAGE_COLUMNS), strict=True)
        yield [_parse_row(Source(*place), size, payload, rules) for *place, size, payload in rows]


def _parse_row(source: Source, size: int | None, payload: bytes | None, rules: IntakeRules) -> Message:
    kept = payload if rules.pseudonym_key is None else None
    if size is not None and size > MAX_PAYLOAD_BYTES:
        detail = f"{size} bytes, at most {MAX_PAYLOAD_BYTES} are read"
        return Message(source, kept, Parsed(rejects=[Reject(Reason.PAYLOAD_TOO_LARGE, detail, None)]))
    return Message(source, kept, parse_message(payload, source.received_us, rules))
