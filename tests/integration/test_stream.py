"""The streaming job on real Kafka, Spark and Elasticsearch: what a message becomes, and that nothing is done twice."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.fhir.reasons import Reason
from jobs.indices import LATEST, OBSERVATIONS, REJECTED
from ml.registry import BundleError
from tests.clock import at
from tests.factories import bundle, heart_rate_observation, observation, payload
from tests.integration.pipeline import Pipeline, publish_model

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2]
DATA = PROJECT / "tests" / "data"


def reading(minute: float, systolic: float | None = 128, name: str | None = None, **overrides: Any) -> bytes:
    """A valid Observation of patient p-1 at `minute`."""
    more = {"id": name or f"bp-{minute}", "effectiveDateTime": at(minute)}
    return payload(observation(systolic=systolic, **(more | overrides)))


def test_readings_become_observations_predictions_latest_and_archive(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute, systolic=120 + minute, heart_rate=70) for minute in (0, 15, 30, 45)))
    pipeline.drain()

    stored = sorted(pipeline.observations().values(), key=lambda document: document["@timestamp"])
    assert [document["systolic"] for document in stored] == [120, 135, 150, 165]
    assert {document["source_topic"] for document in stored} == {pipeline.settings.kafka_topic}
    (latest,) = pipeline.latest().values()
    assert (latest["systolic"], latest["window_readings"], latest["window_hours"]) == (165, 4, 0.75)
    assert latest["critical_risk_1h"] <= latest["critical_risk_6h"] <= latest["critical_risk_24h"]
    assert pipeline.predictions()[f"p-1|{_microseconds(latest)}"] == latest
    assert [row["systolic"] for row in _archived(pipeline)] == ["120", "135", "150", "165"]


def test_patient_with_too_few_readings_gets_no_prediction(pipeline: Pipeline) -> None:
    pipeline.send(reading(0), reading(15))
    pipeline.drain()
    assert len(pipeline.observations()) == 2
    assert pipeline.latest() == {}
    assert _metrics(pipeline)["queries"]["score"]["totals"]["refused"] == 1


def test_second_run_on_the_same_topic_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)), b"{")
    pipeline.drain()
    before, archived = pipeline.everything(), _archived(pipeline)
    pipeline.drain()
    assert pipeline.everything() == before
    assert _archived(pipeline) == archived


def test_repeated_micro_batch_changes_nothing(pipeline: Pipeline) -> None:
    """As after a crash between the writes and Spark's commit: the last batch is run again from its offset log."""
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)))
    pipeline.drain()
    late, resent = reading(20, systolic=190), reading(15)
    heart_rate = payload(heart_rate_observation(66, effectiveDateTime=at(30)))
    retraction = reading(0, status="entered-in-error")
    pipeline.send(late, resent, heart_rate, retraction, b"no json", reading(45))
    pipeline.drain()
    before, archived = pipeline.everything(), _archived(pipeline)

    _forget_last_commit(pipeline)
    pipeline.drain()

    assert pipeline.everything() == before
    assert _archived(pipeline) == archived


def test_rebuild_from_kafka_with_a_new_checkpoint_ends_in_the_same_documents(pipeline: Pipeline) -> None:
    for batch in ((reading(0), reading(15, 150)), (reading(15, 160, name="other"), reading(30)), (reading(0),)):
        pipeline.send(*batch)
        pipeline.drain()
    before = pipeline.everything()
    shutil.rmtree(pipeline.settings.checkpoint_dir)
    pipeline.drain()
    after = pipeline.everything()
    assert after[OBSERVATIONS] == before[OBSERVATIONS]
    assert after[REJECTED] == before[REJECTED]
    assert after[LATEST] == before[LATEST]
    assert len(list(pipeline.settings.data_dir.glob("observations-until-*"))) == 1


