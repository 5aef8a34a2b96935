"""Everything that may come through Kafka: nothing stops the stream, and each entry ends in exactly one place."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from fhir.reasons import Reason
from tests.integration.pipeline import Pipeline, reading
from tests.support.clock import at
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
