"""The streaming job on real Kafka, Spark and Elasticsearch: what readings become, and that nothing is done twice."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import Any

import pytest

from elastic.names import LATEST, OBSERVATIONS, REJECTED
from ml.registry.bundles import BundleError
from tests.integration.pipeline import Pipeline, publish_model, reading
from tests.support.clock import at
from tests.support.factories import heart_rate_observation, observation, payload

pytestmark = pytest.mark.integration


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
    assert [row["systolic"] for row in pipeline.archived()] == ["120", "135", "150", "165"]


def test_patient_with_too_few_readings_gets_no_prediction(pipeline: Pipeline) -> None:
    pipeline.send(reading(0), reading(15))
    pipeline.drain()
    assert len(pipeline.observations()) == 2
    assert pipeline.latest() == {}
    assert pipeline.metrics()["queries"]["score"]["totals"]["refused"] == 1


def test_second_run_on_the_same_topic_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)), b"{")
    pipeline.drain()
    before, archived = pipeline.everything(), pipeline.archived()
    pipeline.drain()
    assert pipeline.everything() == before
    assert pipeline.archived() == archived


def test_repeated_micro_batch_changes_nothing(pipeline: Pipeline) -> None:
    """As after a crash between the writes and Spark's commit: the last batch is run again from its offset log."""
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)))
    pipeline.drain()
    late, resent = reading(20, systolic=190), reading(15)
    heart_rate = payload(heart_rate_observation(66, effectiveDateTime=at(30)))
    retraction = reading(0, status="entered-in-error")
    pipeline.send(late, resent, heart_rate, retraction, b"no json", reading(45))
    pipeline.drain()
    before, archived = pipeline.everything(), pipeline.archived()

    pipeline.forget_last_commit()
    pipeline.drain()

    assert pipeline.everything() == before
    assert pipeline.archived() == archived


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
    assert second["critical_risk_6h"] != first["critical_risk_6h"]
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


def test_correction_replaces_and_what_a_moving_one_corrects_stands_no_more_even_if_sent_again(
    pipeline: Pipeline,
) -> None:
    original = reading(15, 190, name="b")
    pipeline.send(reading(0, 190, name="a"), original)
    pipeline.drain()
    pipeline.send(reading(0, 130, name="a", status="corrected"), reading(20, 131, name="b", status="amended"))
    pipeline.drain()
    pipeline.send(original)
    pipeline.drain()
    stored = [(document["systolic"], document["status"]) for document in pipeline.observations().values()]
    assert sorted(stored) == [(130, "corrected"), (131, "amended"), (190, "entered-in-error")]


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
    metrics = pipeline.metrics()
    ingest, score = metrics["queries"]["ingest"], metrics["queries"]["score"]
    assert ingest["totals"] == {"messages": 4, "readings": 3, "rejected": 1, "ignored": 0}
    assert ingest["rejected_by_reason"] == {"MALFORMED_JSON": 1}
    assert (score["totals"]["messages"], score["totals"]["predictions"]) == (4, 1)
    assert (ingest["lag"], score["lag"]) == (0, 0)
    assert {line["query"] for line in metrics["recent"]} == {"ingest", "score"}
    (latest,) = pipeline.latest().values()
    assert metrics["model_version"] == latest["model_version"]


def _microseconds(document: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(document["@timestamp"]).timestamp() * 1_000_000)
