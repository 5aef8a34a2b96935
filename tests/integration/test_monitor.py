"""The monitor on documents that the stream wrote finds what a plain computation on the same documents finds."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from conf.errors import UserError
from elastic.client import Search, connect
from elastic.names import MODEL_MONITORING, OBSERVATIONS, PREDICTIONS
from embedded.services import Addresses
from jobs.explain import explain
from jobs.explaining.replaying import EQUAL_WITHIN, Cause, stored_risks
from jobs.explaining.stored import stored_case
from jobs.explaining.telling import verdict
from jobs.monitor import monitor
from ml import drift
from ml.registry.pointer import read_journal
from tests.integration.pipeline import Document, Pipeline, build_settings, delete_documents, publish_model
from tests.support.bundles import drift_reference
from tests.support.clock import RECENTLY
from tests.support.factories import observation, payload

pytestmark = pytest.mark.integration

PATIENTS = 8
STEPS = 72  # of half an hour: the 24 h outcome of the first ones is known, that of the last ones is not
STEPS_A_BATCH = 8
NOW = (RECENTLY + timedelta(days=1)).replace(hour=23)
GAPS_H = {1: 0.5, 6: 2.0, 24: 8.0}


def when(step: int) -> str:
    return (RECENTLY + timedelta(minutes=30 * step)).isoformat()


def sent(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield readings of all patients in order of time, some of which are retracted or corrected at the end."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    for step in range(STEPS):
        for patient in range(PATIENTS):
            systolic = chance.gauss(135 + 5 * patient, 12) + (30 if chance.random() < 0.1 else 0)
            yield reading(patient, step, systolic=round(systolic))
    yield reading(7, 40, status="entered-in-error")
    yield reading(0, 20, status="corrected", systolic=195)


def reading(patient: int, step: int, **changes: Any) -> tuple[str, bytes]:
    subject = {"reference": f"Patient/p-{patient}"}
    common = {"subject": subject, "effectiveDateTime": when(step), "id": f"bp-{patient}-{step}"}
    return f"p-{patient}", payload(observation(diastolic=80, **(common | changes)))


@pytest.fixture(scope="module")
def judged(services: Addresses, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Return a stream that has run in small micro-batches, by two models, and has been judged."""
    settings = build_settings(services, tmp_path_factory.mktemp("monitor"))
    settings = settings.model_copy(update={"max_offsets_per_trigger": PATIENTS * STEPS_A_BATCH})
    publish_model(settings.model_dir, files={"drift.json": drift_reference()})
    delete_documents(connect(settings))
    pipeline = Pipeline(settings, spark)
    messages = list(sent(seed=11))
    half = len(messages) // 2
    pipeline.send_all(messages[:half], partition=0)
    pipeline.drain()
    publish_model(settings.model_dir, seed=5)
    pipeline.send_all(messages[half:], partition=0)
    pipeline.drain()
    pipeline.client.indices.refresh(index=[OBSERVATIONS, PREDICTIONS])  # a search finds what was written before
    monitor(spark, settings, days=3, now=NOW)
    return pipeline


def monitoring(pipeline: Pipeline) -> dict[str, Document]:
    pipeline.client.indices.refresh(index=MODEL_MONITORING)
    found = pipeline.client.search(index=MODEL_MONITORING, size=10_000)
    return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


def moment(document: Document) -> datetime:
    return datetime.fromisoformat(document["@timestamp"])


def outcome(prediction: Document, observations: list[Document], horizon_h: int) -> bool | None:
    """Apply the rule of the targets, word for word."""
    mine = sorted(moment(reading) for reading in observations if reading["patient_id"] == prediction["patient_id"])
    begin = moment(prediction)
    end = begin + timedelta(hours=horizon_h)
    if mine[-1] < end:
        return None
    if any(
        begin < moment(reading) <= end and (reading["systolic"] >= 180 or reading["diastolic"] >= 120)
        for reading in observations
        if reading["patient_id"] == prediction["patient_id"]
    ):
        return True
    marks = [begin, *(instant for instant in mine if begin < instant <= end), end]
    longest = max(later - earlier for earlier, later in pairwise(marks))
    return False if longest <= timedelta(hours=GAPS_H[horizon_h]) else None


def expected(pipeline: Pipeline) -> dict[str, tuple[list[float], list[bool]]]:
    """Return the risks and outcomes by what a document is about."""
    documents = pipeline.observations().values()
    observations = [document for document in documents if document["status"] != "entered-in-error"]
    groups: dict[str, tuple[list[float], list[bool]]] = defaultdict(lambda: ([], []))
    for prediction in pipeline.predictions().values():
        for horizon_h in GAPS_H:
            followed = outcome(prediction, observations, horizon_h)
            if followed is None:
                continue
            crisis = prediction["systolic"] >= 180 or prediction["diastolic"] >= 120
            for stratum in ("all", "in_crisis" if crisis else "not_in_crisis"):
                day = prediction["@timestamp"][:10]
                risks, outcomes = groups[f"{prediction['model_version']}|{horizon_h}h|{stratum}|{day}"]
                risks.append(prediction[f"critical_risk_{horizon_h}h"])
                outcomes.append(followed)
    return dict(groups)


def area(risks: list[float], outcomes: list[bool]) -> float:
    """Return the AUROC, -1 where it does not exist."""
    high = [risk for risk, followed in zip(risks, outcomes, strict=True) if followed]
    low = [risk for risk, followed in zip(risks, outcomes, strict=True) if not followed]
    pairs = [(above > below) + (above == below) / 2 for above in high for below in low]
    return float(np.mean(pairs)) if pairs else -1.0