def test_late_reading_rescores_and_tells_what_it_replaced(pipeline: Pipeline) -> None:
    # 1. three readings in order: no lineage
    pipeline.send(*(reading(minute, systolic=120) for minute in (0, 15, 45)))
    pipeline.drain()
    (first,) = pipeline.latest().values()
    assert (first["window_late_readings"], "replaced_risk_6h" in first) == (0, False)
    # 2. the reading of minute 30 arrives late, very high
    pipeline.send(reading(30, systolic=240))
    pipeline.drain()
    (second,) = pipeline.latest().values()
    assert (second["@timestamp"], second["window_readings"]) == (first["@timestamp"], 4)
    assert second["window_late_readings"] == 1
    if second["critical_risk_6h"] != first["critical_risk_6h"]:
        assert second["replaced_risk_6h"] == first["critical_risk_6h"]
        assert second["replaced_scored_at"] == first["scored_at"]
    # 3. the next reading in time is a new prediction and replaces none
    pipeline.send(reading(60, systolic=120))
    pipeline.drain()
    (third,) = pipeline.latest().values()
    assert third["window_late_readings"] == 1
    assert "replaced_risk_6h" not in third


def test_retraction_marks_the_document_and_steps_the_prediction_back(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute, systolic=120 + minute) for minute in (0, 15, 30, 45)))
    pipeline.drain()
    pipeline.send(reading(45, status="entered-in-error", systolic=None, diastolic=None))
    pipeline.drain()
    marked = [document for document in pipeline.observations().values() if document["status"] == "entered-in-error"]
    assert [document["systolic"] for document in marked] == [165]
    (latest,) = pipeline.latest().values()
    assert (latest["systolic"], latest["window_readings"]) == (150, 3)
    assert [document["reason"] for document in pipeline.rejected().values()] == ["STATUS_ENTERED_IN_ERROR"]
    # a second retraction leaves too few readings for any prediction
    pipeline.send(reading(30, status="entered-in-error"))
    pipeline.drain()
    assert pipeline.latest() == {}


def test_retraction_without_a_time_is_found_by_the_observation_id(pipeline: Pipeline) -> None:
    pipeline.send(reading(0, name="wrong"), reading(15))
    pipeline.drain()
    bare = {"resourceType": "Observation", "id": "wrong", "status": "entered-in-error"}
    pipeline.send(payload({**bare, "code": observation()["code"], "subject": {"reference": "Patient/p-1"}}))
    pipeline.drain()
    statuses = {document["observation_id"]: document["status"] for document in pipeline.observations().values()}
    assert statuses == {"wrong": "entered-in-error", "bp-15": "final"}


def test_correction_replaces_and_a_moving_one_leaves_no_old_document(pipeline: Pipeline) -> None:
    pipeline.send(reading(0, 190, name="a"), reading(15, 190, name="b"))
    pipeline.drain()
    pipeline.send(reading(0, 130, name="a", status="corrected"), reading(20, 131, name="b", status="amended"))
    pipeline.drain()
    stored = {document["observation_id"]: document for document in pipeline.observations().values()}
    assert {name: document["systolic"] for name, document in stored.items()} == {"a": 130, "b": 131}
    assert len(pipeline.observations()) == 2


@pytest.mark.parametrize("pressure_first", [True, False])
def test_separate_heart_rate_joins_across_micro_batches(pipeline: Pipeline, pressure_first: bool) -> None:
    pair = [reading(0), payload(heart_rate_observation(66, effectiveDateTime=at(0)))]
    for message in pair if pressure_first else reversed(pair):
        pipeline.send(message)
        pipeline.drain()
    (stored,) = pipeline.observations().values()
    assert (stored["systolic"], stored["heart_rate"], stored["flags"]) == (128, 66, [])


def test_heart_rate_without_pressure_is_kept_and_flagged(pipeline: Pipeline) -> None:
    pipeline.send(payload(heart_rate_observation(66, effectiveDateTime=at(0))))
    pipeline.drain()
    (stored,) = pipeline.observations().values()
    assert (stored["heart_rate"], stored["flags"]) == (66, ["heart_rate_only"])
    assert "systolic" not in stored


