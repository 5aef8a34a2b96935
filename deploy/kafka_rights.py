"""What each account of Kafka may do, where Kafka asks who is there: whatever is not said here is refused.

`kafka_setup` is the superuser of compose.tls.yaml, makes the topic, and gives the others their rights; nobody else
needs to make or change anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import KafkaError

from conf.errors import UserError
from conf.settings import Settings
from producer.sender import client_security
from producer.topic import REQUEST_TIMEOUT_MS

ANY_TOPIC: Final = "*"
ON_THE_READINGS: Final = {  # to read or to write a topic is to see it, too
    "kafka_producer": ACLOperation.WRITE,
    "kafka_canary": ACLOperation.WRITE,
    "kafka_stream": ACLOperation.READ,
    "kafka_alerts": ACLOperation.READ,  # it looks for the canary's records
}


def rights(topic: str) -> Iterator[ACL]:
    """Yield the rights of all accounts; `topic` is that of the readings."""

    def right(account: str, operation: ACLOperation, on: str, permission: ACLPermissionType) -> ACL:
        return ACL(f"User:{account}", "*", operation, permission, ResourcePattern(ResourceType.TOPIC, on))

    for account, operation in ON_THE_READINGS.items():
        yield right(account, operation, topic, ACLPermissionType.ALLOW)
    for operation in (ACLOperation.CREATE, ACLOperation.WRITE):  # alerts are told on topics that the rules name
        yield right("kafka_alerts", operation, ANY_TOPIC, ACLPermissionType.ALLOW)
    yield right("kafka_alerts", ACLOperation.WRITE, topic, ACLPermissionType.DENY)


def grant(settings: Settings) -> None:
    """Give each account its rights; those that it has already stay. Raises `UserError` where Kafka refuses."""
    servers = settings.kafka_bootstrap_servers
    try:
        client = KafkaAdminClient(
            bootstrap_servers=servers.split(","), bootstrap_timeout_ms=REQUEST_TIMEOUT_MS, **client_security(settings)
        )
        try:
            refused = client.create_acls(list(rights(settings.kafka_topic)))["failed"]
        finally:
            client.close()
    except KafkaError as error:
        raise UserError(f"Kafka at {servers} does not answer ({type(error).__name__}). Look into its log.") from error
    if refused:
        raise UserError(
            f"Kafka does not take the rights of its accounts ({refused[0].__name__}). Is its authorizer on, and "
            f"{settings.kafka_username} a superuser of it?"
        )
