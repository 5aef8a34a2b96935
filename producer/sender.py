"""Sending to Kafka with kafka-python 3: idempotent, acknowledged by all replicas, every failure counted."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final

from kafka import KafkaProducer
from kafka.codec import has_lz4
from kafka.errors import KafkaError, KafkaTimeoutError

from conf.errors import UserError
from conf.settings import Settings

BOOTSTRAP_TIMEOUT_MS: Final = 8_000
TOPIC_TIMEOUT_MS: Final = 8_000
DELIVERY_TIMEOUT_MS: Final = 600_000  # outlives a restart of the broker; a stop request does not wait for it
LINGER_MS: Final = 20
BATCH_BYTES: Final = 256 * 1024
# Without the optional packages lz4 and crc32c, kafka-python computes checksums byte by byte in Python. gzip then makes
# sending four times faster, because it leaves a twentieth of the bytes.
COMPRESSION: Final = "lz4" if has_lz4() else "gzip"
MOST_UNACKNOWLEDGED: Final = 20_000  # kafka-python 3 buffers without limit
FLUSH_STEP_S: Final = 0.5

log = logging.getLogger(__name__)


class Sender:
    """Sends messages to one topic and keeps the count of what Kafka has acknowledged and what failed."""

    def __init__(self, settings: Settings) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.failed = 0
        self._topic = settings.kafka_topic
        self._producer = _connect(settings)
        _require_topic(self._producer, settings.kafka_topic)

    def send(self, key: bytes, value: bytes | None) -> None:
        """Hand one message over; its outcome is counted later."""
        future = self._producer.send(self._topic, key=key, value=value)
        future.add_callback(self._count_success)
        future.add_errback(self._count_failure)
        self.sent += 1

    @property
    def is_full(self) -> bool:
        """Tell whether `flush` should be called before more is sent."""
        return self.sent - self.acknowledged - self.failed >= MOST_UNACKNOWLEDGED

    def flush(self, give_up: Callable[[], bool]) -> bool:
        """Wait until every message has its outcome, or until `give_up()`; True when none is left open."""
        while True:
            try:
                self._producer.flush(timeout=FLUSH_STEP_S)
                return True
            except KafkaTimeoutError:
                if give_up():
                    return False

    def close(self) -> int:
        """Close the connection and return how many messages were never acknowledged."""
        with contextlib.suppress(KafkaTimeoutError):  # raised when messages are left, which are counted below
            self._producer.close(timeout=FLUSH_STEP_S)
        return self.sent - self.acknowledged

    def _count_success(self, _: Any) -> None:
        """Count an acknowledgement; kafka-python calls it in its own thread."""
        self.acknowledged += 1

    def _count_failure(self, error: BaseException) -> None:
        """Count a failure; the first alone is logged, for all of an outage are alike."""
        self.failed += 1
        if self.failed == 1:
            log.error("Kafka refused a message: %s. Further failures are counted only.", error)


def _connect(settings: Settings) -> Any:
    try:
        return KafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers.split(","),
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
            max_block_ms=TOPIC_TIMEOUT_MS,
            delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
            acks="all",
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
            compression_type=COMPRESSION,
            **client_security(settings),
        )
    except (KafkaError, OSError) as error:
        raise UserError(
            f"No Kafka at {settings.kafka_bootstrap_servers} ({error}). "
            "Start it with 'python -m embedded start', or set BP_KAFKA_BOOTSTRAP_SERVERS."
        ) from error


def _require_topic(producer: Any, topic: str) -> None:
    try:
        producer.partitions_for(topic)
    except KafkaError as error:
        producer.close(timeout=FLUSH_STEP_S)
        raise UserError(
            f"The topic {topic} cannot be used ({type(error).__name__}). Create it, or set BP_KAFKA_TOPIC to another."
        ) from error


def client_security(settings: Settings) -> dict[str, Any]:
    """Return what a client of kafka-python needs to sign in, by the settings."""
    password = settings.kafka_password
    return {
        "security_protocol": settings.kafka_security_protocol,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "ssl_cafile": str(settings.kafka_ssl_ca) if settings.kafka_ssl_ca else None,
    }
