"""From Kafka records to parsed messages, and how account and certificate reach Spark's Kafka source."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conf.settings import Settings
from fhir.parse.message import MAX_PAYLOAD_BYTES
from fhir.readings import IntakeRules
from fhir.reasons import Reason
from jobs.streaming import source
from jobs.streaming.source import (
    FIRST_TASKS,
    MESSAGE_COLUMNS,
    Message,
    TopicPlace,
    _jaas,
    parse_batches,
    security_options,
    uncollected,
)
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
    assert [[message.place.offset for message in batch] for batch in parsed] == [[5, 7], [8]]
    assert [len(message.parsed.readings) for batch in parsed for message in batch] == [1, 0, 1]


def test_message_keeps_its_source_and_its_payload() -> None:
    content = payload(observation())
    ((message,),) = parse(record_batch((3, 17, RECEIVED_US, len(content), content)))
    assert message.place == TopicPlace(3, 17, RECEIVED_US)
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
    taken_before_the_reading = RECEIVED_US - 2 * 86_400_000_000
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


ACCOUNT: dict[str, Any] = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_username": "reader",
    "kafka_password": "hush",
}


def unquoted(jaas: str, name: str) -> str:
    """Return a value as Kafka's JAAS parser reads it: between quotes, with backslash escapes taken off."""
    found = re.search(name + r'="((?:\\.|[^"\\])*)"', jaas)
    assert found
    return re.sub(r"\\(.)", r"\1", found[1])


def test_plaintext_needs_nothing_else() -> None:
    assert security_options(Settings()) == {"kafka.security.protocol": "PLAINTEXT"}


def test_certificate_is_a_pem_file_that_the_jvm_reads() -> None:
    options = security_options(Settings(kafka_security_protocol="SSL", kafka_ssl_ca=Path("/etc/ca.pem")))
    assert options["kafka.ssl.truststore.location"] == "/etc/ca.pem"
    assert options["kafka.ssl.truststore.type"] == "PEM"


@pytest.mark.parametrize(
    ("mechanism", "module"),
    [
        ("PLAIN", "org.apache.kafka.common.security.plain.PlainLoginModule"),
        ("SCRAM-SHA-256", "org.apache.kafka.common.security.scram.ScramLoginModule"),
        ("SCRAM-SHA-512", "org.apache.kafka.common.security.scram.ScramLoginModule"),
    ],
)
def test_account_is_given_to_the_module_of_its_mechanism(mechanism: str, module: str) -> None:
    options = security_options(Settings(**{**ACCOUNT, "kafka_sasl_mechanism": mechanism}))
    assert options["kafka.sasl.mechanism"] == mechanism
    assert options["kafka.sasl.jaas.config"] == f'{module} required username="reader" password="hush";'


@pytest.mark.parametrize(
    "secret", ['quo"te', "back\\slash", '\\"', "semi;colon", "sp ace", "single'quote", "é", "\\\\"]
)
def test_quotes_and_backslashes_end_no_value_early(secret: str) -> None:
    jaas = _jaas(Settings(**{**ACCOUNT, "kafka_username": secret, "kafka_password": secret}))
    assert (unquoted(jaas, "username"), unquoted(jaas, "password")) == (secret, secret)
    assert jaas.endswith('";')


def test_account_without_a_password_has_an_empty_one() -> None:
    assert unquoted(_jaas(Settings(**{**ACCOUNT, "kafka_password": None})), "password") == ""


class Loaded:
    """Something that refers to itself: only the collector of cycles can take it away."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def new_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process be a worker before its first task."""
    monkeypatch.setattr(source, "_tasks_of_this_worker", count(1))
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("new_worker")
def test_what_a_workers_first_tasks_have_loaded_is_not_looked_through_after_each_task() -> None:
    with uncollected():
        assert not gc.isenabled()
        library = Loaded()
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(gc.get_objects())
    seen = gc.get_objects()
    assert not any(it is library for it in seen)


@pytest.mark.usefixtures("new_worker")
def test_what_later_tasks_leave_behind_is_collected() -> None:
    for _ in range(FIRST_TASKS):
        with uncollected():
            pass
    with uncollected():
        left = weakref.ref(Loaded())
    assert left() is not None
    gc.collect()
    assert left() is None
