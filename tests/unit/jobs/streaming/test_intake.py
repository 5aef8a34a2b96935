"""From rows of the Kafka source to parsed messages."""

from __future__ import annotations

import pyarrow as pa

from fhir.parse.message import MAX_PAYLOAD_BYTES
from fhir.readings import IntakeRules
from fhir.reasons import Reason
from jobs.streaming.intake import MESSAGE_COLUMNS, Message, Source, parse_batches
from tests.support.factories import observation, payload
from tests.support.messages import RECEIVED_US

Row = tuple[int, int, int, int | None, bytes | None]


def row(value: bytes | None, offset: int = 0, size: int | None = None) -> Row:
    whole = len(value) if value is not None else None
    return 0, offset, RECEIVED_US, whole if size is None else size, value


def record_batch(*rows: Row) -> pa.RecordBatch:
    types = (pa.int32(), pa.int64(), pa.int64(), pa.int32(), pa.binary())
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(MESSAGE_COLUMNS))


def parse(*batches: pa.RecordBatch, rules: IntakeRules | None = None) -> list[list[Message]]:
    return list(parse_batches(iter(batches), rules or IntakeRules()))


def test_messages_come_in_the_order_of_arrival_batch_by_batch() -> None:
    good, bad = payload(observation()), b"{"
    parsed = parse(record_batch(row(good, 5), row(bad, 7)), record_batch(row(good, 8)))
    assert [[one.source.offset for one in batch] for batch in parsed] == [[5, 7], [8]]
    assert [len(one.parsed.readings) for batch in parsed for one in batch] == [1, 0, 1]


def test_message_keeps_its_source_and_its_payload() -> None:
    content = payload(observation())
    ((message,),) = parse(record_batch((3, 17, RECEIVED_US, len(content), content)))
    assert message.source == Source(3, 17, RECEIVED_US)
    assert message.payload == content


def test_oversized_value_is_refused_unread_with_its_true_size() -> None:
    """The value was cut in the JVM: what is left of it would be broken JSON, which is not its fault."""
    beginning = payload(observation())[:100]
    ((message,),) = parse(record_batch(row(beginning, size=MAX_PAYLOAD_BYTES + 1)))
    (reject,) = message.parsed.rejects
    assert reject.reason is Reason.PAYLOAD_TOO_LARGE
    assert str(MAX_PAYLOAD_BYTES + 1) in reject.detail
    assert (message.payload, message.parsed.readings) == (beginning, [])


def test_value_of_exactly_the_limit_is_read() -> None:
    ((message,),) = parse(record_batch(row(payload(observation()), size=MAX_PAYLOAD_BYTES)))
    assert len(message.parsed.readings) == 1


def test_null_value_is_one_rejected_message() -> None:
    ((message,),) = parse(record_batch(row(None)))
    assert (len(message.parsed.rejects), message.payload) == (1, None)


def test_record_time_decides_what_lies_in_the_future() -> None:
    taken_before_the_reading = RECEIVED_US - 86_400_000_000
    content = payload(observation())
    ((message,),) = parse(record_batch((0, 0, taken_before_the_reading, len(content), content)))
    assert [reject.reason for reject in message.parsed.rejects] == [Reason.TIME_IN_FUTURE]


def test_rules_reach_the_parser() -> None:
    content = payload(observation(effectiveDateTime="2026-01-01T00:00:00Z"))
    ((message,),) = parse(record_batch(row(content)), rules=IntakeRules(max_age_days=10))
    assert [reject.reason for reject in message.parsed.rejects] == [Reason.TIME_TOO_OLD]


def test_payload_is_not_kept_where_identifiers_are_pseudonymised() -> None:
    rules = IntakeRules(pseudonym_key=b"a key of at least thirty-two bytes")
    ((read, cut),) = parse(
        record_batch(row(payload(observation())), row(b"{", size=MAX_PAYLOAD_BYTES + 1)), rules=rules
    )
    assert (read.payload, cut.payload) == (None, None)
    assert (len(read.parsed.readings), len(cut.parsed.rejects)) == (1, 1)
