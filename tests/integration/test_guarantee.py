"""No message and no month stops the stream: what was taken back, what cannot be stored, what the others get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import ApiError
from kafka import KafkaProducer

from conf.times import to_us
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, REJECTED, instant_id
from embedded.services import Addresses
from jobs.maintenance.removal import find
from jobs.resend import PLACE, by_place, resend
from jobs.streaming.checkpoint import CheckpointError
from jobs.streaming.earlier_topic import newest_offsets, refuse_recreated
from jobs.streaming.store import REVISION_SUFFIX
from tests.integration.pipeline import Pipeline, build_settings, reading
from tests.support.clock import RECENTLY

pytestmark = pytest.mark.integration

LONG_AGO = RECENTLY - timedelta(days=70)
BLOCKED_MONTH = f"{LONG_AGO:%Y.%m}"


@contextmanager
def transaction(producer: KafkaProducer, *, commit: bool) -> Iterator[None]:
    producer.begin_transaction()
    yield
    producer.flush()
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()


def send_in_transactions(pipeline: Pipeline) -> None:
    """Send readings 0 and 2 in transactions that are committed; 1, 3 and what is no JSON in ones that are aborted."""
    settings = pipeline.settings
    with KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=settings.kafka_topic
    ) as producer:
        producer.init_transactions()
        for minute in range(4):
            with transaction(producer, commit=minute % 2 == 0):
                producer.send(settings.kafka_topic, reading(minute), b"p-1", partition=0)
                if minute % 2:
                    producer.send(settings.kafka_topic, b"{", b"p-1", partition=0)


def test_what_a_producer_took_back_was_never_said(pipeline: Pipeline) -> None:
    send_in_transactions(pipeline)  # the last thing in the topic is the end of an aborted one
    pipeline.drain()
    names = [document["observation_id"] for document in pipeline.observations().values()]
    assert sorted(names) == ["bp-0", "bp-2"]
    assert pipeline.rejected() == {}
    totals = {query: told["totals"] for query, told in pipeline.metrics()["queries"].items()}
    assert totals["ingest"] == {"messages": 2, "readings": 2, "rejected": 0, "ignored": 0}

    pipeline.send(reading(4), partition=0)
    pipeline.drain()
    (latest,) = pipeline.latest().values()
    assert latest["window_readings"] == 3


def late(minute: float, patient_id: str = "p-1") -> bytes:
    """Return a reading of the month that is going to take no more."""
    taken_at = (LONG_AGO + timedelta(minutes=minute)).isoformat()
    subject = {"reference": f"Patient/{patient_id}"}
    return reading(minute, name=f"late-{patient_id}-{minute}", effectiveDateTime=taken_at, subject=subject)


@contextmanager
def blocked(pipeline: Pipeline, name: str) -> Iterator[None]:
    """Let the month take no documents for a while."""
    indices = pipeline.client.indices
    names = [f"{family}-{BLOCKED_MONTH}" for family in (OBSERVATIONS, PREDICTIONS)]
    setting = f"index.blocks.{name}"
    try:
        indices.close(index=names) if name == "closed" else indices.put_settings(index=names, settings={setting: True})
        yield
    finally:
        indices.open(index=names) if name == "closed" else indices.put_settings(index=names, settings={setting: None})


@pytest.mark.parametrize("name", ["write", "read_only", "closed"])
def test_a_month_that_takes_no_documents_stops_neither_a_crisis_nor_the_stream(pipeline: Pipeline, name: str) -> None:
    pipeline.send(*(late(minute) for minute in range(3)), partition=0)
    pipeline.drain()  # makes the month
    pipeline.send(late(3), *(late(minute, "p-2") for minute in range(3)), late(1), partition=0)
    by_id_alone = reading(1, status="entered-in-error", id="late-p-1-2")  # what it takes back is in the blocked month
    pipeline.send(reading(0, systolic=190), by_id_alone, partition=0)
    with blocked(pipeline, name):
        pipeline.drain()

    crisis = next(document for document in pipeline.observations().values() if document["observation_id"] == "bp-0")
    assert crisis["systolic"] == 190
    assert pipeline.latest()["p-1"]["systolic"] == 190
    assert pipeline.latest()["p-2"]["window_readings"] == 3  # shown, though its month keeps no prediction
    rejected = pipeline.rejected().items()
    refused = {id_: document for id_, document in rejected if document["reason"] == "INDEX_NOT_WRITABLE"}
    revisions = {id_ for id_ in refused if id_.endswith(REVISION_SUFFIX)}
    assert len(refused) - len(revisions) == 5
    assert len(revisions) == (name != "closed")  # what is closed is not even searched
    assert all(BLOCKED_MONTH in document["detail"] for document in refused.values())
    assert all(document["payload"] for id_, document in refused.items() if id_ not in revisions)
    assert pipeline.metrics()["queries"]["score"]["totals"]["unwritten"] == 1

    pipeline.client.indices.refresh(index=REJECTED)
    pages = find(pipeline.client, REJECTED, {"term": {"reason": "INDEX_NOT_WRITABLE"}}, PLACE)
    to_send = by_place(found for page in pages for found in page)
    assert "0 are no longer in Kafka" in resend(pipeline.client, pipeline.settings, to_send)
    pipeline.drain()
    reasons = {document["reason"] for document in pipeline.rejected().values()}
    assert reasons <= {"DUPLICATE", "STATUS_ENTERED_IN_ERROR"}
    names = {document["observation_id"] for document in pipeline.observations().values()}
    assert {"late-p-1-3", "late-p-2-0", "late-p-2-1", "late-p-2-2"} <= names
    retracted = pipeline.observations()[instant_id("p-1", to_us(LONG_AGO + timedelta(minutes=2)))]
    assert (retracted["status"] == "entered-in-error") is (name != "closed")


def test_a_message_sent_again_and_again_leaves_documents_bounded_and_the_window_whole(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute) for minute in range(5)), *(reading(5) for _ in range(1_000)), partition=0)
    pipeline.drain()
    (latest,) = pipeline.latest().values()
    assert latest["window_readings"] == 6
    assert max(len(json.dumps(document)) for document in pipeline.observations().values()) < 10_000
    totals = pipeline.metrics()["queries"]["ingest"]["totals"]
    assert (totals["readings"], totals["rejected"]) == (6, 999)


def test_a_full_disk_is_answered_as_something_that_passes(pipeline: Pipeline) -> None:
    """So it is waited for, as any 429 is: nothing is refused for a disk that somebody is about to make room on."""
    client = pipeline.client
    client.index(index=LATEST, id="any", document={"patient_id": "p-1"})
    client.indices.put_settings(index=LATEST, settings={"index.blocks.read_only_allow_delete": True})
    try:
        with pytest.raises(ApiError) as caught:
            client.index(index=LATEST, id="other", document={"patient_id": "p-2"})
    finally:
        client.indices.put_settings(index=LATEST, settings={"index.blocks.read_only_allow_delete": None})
    assert caught.value.status_code == 429


def test_sixty_retractions_at_the_end_of_the_calendar_keep_no_later_reading_out_of_the_window(
    pipeline: Pipeline,
) -> None:
    sentinel: dict[str, Any] = {"status": "entered-in-error", "effectiveDateTime": "9999-12-31T23:59:59-05:00"}
    pipeline.send(*(reading(number, name=f"gone-{number}", **sentinel) for number in range(60)), partition=0)
    pipeline.send(*(reading(minute, subject={"reference": "Patient/p-2"}) for minute in range(3)), partition=0)
    now = datetime.now(UTC) + timedelta(seconds=1)  # behind the record times of the retractions
    pipeline.send(
        *(
            reading(number, effectiveDateTime=(now + timedelta(seconds=number)).isoformat(), systolic=150 + number)
            for number in range(3)
        ),
        partition=0,
    )
    pipeline.drain()
    latest = pipeline.latest()
    assert (latest["p-1"]["systolic"], latest["p-1"]["window_readings"]) == (152, 3)
    assert latest["p-2"]["window_readings"] == 3
    months = {f"{OBSERVATIONS}-{moment:%Y.%m}" for moment in (RECENTLY, now)}
    assert set(pipeline.client.indices.get(index=f"{OBSERVATIONS}-*")) == months


def test_a_topic_that_was_made_anew_is_found_out_at_a_start_with_a_new_checkpoint(pipeline: Pipeline) -> None:
    settings, client = pipeline.settings, pipeline.client
    pipeline.send(reading(0), reading(1), b"{", partition=1)
    pipeline.drain()
    client.indices.refresh(index=[OBSERVATIONS, REJECTED])
    assert newest_offsets(client, settings.kafka_topic) == {1: 2}
    refuse_recreated(client, settings)  # a rebuild from the same topic

    anew = build_settings(Addresses(settings.kafka_bootstrap_servers, settings.elasticsearch_url), settings.local_dir)
    client.index(
        index=REJECTED, id="old", document={"source_topic": anew.kafka_topic, "source_partition": 0, "source_offset": 0}
    )
    client.indices.refresh(index=REJECTED)
    with pytest.raises(CheckpointError, match="made anew"):
        refuse_recreated(client, anew)
