"""How a Kafka topic is made: that of the readings, and those that alerts are told on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from conf.errors import UserError

MAX_MESSAGE_BYTES: Final = 16 * 1024**2  # far above any real one: absurd ones must reach the rejected store, not vanish
PARTITIONS: Final = 6  # one task each: more than the cores of a small machine, and readings can be spread later
REQUEST_TIMEOUT_MS: Final = 5_000


def create_topic(
    bootstrap_servers: str,
    topic: str,
    partitions: int,
    replication: int = 1,
    security: Mapping[str, Any] = MappingProxyType({}),
) -> bool:
    """Create `topic` unless it exists, when it keeps its partitions; return whether it is new.

    `security` is what a client of kafka-python needs to sign in. Raises `UserError` when the broker refuses.
    """
    options = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": {"max.message.bytes": str(MAX_MESSAGE_BYTES)},
    }
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","), bootstrap_timeout_ms=REQUEST_TIMEOUT_MS, **security
        )
        try:
            client.create_topics({topic: options}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return False
        finally:
            client.close()
    except KafkaError as error:
        raise UserError(
            f"The topic {topic} cannot be created on {bootstrap_servers} ({type(error).__name__}). "
            "See whether the broker runs: python -m embedded status."
        ) from error
    return True
