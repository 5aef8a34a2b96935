"""Everything that may come through Kafka: nothing stops the stream, and each entry ends in exactly one place."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from conf.settings import Settings
from elastic.names import OBSERVATIONS
from fhir.reasons import Reason
from tests.integration.pipeline import Pipeline, reading
from tests.support.clock import RECENTLY, at
from tests.support.factories import bundle, observation, payload
from tests.support.real_messages import PROJECT, real_messages

pytestmark = pytest.mark.integration

DATA = PROJECT / "tests" / "data"


def test_poison_is_refused_with_its_reason_and_its_neighbours_are_kept(pipeline: Pipeline) -> None:
    poison: dict[bytes | None, Reason] = {
        None: Reason.MALFORMED_JSON,
        b"": Reason.MALFORMED_JSON,
        bytes(range(256)): Reason.MALFORMED_JSON,
        b"x" * 10_000_000: Reason.PAYLOAD_TOO_LARGE,
        b"[" * 1_000_000: Reason.MALFORMED_JSON,
        b'{"resourceType":"Observation","value":NaN}': Reason.MALFORMED_JSON,
        b'{"resourceType":"Patient"}': Reason.UNSUPPORTED_RESOURCE_TYPE,
        payload(observation(status="bogus")): Reason.STATUS_UNRECOGNISED,
        payload(observation(effectiveDateTime="2999-01-01T00:00:00Z")): Reason.TIME_IN_FUTURE,
        payload(observation(effectiveDateTime="1999-01-01T00:00:00Z")): Reason.TIME_TOO_OLD,
    }
    for message in poison:
        pipeline.send(message, partition=0)
    pipeline.send(reading(0), partition=0)
    pipeline.drain()

    rejected = pipeline.rejected()
    topic = pipeline.settings.kafka_topic
    reasons = [rejected[f"{topic}-0-{offset}"]["reason"] for offset in range(len(poison))]
    assert reasons == [str(reason) for reason in poison.values()]
    assert all(len(document["payload"] or "") <= 4 * 32 * 1024 for document in rejected.values())
    assert len(pipeline.observations()) == 1


def test_bad_entry_of_a_bundle_never_discards_its_neighbours(pipeline: Pipeline) -> None:
    good, bad = (observation(id=name, effectiveDateTime=at(0)) for name in ("good", "bad"))
    pipeline.send(payload(bundle(bad | {"status": "cancelled"}, good, {"resourceType": "Patient", "id": "p-1"})))
    pipeline.drain()
    (refused,) = pipeline.rejected().values()
    assert (refused["reason"], refused["source_entry"]) == ("STATUS_CANCELLED", 0)
    assert [document["observation_id"] for document in pipeline.observations().values()] == ["good"]
    totals = pipeline.metrics()["queries"]["ingest"]["totals"]
    assert totals == {"messages": 1, "readings": 1, "rejected": 1, "ignored": 1}


@pytest.mark.parametrize("record_time_ms", [-1, 0, 1_795_946_400, 1_795_946_400_000_000])
def test_record_time_out_of_range_costs_only_its_own_messages(pipeline: Pipeline, record_time_ms: int) -> None:
    take_any_record_time(pipeline.settings)
    pipeline.send(reading(3), partition=0)  # a segment of records of 1970 alone would be beyond the broker's retention
    send_at(pipeline.settings, record_time_ms, reading(0), b"{", reading(1, status="entered-in-error"))
    pipeline.send(reading(2), partition=0)
    started = datetime.now(UTC)
    pipeline.drain()

    rejected = [document for _, document in sorted(pipeline.rejected().items())]
    reasons = ["RECORD_TIME_OUT_OF_RANGE", "MALFORMED_JSON", "STATUS_ENTERED_IN_ERROR"]
    assert [document["reason"] for document in rejected] == reasons
    assert all(datetime.fromisoformat(document["@timestamp"]) >= started for document in rejected)
    assert {document["observation_id"] for document in pipeline.observations().values()} == {"bp-2", "bp-3"}


def test_retraction_at_an_end_of_the_calendar_takes_its_reading_back_and_makes_no_index(pipeline: Pipeline) -> None:
    sentinels = ["9999-12-31T23:59:59-05:00", "2106-02-07T06:28:15Z", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z"]
    pipeline.send(*(reading(minute) for minute in range(5)), partition=0)
    retractions = (
        reading(minute, status="entered-in-error", effectiveDateTime=text) for minute, text in enumerate(sentinels)
    )
    pipeline.send(*retractions, partition=0)
    pipeline.drain()

    assert [document["reason"] for document in pipeline.rejected().values()] == ["STATUS_ENTERED_IN_ERROR"] * 4
    by_id = {document["observation_id"]: document["status"] for document in pipeline.observations().values()}
    assert by_id == dict.fromkeys(["bp-0", "bp-1", "bp-2", "bp-3"], "entered-in-error") | {"bp-4": "final"}
    assert set(pipeline.client.indices.get(index=f"{OBSERVATIONS}-*")) == {f"{OBSERVATIONS}-{RECENTLY:%Y.%m}"}


def take_any_record_time(settings: Settings) -> None:
    """Let the topic take what an older broker, or one whose limits were lifted, takes."""
    lifted = {"message.timestamp.after.max.ms": str(2**63 - 1), "message.timestamp.before.max.ms": str(2**63 - 1)}
    client = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic, configs=lifted)])
    client.close()


def send_at(settings: Settings, record_time_ms: int, *payloads: bytes) -> None:
    """Send messages whose record time the producer says."""
    with KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for content in payloads:
            sent = producer.send(settings.kafka_topic, content, b"p-1", partition=0, timestamp_ms=record_time_ms)
            sent.get(timeout=30)


def test_every_example_of_ours_ends_where_it_should(pipeline: Pipeline) -> None:
    """All files of tests/data at once: nothing stops the stream, and each entry is counted in exactly one place."""
    names = sorted((DATA / "accepted").iterdir()) + sorted((DATA / "rejected").iterdir())
    pipeline.send(*(path.read_bytes() for path in names))
    pipeline.drain()
    totals = pipeline.metrics()["queries"]["ingest"]["totals"]
    assert totals["messages"] == len(names)
    assert totals["rejected"] == len(pipeline.rejected())
    before = pipeline.everything()
    pipeline.forget_last_commit()
    pipeline.drain()
    assert pipeline.everything() == before


def test_real_producers_messages_are_stored_once_or_refused_with_their_reason(pipeline: Pipeline) -> None:
    folder = real_messages()
    expected = json.loads((DATA / "fhir_examples_expectations.json").read_text())
    old = Pipeline(pipeline.settings.model_copy(update={"max_age_days": 0}), pipeline.spark)
    old.send(*((folder / name).read_bytes() for name in expected["files"]))
    old.drain()

    reasons = Counter(document["reason"] for document in old.rejected().values())
    written = sum((Counter(file["rejects"]) for file in expected["files"].values()), Counter())
    repeated = reasons["DUPLICATE"] - written["DUPLICATE"]
    assert reasons - Counter(DUPLICATE=repeated) == written
    readings = {(row[0], row[1]): row[2:] for file in expected["files"].values() for row in file["readings"]}
    stored = {(document["patient_id"], document["@timestamp"]): document for document in old.observations().values()}
    assert len(stored) == len(readings)
    before = old.everything()
    old.drain()
    assert old.everything() == before
