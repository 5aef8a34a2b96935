"""The topic that was made anew under its old name: its places begin again, those of the old one are in the documents.

Places in the topic are the ids of dead letters, and documents note by them which messages they have met. A start with a
new checkpoint on such a topic would overwrite the old letters and take new messages for known ones.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from elasticsearch import Elasticsearch
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from conf.settings import Settings
from elastic.client import with_retries
from elastic.names import OBSERVATIONS, REJECTED
from jobs.streaming.checkpoint import CheckpointError
from producer.sender import client_security

MOST_PARTITIONS: Final = 10_000

log = logging.getLogger(__name__)


def refuse_recreated(client: Elasticsearch, settings: Settings) -> None:
    """Raise `CheckpointError` if documents come from further on in a topic of this name than the topic reaches.

    One that has grown beyond the old one again is not found out.
    """
    newest = newest_offsets(client, settings.kafka_topic)
    try:
        ends = _end_offsets(settings) if newest else {}
    except KafkaError as error:
        log.warning("Kafka does not say how far the topic reaches (%s)", type(error).__name__)
        return
    refuse_beyond(newest, ends, settings.kafka_topic)


def refuse_beyond(newest: Mapping[int, int], ends: Mapping[int, int], topic: str) -> None:
    """Compare the newest stored offset of each partition with where the partition ends."""
    beyond = {partition: offset for partition, offset in newest.items() if offset >= ends.get(partition, 0)}
    for partition, offset in beyond.items():
        raise CheckpointError(
            f"Documents hold message {offset} of partition {partition} of the topic {topic}, which ends before "
            f"{ends.get(partition, 0)}: it was deleted and made anew. Give the new topic a name of its own "
            "(BP_KAFKA_TOPIC), or delete what the old one left: see Backup and restore in docs/operations.md."
        )


def newest_offsets(client: Elasticsearch, topic: str) -> dict[int, int]:
    """Return the newest offset by partition that stands in the documents of a topic."""
    newest = {"newest": {"max": {"field": "source_offset"}}}
    partitions = {"terms": {"field": "source_partition", "size": MOST_PARTITIONS}, "aggs": newest}
    answer = with_retries(
        lambda: client.search(
            index=[OBSERVATIONS, REJECTED],
            size=0,
            query={"term": {"source_topic": topic}},
            aggs={"partitions": partitions},
            ignore_unavailable=True,
        )
    )
    buckets = answer.get("aggregations", {}).get("partitions", {}).get("buckets", [])
    return {int(bucket["key"]): int(bucket["newest"]["value"]) for bucket in buckets}


def _end_offsets(settings: Settings) -> dict[int, int]:
    servers = settings.kafka_bootstrap_servers.split(",")
    consumer = KafkaConsumer(bootstrap_servers=servers, **client_security(settings))
    try:
        partitions = consumer.partitions_for_topic(settings.kafka_topic) or set()
        ends = consumer.end_offsets([TopicPartition(settings.kafka_topic, partition) for partition in partitions])
        return {place.partition: offset for place, offset in ends.items()}
    finally:
        consumer.close()
