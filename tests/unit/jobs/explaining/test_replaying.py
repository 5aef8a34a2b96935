"""A stored prediction is made again from what is stored, and what keeps it from being the same is found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from elasticsearch import Elasticsearch

from conf.settings import Settings
from jobs.explaining.case import Case
from jobs.explaining.replaying import Cause, Replay, changed, replay
from jobs.explaining.telling import verdict
from ml.inputs import INPUT_NAMES
from tests.support.explained import OnePatient
from tests.support.factories import heart_rate_observation
from tests.support.fake_elasticsearch import FakeElasticsearch


@pytest.fixture
def patient(fake: FakeElasticsearch, client: Elasticsearch, settings: Settings) -> OnePatient:
    return OnePatient(fake, client, settings)


def made_again(patient: OnePatient, case: Case) -> Replay:
    made = replay(case, patient.bundle)
    assert made is not None
    return made


def said(patient: OnePatient, case: Case) -> str:
    return " ".join(verdict(case, made_again(patient, case), "test"))


def test_a_prediction_after_which_nothing_came_is_the_same_with_its_inputs_by_name(patient: OnePatient) -> None:
    patient.day()
    case = patient.case(patient.predict())
    made = made_again(patient, case)
    assert (made.cause, made.clock_h) == (Cause.KNOWN_THEN, 0)
    assert list(made.inputs) == list(INPUT_NAMES)
    assert made.inputs["systolic"] == case.prediction["systolic"]
    assert np.maximum.accumulate(made.calibrated).tolist() == made.risks == made.now
    assert [one.code for one in made.reasons] == [one["code"] for one in case.prediction["reasons"]]
    assert said(patient, case) == "Made again from what had come when it was made, it is the same."


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (lambda patient: patient.send(100, 175), "03:40:00 175/82 came later"),
        (lambda patient: patient.send(120, 171, status="corrected"), "04:00:00 changed to 171/82"),
        (
            lambda patient: patient.send(135, 120, heart_rate=99, status="corrected"),
            "04:15:00 changed to 120/82 (99/min)",
        ),
    ],
    ids=["a late reading", "a correction", "a corrected heart rate"],
)
def test_what_came_after_the_prediction_is_told_and_does_not_keep_it_from_being_the_same(
    patient: OnePatient, later: Callable[[OnePatient], None], told: str
) -> None:
    patient.day()
    prediction = patient.predict()
    later(patient)
    case = patient.case(prediction)
    made = made_again(patient, case)
    assert made.cause is Cause.KNOWN_THEN
    assert made.now != made.risks
    assert told in said(patient, case)


def test_a_reading_that_was_taken_back_since_counts_as_it_did(patient: OnePatient) -> None:
    patient.day()
    prediction = patient.predict()
    patient.send(90, 120, status="entered-in-error")
    case = patient.case(prediction)
    made = made_again(patient, case)
    assert made.cause is Cause.KNOWN_THEN
    assert made.now != made.risks
    assert "03:30:00 taken back" in said(patient, case)


def test_a_reading_that_was_taken_back_before_does_not_count(patient: OnePatient) -> None:
    patient.day()
    patient.send(150, 120, status="entered-in-error")
    assert made_again(patient, patient.case(patient.predict())).cause is Cause.KNOWN_THEN


def test_a_heart_rate_of_its_own_joins_as_it_did_in_the_stream(patient: OnePatient) -> None:
    patient.day()
    patient.resend(heart_rate_observation(91, effectiveDateTime="2026-03-01T01:46:00+00:00"))
    case = patient.case(patient.predict())
    made = made_again(patient, case)
    assert made.cause is Cause.KNOWN_THEN
    assert 91 in made.candidate.windows.heart_rate


def test_another_time_zone_is_found_out(patient: OnePatient) -> None:
    patient.day()
    case = patient.case(patient.predict(zone="Asia/Kolkata"), zone="Europe/Paris")
    assert made_again(patient, case).clock_h == 4.5
    assert "moved by +4.5 h: when it was made, BP_TIME_ZONE was another than Europe/Paris." in said(patient, case)


def test_readings_that_the_stream_did_not_know_are_told(patient: OnePatient) -> None:
    patient.day()
    case = patient.case(patient.predict(of_last=6))
    assert made_again(patient, case).cause is Cause.FEWER_READINGS
    assert "new checkpoint" in said(patient, case)


def test_places_that_the_topic_has_lost_are_told(patient: OnePatient) -> None:
    patient.day()
    prediction = patient.predict() | {"source_offset": 15}  # of a topic that was created anew
    case = patient.case(prediction)
    patient.messages = []
    assert made_again(patient, case).cause is Cause.KNOWN_NOW


def test_what_nothing_explains_is_said_to_be_so_and_by_which_version_it_was_tried(patient: OnePatient) -> None:
    patient.day()
    case = patient.case(patient.predict() | {"critical_risk_24h": 0.123})
    made = made_again(patient, case)
    assert (made.cause, made.clock_h) == (Cause.NONE, 0)
    assert "cannot be made again" in said(patient, case)
    other = " ".join(verdict(case, made, "another"))
    assert "version that made it, test, is not in BP_MODEL_DIR" in other
    assert "by another, which is in service" in other


def test_nothing_is_made_of_a_prediction_whose_readings_are_deleted(patient: OnePatient) -> None:
    patient.day()
    case = patient.case(patient.predict())
    assert replay(msgspec.structs.replace(case, told=()), patient.bundle) is None


@pytest.mark.parametrize("seed", range(3))
def test_every_prediction_of_a_disorderly_day_is_made_again(patient: OnePatient, seed: int) -> None:
    """Late readings, corrections, retractions of readings that were sent once, and resends."""
    chance, predictions, sent = random.Random(seed), [], Counter[int]()  # noqa: S311 - a simulation
    for number in range(40):
        minute = 15 * (number if chance.random() < 0.7 else chance.randrange(number + 1))
        choices = ["final"] * 4 + (["entered-in-error"] if sent[minute] == 1 else ["corrected"])
        patient.send(minute, chance.randrange(110, 190), status=chance.choice(choices), heart_rate=60 + number)
        sent[minute] += 1
        if number > 10 and chance.random() < 0.3:
            predictions.append(patient.predict())
    cases = [patient.case(prediction) for prediction in predictions]
    causes = [made_again(patient, case).cause for case in cases]
    assert set(causes) == {Cause.KNOWN_THEN}
    assert any(changed(case, 0) for case in cases)
