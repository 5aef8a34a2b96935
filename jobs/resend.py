"""Send refused messages to the topic once more: ``python -m jobs.resend --reason REASON [--send]``.

For what was refused through no fault of the message, once the cause is gone: INDEX_NOT_WRITABLE, DOCUMENT_REFUSED,
INTERNAL_ERROR. Each message is read at its old place in Kafka and sent with its key and record time to the same
partition; what was refused of it is then deleted. Without ``--send`` it only counts. A message that Kafka no longer
holds stays refused.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from elastic.client import connect
from elastic.names import REJECTED
from fhir.reasons import Reason
from jobs.maintenance.removal import Found, find, one_line_errors, remove
from producer.sender import client_security
from producer.topic import MAX_MESSAGE_BYTES

NO_FAULT_OF_THE_MESSAGE: Final = (Reason.INDEX_NOT_WRITABLE, Reason.DOCUMENT_REFUSED, Reason.INTERNAL_ERROR)
PLACE: Final = ("source_partition", "source_offset")
POLL_MS: Final = 5_000

Place = tuple[int, int]


def by_place(found: Iterable[Found]) -> dict[Place, list[Found]]:
    """Group refused entries by their message, in the order in which the messages arrived."""
    grouped: dict[Place, list[Found]] = defaultdict(list)
    for document in found:
        partition, offset = (int(document.source[name]) for name in PLACE)
        grouped[partition, offset].append(document)
    return dict(sorted(grouped.items()))


def messages_at(consumer: Any, topic: str, places: Iterable[Place]) -> Iterator[tuple[Place, Any]]:
    """Yield the record at each place of the topic, None where Kafka no longer has one."""
    for partition, offset in places:
        here = TopicPartition(topic, partition)
        consumer.assign([here])
        if not consumer.beginning_offsets([here])[here] <= offset < consumer.end_offsets([here])[here]:
            yield (partition, offset), None
            continue
        consumer.seek(here, offset)
        records = consumer.poll(timeout_ms=POLL_MS, max_records=1).get(here, [])
        yield (partition, offset), next((record for record in records if record.offset == offset), None)


def send_again(producer: Any, topic: str, record: Any) -> None:
    """Send a record as it was, and wait until Kafka has it."""
    sent = producer.send(
        topic,
        key=record.key,
        value=record.value,
        headers=list(record.headers),
        partition=record.partition,
        timestamp_ms=record.timestamp if record.timestamp > 0 else None,
    )
    sent.get(timeout=POLL_MS / 1000)


def main() -> int:
    """Parse the command line and send, or count; return the exit code."""
    parser = cli.parser("python -m jobs.resend", __doc__)
    parser.add_argument("--reason", required=True, choices=[str(reason) for reason in NO_FAULT_OF_THE_MESSAGE])
    parser.add_argument("--send", action="store_true", help="send the messages and delete what was refused of them")
    return cli.run(parser, _work)


def _work(options: argparse.Namespace) -> None:
    settings = load_settings()
    client = connect(settings)
    filters = [{"term": {"reason": options.reason}}, {"term": {"source_topic": settings.kafka_topic}}]
    with one_line_errors():
        client.indices.refresh(index=REJECTED, ignore_unavailable=True, allow_no_indices=True)
        pages = find(client, REJECTED, {"bool": {"filter": filters}}, PLACE)
        refused = by_place(found for page in pages for found in page)
    entries = sum(map(len, refused.values()))
    print(f"{len(refused)} messages of {settings.kafka_topic} with {entries} entries refused as {options.reason}.")
    if options.send and refused:
        with one_line_errors():
            print(resend(client, settings, refused))


def resend(client: Any, settings: Settings, refused: dict[Place, list[Found]]) -> str:
    """Send the refused messages one by one, each deleted once it is sent, so that it may be broken off; tell it."""
    servers = {"bootstrap_servers": settings.kafka_bootstrap_servers.split(","), **client_security(settings)}
    gone = 0
    try:
        with KafkaProducer(**servers, acks="all", max_request_size=MAX_MESSAGE_BYTES) as producer:
            consumer = KafkaConsumer(**servers, isolation_level="read_committed")
            for place, record in messages_at(consumer, settings.kafka_topic, refused):
                if record is None:
                    gone += 1
                    continue
                send_again(producer, settings.kafka_topic, record)
                remove(client, refused[place])
            consumer.close()
    except (KafkaError, OSError) as error:
        raise UserError(
            f"Kafka did not take part ({type(error).__name__}: {error}). Start again: what was sent is not sent twice."
        ) from error
    return f"{len(refused) - gone} messages were sent again; {gone} are no longer in Kafka and stay refused."


if __name__ == "__main__":
    sys.exit(main())
