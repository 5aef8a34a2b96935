"""What a micro-batch of the score query leaves in predictions and latest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch

from conf.settings import Settings
from conf.times import iso_us
from elastic.names import LATEST, PREDICTIONS
from jobs.streaming.predict import ScoreBatch, score_partition
from jobs.streaming.progress import add_up
from ml.prediction import Bundle
from tests.support.arrivals import MINUTE_US, START_US, Patient
from tests.support.bundles import make_bundle
from tests.support.fake_elasticsearch import FakeElasticsearch

Run = Callable[..., Counter[str]]

SCORED_US = START_US + 600 * MINUTE_US


def patient(readings: int = 12) -> Patient:
    made = Patient()
    for number in range(readings):
        made.reading(15 * number, systolic=120 + number % 7, name=f"bp-{number}")
    return made


def state(**patients: Patient) -> pa.RecordBatch:
    """Return the state of some patients as Spark hands it to a task."""
    lists = [[entry.tobytes() for entry in made.state()] for made in patients.values()]
    columns = [pa.array(list(patients), pa.string()), pa.array(lists, pa.list_(pa.binary()))]
    return pa.RecordBatch.from_arrays(columns, names=["patient_id", "entries"])


@pytest.fixture
def run(client: Elasticsearch, settings: Settings) -> Run:
    """Score Arrow batches of states as one task; answer the counts without times."""
    assert client

    def score(
        *states: pa.RecordBatch, scored_us: int = SCORED_US, seed: int = 1, challenger: Bundle | None = None
    ) -> Counter[str]:
        bundle = make_bundle(seed)
        own = SimpleNamespace(value=replace(bundle, version=f"test-{seed}"))
        beside = SimpleNamespace(value=challenger) if challenger else None
        batch = ScoreBatch(settings, own, scored_us, challenger=beside)  # type: ignore[arg-type]
        rows = [
            row
            for batch_counts in score_partition(iter(states), batch)
            for row in batch_counts.column("counts").to_pylist()
        ]
        return Counter({name: count for name, count in add_up(rows).items() if not name.endswith("_ms")})

    return score


def risks(documents: dict[str, Any]) -> list[float]:
    return [document["critical_risk_6h"] for document in documents.values()]


def test_prediction_is_stored_at_its_instant_and_as_the_patients_latest(run: Run, fake: FakeElasticsearch) -> None:
    counts = run(state(a=patient(), b=patient(11)))
    assert set(fake.stored(LATEST)) == {"a", "b"}
    newest_us = START_US + 11 * 15 * MINUTE_US
    stored = fake.documents[f"{PREDICTIONS}-2026.09", f"a|{newest_us}"]
    assert stored == fake.stored(LATEST)["a"]
    assert (stored["window_readings"], stored["model_version"]) == (12, "test-1")
    assert (counts["patients"], counts["predictions"], counts["refused"]) == (2, 2, 0)


def test_challenger_scores_into_fields_of_its_own_and_not_for_latest(run: Run, fake: FakeElasticsearch) -> None:
    run(state(a=patient()))
    alone = dict(fake.stored(LATEST)["a"])
    counts = run(state(a=patient()), challenger=replace(make_bundle(2), version="test-2"))
    (stored,) = fake.stored(PREDICTIONS).values()
    assert fake.stored(LATEST)["a"] == alone
    theirs = {name: value for name, value in stored.items() if name.startswith("shadow_")}
    assert {**alone, **theirs} == stored
    assert (theirs["shadow_model_version"], len(theirs)) == ("test-2", 4)
    assert (counts["predictions"], counts["shadow_failed"]) == (1, 0)


def test_challenger_that_fails_in_scoring_takes_nothing_from_the_model_in_service(
    run: Run, fake: FakeElasticsearch
) -> None:
    run(state(a=patient(), b=patient(11)))
    alone = dict(fake.documents)
    broken = replace(make_bundle(2), version="broken", boosters=dict.fromkeys(make_bundle(2).boosters, b"no booster"))
    counts = run(state(a=patient(), b=patient(11)), challenger=broken)
    assert fake.documents == alone
    assert (counts["predictions"], counts["failed"], counts["shadow_failed"]) == (2, 0, 1)


def test_patients_of_all_arrow_batches_are_counted_together(run: Run, fake: FakeElasticsearch) -> None:
    counts = run(state(a=patient()), state(b=patient()), state(c=patient(3)))
    assert (counts["patients"], counts["predictions"], counts["refused"]) == (3, 2, 1)
    assert set(fake.stored(LATEST)) == {"a", "b"}


def test_undisturbed_micro_batch_is_one_request(run: Run, fake: FakeElasticsearch) -> None:
    run(state(a=patient(), b=patient()))
    assert fake.requests == {"_bulk": 1}


def test_task_without_patients_counts_nothing(run: Run, fake: FakeElasticsearch) -> None:
    assert run() == {}
    assert run(state()) == {}
    assert not fake.documents


def test_prediction_that_a_late_reading_changed_names_its_predecessor(run: Run, fake: FakeElasticsearch) -> None:
    changing = patient()
    run(state(a=changing))
    (first,) = risks(fake.stored(PREDICTIONS))
    for minute in (5, 20, 35, 50, 65):
        changing.reading(minute, systolic=200, diastolic=110)
    counts = run(state(a=changing), scored_us=SCORED_US + 60 * MINUTE_US)
    (stored,) = fake.stored(PREDICTIONS).values()
    assert stored["critical_risk_6h"] != first
    assert (stored["replaced_risk_6h"], stored["replaced_scored_at"]) == (first, iso_us(SCORED_US))
    assert counts["rescored_late"] == 1
    assert fake.stored(LATEST)["a"] == stored


def test_repeated_micro_batch_keeps_what_it_told_of_its_predecessor(run: Run, fake: FakeElasticsearch) -> None:
    changing = patient()
    run(state(a=changing))
    for minute in (5, 20, 35, 50, 65):
        changing.reading(minute, systolic=200, diastolic=110)
    run(state(a=changing))
    documents = dict(fake.documents)
    run(state(a=changing))
    assert fake.documents == documents


def test_patient_whom_retractions_leave_with_too_few_readings_has_no_latest(run: Run, fake: FakeElasticsearch) -> None:
    changing = patient(10)
    run(state(a=changing, b=patient(10)))
    changing.retraction(0, name="bp-0")
    counts = run(state(a=changing))
    assert set(fake.stored(LATEST)) == {"b"}
    assert (counts["predictions"], counts["refused"]) == (0, 1)


def test_patient_whose_every_reading_is_retracted_has_no_latest(run: Run, fake: FakeElasticsearch) -> None:
    changing = patient(10)
    run(state(a=changing))
    for number in range(10):
        changing.retraction(15 * number, name=f"bp-{number}")
    run(state(a=changing))
    assert not fake.stored(LATEST)


def test_next_micro_batch_may_be_scored_by_another_model(run: Run, fake: FakeElasticsearch) -> None:
    run(state(a=patient()), seed=1)
    run(state(b=patient()), seed=2)
    assert {document["model_version"] for document in fake.stored(LATEST).values()} == {"test-1", "test-2"}
    assert np.ptp(risks(fake.stored(LATEST))) > 0


def test_patient_with_a_long_name_has_one_latest(run: Run, fake: FakeElasticsearch) -> None:
    run(state(**{"p" * 600: patient()}))
    run(state(**{"p" * 600: patient(13)}))
    ((id_, stored),) = fake.stored(LATEST).items()
    assert len(id_) == 64
    assert stored["window_readings"] == 13


def test_reading_of_the_future_hides_no_crisis_and_counts_once_its_time_has_come(
    run: Run, fake: FakeElasticsearch
) -> None:
    # 1. a clock that runs 23 h ahead sends a normal value, then a right one a crisis
    two_clocks = patient()
    two_clocks.reading(600 + 23 * 60, systolic=124, diastolic=76)
    two_clocks.reading(600, systolic=190, diastolic=125)
    run(state(a=two_clocks))
    latest = fake.stored(LATEST)["a"]
    assert (latest["@timestamp"], latest["systolic"], latest["window_readings"]) == (iso_us(SCORED_US), 190, 13)
    # 2. a day later the right clock sends again: the other reading has its place before
    two_clocks.reading(600 + 24 * 60, systolic=131)
    run(state(a=two_clocks), scored_us=SCORED_US + 24 * 60 * MINUTE_US)
    latest = fake.stored(LATEST)["a"]
    assert (latest["systolic"], latest["window_readings"]) == (131, 15)


def test_reading_of_a_clock_a_few_seconds_ahead_is_scored_at_once(run: Run, fake: FakeElasticsearch) -> None:
    device = patient()
    device.reading(600 + 5 / 60, systolic=190, diastolic=125)
    run(state(a=device))
    assert fake.stored(LATEST)["a"]["systolic"] == 190


def test_patient_whose_every_reading_lies_in_the_future_has_no_prediction(run: Run, fake: FakeElasticsearch) -> None:
    counts = run(state(a=patient(12)), scored_us=START_US - 2 * MINUTE_US)
    assert (counts["predictions"], counts["refused"], fake.documents) == (0, 1, {})
