"""What is taken back by Observations that give no reading."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.message import parse_message
from fhir.readings import FIRST_DATED_VERSION, IntakeRules, Parsed, Retraction
from fhir.reasons import Reason
from tests.support.factories import (
    Json,
    bundle,
    code,
    half_observation,
    heart_rate_observation,
    observation,
    payload,
    without,
)
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
TAKEN_US = microseconds("2026-03-01T07:15:00Z")
GROUP = {"identifier": [{"system": "https://gateway.example/group", "value": "g-1"}]}
NAME = "https://gateway.example/group|g-1"
SECOND = {"meta": {"versionId": "2"}}
DATED = {"meta": {"versionId": "a1f", "lastUpdated": "2026-03-01T08:00:00Z"}}


def parse(resource: Any) -> Parsed:
    return parse_message(payload(resource), RECORD_TIME_US, IntakeRules())


def unnamed(resource: Json) -> Json:
    """Return the Observation without id, under the identifier of its group."""
    return {**without(resource, "id"), **GROUP}


def only(resource: Any) -> Retraction:
    (retraction,) = parse(resource).retractions
    return retraction


@pytest.mark.parametrize("status", ["amended", "corrected"])
@pytest.mark.parametrize(
    "refused",
    [
        {"diastolic": None},
        {"systolic": 320},
        {"systolic": 80, "diastolic": 90},
        {"code": code("96607-7")},
        {"effectiveDateTime": "2026-03-01"},
        {"component": []},
    ],
)
def test_correction_that_is_refused_takes_back_what_was_said_before(refused: Json, status: str) -> None:
    retraction = only(observation(**{"status": status, **refused}))

    assert (retraction.patient_id, retraction.observation_id, retraction.for_good) == ("p-1", "bp-1", False)
    assert retraction.effective_us == (None if "effectiveDateTime" in refused else TAKEN_US)


@pytest.mark.parametrize("version", [SECOND, DATED])
@pytest.mark.parametrize("status", ["final", "registered", "preliminary", None])
def test_version_that_is_not_the_first_takes_back_what_it_replaces_though_it_is_refused(
    version: dict[str, Any], status: str | None
) -> None:
    retraction = only(observation(diastolic=None, **{"status": status, **version}))

    assert not retraction.for_good
    assert (retraction.version == 3) is (version is SECOND)
    assert (retraction.version > FIRST_DATED_VERSION) is (version is DATED)


@pytest.mark.parametrize("meta", [{}, {"versionId": "0"}, {"versionId": "1"}, {"versionId": "W/x"}])
def test_first_version_that_is_refused_takes_nothing_back(meta: Json) -> None:
    parsed = parse(observation(diastolic=None, meta=meta))

    assert (parsed.retractions, len(parsed.rejects)) == ([], 1)


def test_cancelled_takes_back_until_a_newer_version() -> None:
    assert only(observation(status="cancelled")) == Retraction("p-1", "bp-1", TAKEN_US, 0, for_good=False, version=2)


@pytest.mark.parametrize("status", ["cancelled", "amended"])
def test_what_has_neither_id_nor_identifier_takes_nothing_back(status: str) -> None:
    assert parse(without(observation(status=status, diastolic=None), "id")).retractions == []


@pytest.mark.parametrize("subject", [None, {"reference": "Group/g-1"}, {"reference": "#nobody"}])
def test_correction_that_names_no_patient_takes_back_by_its_id(subject: Json | None) -> None:
    retraction = only(observation(status="corrected", subject=subject))

    assert (retraction.patient_id, retraction.observation_id) == (None, "bp-1")


@pytest.mark.parametrize("status", ["corrected", "amended", "cancelled", "entered-in-error"])
def test_correction_into_something_else_takes_back_by_its_id_and_keeps_no_place_in_a_window(status: str) -> None:
    weight = observation(status=status, code=code("29463-7"), component=[])
    parsed = parse(weight)

    (retraction,) = parsed.retractions
    assert (retraction.patient_id, retraction.observation_id) == (None, "bp-1")
    assert (parsed.ignored, parsed.rejects) == (1, [])


def test_something_else_takes_nothing_back_by_an_identifier_that_it_may_share() -> None:
    assert parse(unnamed(observation(status="corrected", code=code("29463-7"), component=[]))).retractions == []


def test_something_else_in_its_first_version_is_none_of_our_business() -> None:
    assert parse(observation(code=code("29463-7"), component=[])).retractions == []


def test_entered_in_error_without_any_code_retracts_for_good() -> None:
    bare = {"resourceType": "Observation", "id": "bp-1", "status": "entered-in-error"}

    assert only(bare) == Retraction(None, "bp-1", None, 0)
    assert only({**bare, "subject": {"reference": "Patient/p-1"}}).patient_id == "p-1"


def test_pair_whose_values_are_refused_takes_back_under_both_names() -> None:
    pair = bundle(half_observation("8480-6", 82, **SECOND), half_observation("8462-4", 128, **SECOND))

    assert [retraction.observation_id for retraction in parse(pair).retractions] == ["half-8480-6", "half-8462-4"]


def test_half_that_is_amended_alone_takes_back_its_pair() -> None:
    assert only(half_observation("8462-4", 90, status="amended")).observation_id == "half-8462-4"


def test_repeat_takes_nothing_back() -> None:
    amended = observation(status="amended", meta=SECOND["meta"])

    parsed = parse(bundle(amended, amended))

    assert ([reject.reason for reject in parsed.rejects], parsed.retractions) == ([Reason.DUPLICATE], [])


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (observation(), NAME),
        (heart_rate_observation(), f"{NAME}#8867-4"),
        (half_observation("8480-6", 128), f"{NAME}#8480-6"),
        (half_observation("8462-4", 82), f"{NAME}#8462-4"),
    ],
)
def test_identifier_stands_in_for_an_id_together_with_what_the_observation_is(resource: Json, name: str) -> None:
    assert only(unnamed({**resource, "status": "entered-in-error"})).observation_id == name


def test_retraction_without_a_name_tells_whether_it_is_of_a_heart_rate() -> None:
    both = [observation(status="entered-in-error"), heart_rate_observation(status="entered-in-error")]

    assert [only(without(resource, "id")).is_heart_rate for resource in both] == [False, True]
