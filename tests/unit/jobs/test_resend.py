"""What was refused through no fault of the message is sent once more, as it was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kafka import TopicPartition

from jobs.maintenance.removal import Found
from jobs.resend import by_place, messages_at, send_again


def found(partition: int, offset: int, entry: int | None = None) -> Found:
    source = {"source_partition": partition, "source_offset": offset}
    return Found("rejected", f"topic-{partition}-{offset}-{entry}", 1, 1, source)


class FakeConsumer:
    """A partition 0 that holds the offsets 10 to 19, 15 of an aborted transaction."""

    def assign(self, places: list[TopicPartition]) -> None:
        (self.place,) = places

    def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 10)

    def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 20)

    def seek(self, place: TopicPartition, offset: int) -> None:
        assert place == self.place
        self.offset = 16 if offset == 15 else offset

    def poll(self, **_: int) -> dict[TopicPartition, list[Any]]:
        return {self.place: [SimpleNamespace(offset=self.offset)]}


def test_entries_of_one_message_are_sent_once_and_in_the_order_of_arrival() -> None:
    grouped = by_place([found(1, 7), found(0, 9, 2), found(0, 9, 0), found(0, 10)])
    assert [(place, len(entries)) for place, entries in grouped.items()] == [((0, 9), 2), ((0, 10), 1), ((1, 7), 1)]


def test_messages_that_kafka_no_longer_holds_are_told() -> None:
    records = messages_at(FakeConsumer(), "topic", [(0, 9), (0, 10), (0, 15), (0, 19), (0, 20)])
    assert [record and record.offset for _, record in records] == [None, 10, None, 19, None]


def test_a_message_is_sent_as_it_was() -> None:
    sent: list[dict[str, Any]] = []

    def send(topic: str, **told: Any) -> Any:
        sent.append({"topic": topic, **told})
        return SimpleNamespace(get=lambda timeout: timeout)

    record = {"key": b"p-1", "value": b"{}", "headers": [("a", b"b")], "partition": 1}
    for timestamp in (1_772_366_400_000, -1):
        send_again(SimpleNamespace(send=send), "topic", SimpleNamespace(**record, timestamp=timestamp))
    assert sent == [{"topic": "topic", **record, "timestamp_ms": told} for told in (1_772_366_400_000, None)]
