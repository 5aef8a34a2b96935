"""The stream goes on from what commit 5a51d4a, the last one before the folders were rebuilt, has left."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient, KafkaProducer
from pyspark.sql import SparkSession

from conf.settings import Settings
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, REJECTED
from embedded.services import Addresses
from ml.features import WINDOW_LENGTH
from tests.integration.pipeline import Document, Pipeline, delete_documents
from tests.support import before
from tests.support.factories import observation, payload

pytestmark = pytest.mark.integration

FOR_EVER = str(2**63 - 1)


@pytest.fixture
def pipeline(services: Addresses, spark: SparkSession, tmp_path: Path) -> Pipeline:
    """Return a stream with the topic, documents, model, archive and checkpoint of commit 5a51d4a."""
    for name in ("models", "checkpoints", "files"):
        before.unpack(name, tmp_path)
    settings = Settings(
        kafka_bootstrap_servers=str(services.kafka_bootstrap_servers),
        kafka_topic=before.TOPIC,
        elasticsearch_url=str(services.elasticsearch_url),
        trigger_seconds=0.2,
        local_dir=tmp_path / "local",
        data_dir=tmp_path / "data",
        model_dir=tmp_path / "models",
        checkpoint_dir=tmp_path / "checkpoints",
    )
    pipeline = Pipeline(settings, spark)
    fill_topic(settings)
    store_documents(pipeline.client)
    return pipeline


def fill_topic(settings: Settings) -> None:
    """Make the topic anew, which loses no message for its age, and send the stored messages at their offsets."""
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    if before.TOPIC in admin.list_topics():
        admin.delete_topics([before.TOPIC])
    configs = {"retention.ms": "-1", "message.timestamp.after.max.ms": FOR_EVER}
    topic = {"num_partitions": before.PARTITIONS, "replication_factor": 1, "configs": configs}
    admin.create_topics({before.TOPIC: topic}, wait_for_metadata=True)
    admin.close()
    assert send(settings, before.messages()) == [message.offset for message in before.messages()]


def send(settings: Settings, messages: Iterable[before.Message]) -> list[int]:
    """Send messages in this order, each with its own record time, and return the offsets that they got."""
    with KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        sent = [
            producer.send(
                before.TOPIC,
                key=message.key.encode(),
                value=message.value.encode(),
                partition=message.partition,
                timestamp_ms=message.timestamp_ms,
            )
            for message in messages
        ]
        return [future.get(timeout=30).offset for future in sent]


def store_documents(client: Elasticsearch) -> None:
    """Store the documents in indices as they were made then."""
    delete_documents(client)
    for name, body in before.indices().items():
        client.indices.create(index=name, **body)
    operations = [
        line
        for stored in before.documents()
        for line in ({"index": {"_index": stored.index, "_id": stored.id}}, stored.source)
    ]
    assert not client.bulk(operations=operations, refresh=True)["errors"]


def all_documents(pipeline: Pipeline) -> dict[str, dict[str, Document]]:
    """Return all that the stream writes, with the times of writing: a document that is written again differs."""
    return {
        OBSERVATIONS: pipeline.observations(),
        PREDICTIONS: pipeline.predictions(),
        LATEST: pipeline.latest(),
        REJECTED: pipeline.rejected(),
    }


def everything(pipeline: Pipeline) -> dict[str, dict[str, Document]]:
    """Return all documents without times of writing; of reasons, which are grouped otherwise since, that there are any.

    A version of then has inputs that the reasons of now do not name, so they stand under others. Its risks are equal.
    """
    return {
        family: {
            id_: document | ({"reasons": True} if document.get("reasons") else {}) for id_, document in found.items()
        }
        for family, found in pipeline.everything().items()
    }


def next_reading(earlier: Document) -> before.Message:
    """Return a reading a quarter of an hour after a patient's latest prediction, sent a minute later."""
    at = datetime.fromisoformat(earlier["@timestamp"]) + timedelta(minutes=15)
    sent_at, patient_id = at + timedelta(minutes=1), earlier["patient_id"]
    subject = {"reference": f"Patient/{patient_id}"}
    reading = observation(systolic=151, id=f"next-{patient_id}", subject=subject, effectiveDateTime=at.isoformat())
    key_partition = next(message.partition for message in before.messages() if message.key == patient_id)
    return before.Message(key_partition, -1, int(sent_at.timestamp() * 1000), patient_id, payload(reading).decode())


def test_windows_go_on_with_the_history_of_the_checkpoint(pipeline: Pipeline) -> None:
    old = all_documents(pipeline)
    patient_ids = ("sim11-00000", "sim11-00004", "sim11-00009")
    send(pipeline.settings, [next_reading(old[LATEST][patient_id]) for patient_id in patient_ids])
    pipeline.drain()
    new = all_documents(pipeline)

    for patient_id in patient_ids:
        earlier, later = (latest.pop(patient_id) for latest in (old[LATEST], new[LATEST]))
        assert earlier["window_readings"] > 20
        assert later["window_readings"] == min(earlier["window_readings"] + 1, WINDOW_LENGTH)
        assert (later["systolic"], later["model_version"]) == (151, before.VERSION)
    assert new[LATEST] == old[LATEST]
    assert new[REJECTED] == old[REJECTED]
    for family in (OBSERVATIONS, PREDICTIONS):
        added = {id_: new[family].pop(id_) for id_ in new[family].keys() - old[family].keys()}
        assert sorted(document["patient_id"] for document in added.values()) == sorted(patient_ids)
        assert new[family] == old[family]
    assert [query["totals"]["messages"] for query in pipeline.metrics()["queries"].values()] == [3, 3]


def test_micro_batch_that_the_commit_before_left_unfinished_is_repeated(pipeline: Pipeline) -> None:
    old, archived = everything(pipeline), pipeline.archived()
    pipeline.forget_last_commit()
    pipeline.drain()
    assert everything(pipeline) == old
    assert pipeline.archived() == archived
    assert [query["totals"]["messages"] for query in pipeline.metrics()["queries"].values()] == [2, 2]


def test_rebuild_without_the_checkpoint_meets_the_documents_of_the_commit_before(pipeline: Pipeline) -> None:
    old = everything(pipeline)
    shutil.rmtree(pipeline.settings.checkpoint_dir)
    pipeline.drain()
    new = everything(pipeline)
    for family in (OBSERVATIONS, LATEST):
        assert new[family] == old[family]
    assert new[REJECTED].keys() == old[REJECTED].keys()
    for id_, refused in old[REJECTED].items():  # patient, device and time are told since
        assert new[REJECTED][id_] | refused == new[REJECTED][id_]
    assert new[PREDICTIONS].keys() == old[PREDICTIONS].keys()
