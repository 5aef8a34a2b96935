"""Alerts told on a real Kafka: what arrives, under which keys, and what a broker that is away means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from kafka import KafkaConsumer

from alerts.channels import payload
from alerts.channels.kafka import HEADER, Kafka
from alerts.channels.message import Undelivered
from conf.ports import free_port
from conf.settings import Settings
from embedded.services import Addresses
from producer.topic import create_topic
from tests.support.tellings import NOTHING, PATIENT, SECRET, burst, message, outage, recipient, telling

pytestmark = pytest.mark.integration

ALL_S = 20
SCHEMA = json.loads((Path(payload.__file__).with_name("payload.schema.json")).read_text(encoding="utf-8"))


class Topic:
    """A topic of the test's own, and what is on it."""

    def __init__(self, servers: str, *, is_there: bool = True) -> None:
        self.name = f"alerts-{uuid4().hex[:8]}"
        self.settings = Settings(kafka_bootstrap_servers=servers, secret_key=SECRET)
        self._servers = servers
        if is_there:
            create_topic(servers, self.name, partitions=3)

    def to(self, **changes: Any) -> Any:
        return recipient(channel="kafka", address=self.name, **changes)

    def records(self, number: int) -> list[Any]:
        """Return so many records, in the order of their writing within each partition."""
        consumer = KafkaConsumer(self.name, bootstrap_servers=self._servers, auto_offset_reset="earliest")
        found: list[Any] = []
        for _ in range(ALL_S):
            found += [record for records in consumer.poll(timeout_ms=1000).values() for record in records]
            if len(found) >= number:
                break
        found += [record for records in consumer.poll(timeout_ms=500).values() for record in records]
        consumer.close()
        return found


@pytest.fixture
def topic(services: Addresses) -> Topic:
    assert services.kafka_bootstrap_servers
    return Topic(services.kafka_bootstrap_servers)


def key_of(record: Any) -> str:
    return str(dict(record.headers)[HEADER], "ascii")


def test_each_alert_is_a_record_of_its_patient_that_keeps_to_the_schema(topic: Topic) -> None:
    Kafka(topic.settings).send(message([*burst(3), telling(outage())], topic.to()))
    records = topic.records(4)

    assert {record.key.decode() for record in records} == {"P-0000", "P-0001", "P-0002", "stream-ingest"}
    for record in records:
        found = json.loads(record.value)
        jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True).validate(found)
        assert [each["key"] for each in found["alerts"]] == [found["key"]] == [key_of(record)]


def test_what_is_told_twice_has_the_same_keys_and_stays_in_order(topic: Topic) -> None:
    kafka = Kafka(topic.settings)
    for repeat in (0, 1, 1):
        kafka.send(message([telling(repeat=repeat)], topic.to()))
    first, reminder, again = topic.records(3)

    assert key_of(first) != key_of(reminder) == key_of(again)
    assert {record.partition for record in (first, reminder, again)} == {first.partition}


def test_a_patient_who_may_not_be_known_goes_by_an_alias(topic: Topic) -> None:
    Kafka(topic.settings).send(message(to=topic.to(discloses=NOTHING)))
    (record,) = topic.records(1)

    assert PATIENT.encode() not in record.key + record.value
    assert record.key.decode() == json.loads(record.value)["alerts"][0]["subject"]


def test_a_topic_that_is_missing_is_made_with_the_first_message(services: Addresses) -> None:
    assert services.kafka_bootstrap_servers
    missing = Topic(services.kafka_bootstrap_servers, is_there=False)
    kafka = Kafka(missing.settings)
    kafka.send(message(to=missing.to()))
    kafka.send(message([telling(repeat=1)], missing.to()))
    assert len(missing.records(2)) == 2


def test_a_broker_that_is_away_may_come_back(topic: Topic) -> None:
    away = topic.settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}"})
    with pytest.raises(Undelivered, match="Kafka did not take") as caught:
        Kafka(away).send(message(to=topic.to()))
    assert caught.value.may_pass