def test_live_figures_are_those_of_a_plain_computation(judged: Pipeline) -> None:
    found = {id_: document for id_, document in monitoring(judged).items() if document["kind"] == "quality"}
    plain = expected(judged)
    assert set(found) == set(plain)
    for id_, (risks, outcomes) in plain.items():
        told = found[id_]
        assert (told["rows"], told["events"]) == (len(risks), sum(outcomes))
        assert told["brier"] == pytest.approx(np.mean(np.square(np.subtract(risks, outcomes))), rel=1e-4)
        assert told["mean_risk"] == pytest.approx(np.mean(risks), rel=1e-4)
        assert (-1 if told["auroc"] is None else told["auroc"]) == pytest.approx(area(risks, outcomes), rel=1e-4)
        assert sum(told["level_events"].values()) == sum(outcomes)
    versions = {document["model_version"] for document in found.values()}
    assert len(versions) == 2
    assert sum(document["events"] for document in found.values()) > 20


def test_windows_apart_are_added_up_day_after_day(judged: Pipeline) -> None:
    found = {id_: document for id_, document in monitoring(judged).items() if document["kind"] == "cusum"}
    documents = judged.observations().values()
    observations = [document for document in documents if document["status"] != "entered-in-error"]
    first: dict[tuple[str, str, int, datetime], Document] = {}
    for prediction in sorted(judged.predictions().values(), key=moment):
        if prediction["systolic"] < 180 and prediction["diastolic"] < 120:
            for horizon_h in GAPS_H:
                block = moment(prediction).replace(minute=0) - timedelta(hours=moment(prediction).hour % horizon_h)
                version, patient = prediction["model_version"], prediction["patient_id"]
                first.setdefault((version, patient, horizon_h, block), prediction)
    counted: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for (version, _, horizon_h, block), prediction in first.items():
        followed = outcome(prediction, observations, horizon_h)
        if followed is not None:
            counts = counted[f"{version}|cusum|{horizon_h}h|not_in_crisis|{block:%Y-%m-%d}"]
            for place, value in enumerate((1, followed, prediction[f"critical_risk_{horizon_h}h"])):
                counts[place] += value
    assert set(found) == set(counted)
    for id_, (rows, events, expected_events) in counted.items():
        told = found[id_]
        assert (told["rows"], told["events"]) == (rows, events)
        assert told["expected_events"] == pytest.approx(expected_events, rel=1e-4)
    assert max(max(document["cusum_more"], document["cusum_fewer"]) for document in found.values()) > 0


def test_drift_is_told_for_the_version_that_knows_its_training_data(judged: Pipeline) -> None:
    told = [document for document in monitoring(judged).values() if document["kind"] == "drift"]
    first = read_journal(judged.settings.model_dir)[0].version
    mine = [prediction for prediction in judged.predictions().values() if prediction["model_version"] == first]
    assert {document["model_version"] for document in told} == {first}
    for day in {prediction["@timestamp"][:10] for prediction in mine}:
        of_day = {document["feature"]: document for document in told if document["@timestamp"][:10] == day}
        assert set(of_day) == set(drift.SUMMARIES)
        assert {document["rows"] for document in of_day.values()} == {
            sum(prediction["@timestamp"][:10] == day for prediction in mine)
        }
        assert {document["drift"] for document in of_day.values()} == {"unknown"}  # too few patients
        assert 130 < of_day["mean_systolic"]["mean"] < 180  # the windows are found, not only the predictions
        assert of_day["mean_systolic"]["patients"] == PATIENTS


def test_every_prediction_of_the_stream_comes_out_the_same_from_what_is_stored(judged: Pipeline) -> None:
    told = [document for document in monitoring(judged).values() if document["kind"] == "parity"]
    assert {document["model_version"] for document in told} == {
        prediction["model_version"] for prediction in judged.predictions().values()
    }
    assert sum(document["rows"] for document in told) == len(judged.predictions())
    assert [(document["equal_share"], document["differing"]) for document in told] == [(1, []), (1, [])]
    assert max(document["greatest_difference"] for document in told) <= EQUAL_WITHIN


def test_a_prediction_is_explained_with_what_was_taken_back_since(judged: Pipeline) -> None:
    search = Search(judged.client)
    at = RECENTLY + timedelta(minutes=30 * (STEPS // 2 + 10))
    case = stored_case(search, "p-7", at, judged.settings)
    bundle, made = explain(case, judged.settings)
    assert made.cause is Cause.KNOWN_THEN
    assert bundle.version == case.prediction["model_version"]
    assert [round(risk, 6) for risk in made.risks] == stored_risks(case).tolist()
    assert "taken back" in " ".join(verdict(case, made, bundle.version))


def test_repetition_changes_nothing_but_the_time_of_judging(judged: Pipeline, spark: SparkSession) -> None:
    def without_time() -> dict[str, Document]:
        return {id_: {**document, "judged_at": ""} for id_, document in monitoring(judged).items()}

    before = without_time()
    monitor(spark, judged.settings, days=3, now=NOW + timedelta(seconds=5))
    assert without_time() == before


def test_days_before_the_asked_ones_are_left_alone(judged: Pipeline, spark: SparkSession) -> None:
    judged.client.indices.delete(index=MODEL_MONITORING, ignore_unavailable=True)
    monitor(spark, judged.settings, days=0, now=NOW)
    assert {document["@timestamp"][:10] for document in monitoring(judged).values()} <= {f"{NOW:%Y-%m-%d}"}


def test_nothing_to_judge_is_said_in_one_sentence(services: Addresses, spark: SparkSession, tmp_path: Path) -> None:
    settings = build_settings(services, tmp_path)
    delete_documents(connect(settings))
    with pytest.raises(UserError, match="no index blood-pressure-predictions"):
        monitor(spark, settings, days=3, now=NOW)