def test_months_go_to_their_own_indices_behind_one_alias(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute) for minute in (0, -40 * 24 * 60, -80 * 24 * 60)))
    pipeline.drain()
    names = pipeline.client.indices.get_alias(name=OBSERVATIONS)
    assert len(names) == 3
    assert all(name.startswith(OBSERVATIONS + "-20") for name in names)
    assert len(pipeline.observations()) == 3


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
    totals = _metrics(pipeline)["queries"]["ingest"]["totals"]
    assert totals == {"messages": 1, "readings": 1, "rejected": 1, "ignored": 1}


def test_every_example_of_ours_ends_where_it_should(pipeline: Pipeline) -> None:
    """All files of tests/data at once: nothing stops the stream, and each entry is counted in exactly one place."""
    names = sorted((DATA / "accepted").iterdir()) + sorted((DATA / "rejected").iterdir())
    pipeline.send(*(path.read_bytes() for path in names))
    pipeline.drain()
    totals = _metrics(pipeline)["queries"]["ingest"]["totals"]
    assert totals["messages"] == len(names)
    assert totals["rejected"] == len(pipeline.rejected())
    before = pipeline.everything()
    _forget_last_commit(pipeline)
    pipeline.drain()
    assert pipeline.everything() == before


def test_real_producers_messages_are_stored_once_or_refused_with_their_reason(pipeline: Pipeline) -> None:
    folder = Path(os.environ.get("FHIR_EXAMPLES", PROJECT.parent / "shared" / "fhir-examples"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: these example messages are other people's work and not ours to commit")
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


def test_job_does_not_start_with_a_damaged_model(pipeline: Pipeline) -> None:
    version = publish_model(pipeline.settings.model_dir, seed=1)
    (pipeline.settings.model_dir / version / "h6.ubj").write_bytes(b"damaged")
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)))
    with pytest.raises(BundleError, match=r"h6\.ubj"):
        pipeline.drain()
    assert pipeline.observations() == {}


def test_metrics_file_tells_of_both_queries(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)), b"{")
    pipeline.drain()
    metrics = _metrics(pipeline)
    ingest, score = metrics["queries"]["ingest"], metrics["queries"]["score"]
    assert ingest["totals"] == {"messages": 4, "readings": 3, "rejected": 1, "ignored": 0}
    assert ingest["rejected_by_reason"] == {"MALFORMED_JSON": 1}
    assert (score["totals"]["messages"], score["totals"]["predictions"]) == (4, 1)
    assert (ingest["lag"], score["lag"]) == (0, 0)
    assert {line["query"] for line in metrics["recent"]} == {"ingest", "score"}
    (latest,) = pipeline.latest().values()
    assert metrics["model_version"] == latest["model_version"]


def _metrics(pipeline: Pipeline) -> dict[str, Any]:
    return dict(json.loads((pipeline.settings.local_dir / "metrics.json").read_text()))


def _archived(pipeline: Pipeline) -> list[dict[str, str]]:
    files = sorted((pipeline.settings.data_dir / "observations").glob("day=*/*.csv"))
    rows = [row for path in files for row in csv.DictReader(path.read_text().splitlines())]
    without_time = [{name: value for name, value in row.items() if name != "ingested_at"} for row in rows]
    return sorted(without_time, key=lambda row: (row["@timestamp"], int(row["source_offset"])))


def _microseconds(document: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(document["@timestamp"]).timestamp() * 1_000_000)


def _forget_last_commit(pipeline: Pipeline) -> None:
    """Take the last commit out of both queries' checkpoints; their offset logs make them run that batch again."""
    for query in ("ingest", "score"):
        commits = pipeline.settings.checkpoint_dir / query / "commits"
        newest = max((path for path in commits.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
        newest.unlink()
        (commits / f".{newest.name}.crc").unlink(missing_ok=True)
