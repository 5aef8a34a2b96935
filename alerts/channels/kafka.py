"""Kafka: one record for each alert that is told, on the topic that the recipient's address names.

A topic that is missing is made, with as many copies as the broker's setting says. A record's key is the patient, or
the part of the system, so that what is told of one stays in order; the header ``idempotency-key`` tells a second copy.
The value is the JSON of a webhook with this one alert.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from alerts.channels import payload
from alerts.channels.disclosing import Disclosing
from alerts.channels.message import Message, Undelivered
from alerts.channels.wording import Words
from conf.errors import UserError
from conf.settings import Settings
from producer.sender import BOOTSTRAP_TIMEOUT_MS, client_security
from producer.topic import PARTITIONS, create_topic

DELIVERY_TIMEOUT_MS: Final = 15_000  # the message is tried again later, with the same keys
REQUEST_TIMEOUT_MS: Final = 10_000
CLOSING_S: Final = 1.0
BROKERS_OWN: Final = -1  # replication: what the broker's setting says
HEADER: Final = "idempotency-key"


class Kafka:
    """Writes messages to topics of the broker of the settings; connects when the first one is sent."""

    def __init__(self, settings: Settings) -> None:
        """Raise `SettingsError` where no alias can be made; see `Disclosing`."""
        self._settings, self._disclosing = settings, Disclosing(settings)
        self._producer: Any = None
        self._seen_to: set[str] = set()  # topics of this connection

    def send(self, message: Message) -> None:
        """Return when all replicas have each record; raise `Undelivered`."""
        words = Words(message.recipient.language, self._settings.zone)
        try:
            producer = self._connected()
            self._see_to(message.recipient.address)
            written = [
                producer.send(
                    message.recipient.address,
                    key=(each.patient_id or each.subject).encode(),
                    value=payload.encode(message, each.key, [each], words),
                    headers=[(HEADER, each.key.encode())],
                )
                for each in self._disclosing.told(message)
            ]
            for record in written:
                record.get(timeout=DELIVERY_TIMEOUT_MS / 1000)
        except (KafkaError, OSError) as error:
            self._forget()
            reason = f"Kafka did not take the topic {message.recipient.address}: {error}."
            raise Undelivered(reason, may_pass=getattr(error, "retriable", True)) from error

    def _connected(self) -> Any:
        """Return a connection, a new one after a failure."""
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self._settings.kafka_bootstrap_servers.split(","),
                bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
                max_block_ms=REQUEST_TIMEOUT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
                acks="all",
                **client_security(self._settings),
            )
        return self._producer

    def _see_to(self, topic: str) -> None:
        """Make the topic once a connection, if it is missing; who may not do that finds it there, or cannot send."""
        if topic not in self._seen_to:
            with contextlib.suppress(UserError):
                servers, security = self._settings.kafka_bootstrap_servers, client_security(self._settings)
                create_topic(servers, topic, PARTITIONS, BROKERS_OWN, security)
            self._seen_to.add(topic)

    def _forget(self) -> None:
        """Close a connection that failed; the next message begins another one."""
        self._seen_to = set()
        if self._producer is not None:
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=CLOSING_S)
            self._producer = None
