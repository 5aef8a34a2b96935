"""The Kafka topic: how Spark reads it, and its records as parsed messages. Both queries begin here.

`read_topic` makes the rows that `parse_batches` reads, in the workers, around the pure parser `fhir.parse.message`.
The workers need no Spark, so this module imports none.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa

from conf.settings import Settings
from fhir.parse.message import MAX_PAYLOAD_BYTES, parse_message
from fhir.readings import IntakeRules, Parsed, Reject
from fhir.reasons import Reason

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STORED_PAYLOAD_BYTES: Final = 32 * 1024  # what a rejected document keeps of its payload
FIRST_TASKS: Final = 20  # of a worker: in the course of them it loads all that it will ever need
MESSAGE_COLUMNS: Final = {  # by name, of a record of Spark's Kafka source; an oversized value is cut inside the JVM
    "partition": "`partition`",
    "offset": "`offset`",
    "received_us": "unix_micros(timestamp)",
    "size": "length(value)",
    "payload": f"if(length(value) > {MAX_PAYLOAD_BYTES}, substring(value, 1, {STORED_PAYLOAD_BYTES}), value)",
}
JAAS_MODULES: Final = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


class TopicPlace(NamedTuple):
    """Where in the topic a message stands, and its record time in microseconds since the epoch."""

    partition: int
    offset: int
    received_us: int


class Message(NamedTuple):
    """One parsed Kafka record; `payload` is the record's value, cut where it was too large to be parsed.

    There is none where identifiers are pseudonymised: it holds them all.
    """

    place: TopicPlace
    payload: bytes | None
    parsed: Parsed


def parse_batches(batches: Iterator[pa.RecordBatch], rules: IntakeRules) -> Iterator[list[Message]]:
    """Yield the messages of each Arrow batch of `read_topic`, parsed, in the order of arrival."""
    with uncollected():
        for batch in batches:
            rows = zip(*(batch.column(name).to_pylist() for name in MESSAGE_COLUMNS), strict=True)
            yield [_parse(TopicPlace(*place), size, payload, rules) for *place, size, payload in rows]


_tasks_of_this_worker = count(1)


@contextmanager
def uncollected() -> Iterator[None]:
    """Let Python's collector of cycles rest while a task works off its Arrow batches.

    What is made of thousands of messages lives until their batch is written, and holds no cycles: to look through it
    again and again took a fifth of the workers' time. What little is left over, PySpark collects after each task. It
    would look through the 170,000 objects of the libraries as well (0.14 s, two thirds of the workers' time at a
    micro-batch a second): therefore what stands after the first tasks is put out of the collector's sight.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if next(_tasks_of_this_worker) <= FIRST_TASKS:
            gc.collect()
            gc.freeze()


def _parse(place: TopicPlace, size: int | None, payload: bytes | None, rules: IntakeRules) -> Message:
    kept = payload if rules.pseudonym_key is None else None
    if size is not None and size > MAX_PAYLOAD_BYTES:
        detail = f"{size} bytes, at most {MAX_PAYLOAD_BYTES} are read"
        return Message(place, kept, Parsed(rejects=[Reject(Reason.PAYLOAD_TOO_LARGE, detail, None)]))
    return Message(place, kept, parse_message(payload, place.received_us, rules))


def read_topic(spark: SparkSession, settings: Settings) -> DataFrame:
    """Return the topic as a stream of messages, from its beginning or the checkpoint; a lost offset stops the query."""
    reader = spark.readStream.format("kafka").options(
        **{
            "kafka.bootstrap.servers": settings.kafka_bootstrap_servers,
            "subscribe": settings.kafka_topic,
            "startingOffsets": "earliest",
            "failOnDataLoss": "true",
            "kafka.isolation.level": "read_committed",  # what a producer took back was never said
            "maxOffsetsPerTrigger": str(settings.max_offsets_per_trigger),
        },
        **security_options(settings),
    )
    return reader.load().selectExpr(*(f"{column} AS `{name}`" for name, column in MESSAGE_COLUMNS.items()))


def security_options(settings: Settings) -> dict[str, str]:
    """Return the options of Spark's Kafka source that name certificate and account."""
    options: dict[str, str] = {"kafka.security.protocol": settings.kafka_security_protocol}
    if settings.kafka_ssl_ca is not None:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": str(settings.kafka_ssl_ca)}
    if settings.kafka_sasl_mechanism is not None:
        options |= {"kafka.sasl.mechanism": settings.kafka_sasl_mechanism, "kafka.sasl.jaas.config": _jaas(settings)}
    return options


def _jaas(settings: Settings) -> str:
    """Return the account as Kafka's JAAS parser reads it, quotes and backslashes escaped."""
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    module = JAAS_MODULES[settings.kafka_sasl_mechanism or "PLAIN"]
    user, secret = (
        text.replace("\\", "\\\\").replace('"', '\\"') for text in (settings.kafka_username or "", password)
    )
    return f'{module} required username="{user}" password="{secret}";'
