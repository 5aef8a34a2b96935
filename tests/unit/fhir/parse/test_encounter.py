"""Encounters: where they say that a patient lies, when that is over, and what of them is none of our business."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Move, Parsed, Place
from fhir.reasons import Reason
from jobs.streaming.whereabouts import where
from tests.support.factories import observation, payload
from tests.support.surveillance import instant

RECORD_TIME_US = instant("2026-03-02T00:00:00+00:00")
CHANGED = "2026-03-01T12:00:00Z"
CHANGED_US = instant("2026-03-01T12:00:00+00:00")
B_12 = {"reference": "Location/b-12"}
TAKING = IntakeRules(takes_encounters=True)


def place(name: str | None = "A", kind: str | None = None, status: str | None = None, **more: Any) -> dict[str, Any]:
    told = {"location": {"display": name} if name else {}, "physicalType": kind and {"coding": [{"code": kind}]}}
    return {name: value for name, value in {**told, "status": status, **more}.items() if value is not None}


def encounter(*places: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": "e-1",
        "meta": {"lastUpdated": CHANGED},
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p-1"},
        "location": list(places),
        **more,
    }


def parse(resource: Any, rules: IntakeRules = TAKING) -> Parsed:
    return parse_message(payload(resource), RECORD_TIME_US, rules)


def moved(parsed: Parsed) -> Move:
    """Return the only move of a message."""
    (move,) = parsed.moves
    assert isinstance(move, Move)
    return move


def test_an_encounter_in_progress_says_where_its_patient_lies() -> None:
    parsed = parse(encounter(place("Cardiology", "wa"), place("12", "bd")))
    places = Place("Cardiology", None, "wa"), Place("12", None, "bd")
    assert parsed.moves == [Move("p-1", "e-1", places, CHANGED_US)]
    assert (parsed.readings, parsed.rejects, parsed.ignored) == ([], [], 1)


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ([place("A")], ("A", None)),  # of no kind
        ([place("A", status="completed"), place("B", status="active")], ("B", None)),
        ([place("A"), place("B")], ("A", None)),
        ([{"location": {"reference": "Location/ward-a"}}], ("ward-a", None)),
        ([{"location": {"reference": "Location/ward-a", "display": " A "}}], ("A", None)),
        ([place("7", "ro"), place("A", "wa")], ("A", None)),
        ([place("A", form={"coding": [{"code": "wa"}]})], ("A", None)),  # as R5 has it
    ],
)
def test_the_ward_is_the_place_that_holds(places: list[Any], told: tuple[str, str | None]) -> None:
    assert where(moved(parse(encounter(*places))).places, {}) == told


@pytest.mark.parametrize(
    ("reference", "kind", "told"),
    [
        ("Location/b-12", "bd", Place("b-12", "b-12", "bd")),
        ("https://a.example/fhir/Location/b-12/_history/3", "ro", Place("b-12", "b-12", "ro")),
        ("Location/b-12", None, Place("b-12", "b-12", None)),
    ],
)
def test_a_place_is_known_by_its_location_whatever_its_kind(reference: str, kind: str | None, told: Place) -> None:
    named = place(None, kind, location={"reference": reference})
    assert moved(parse(encounter(named))).places == (told,)


def test_locations_of_several_servers_are_told_apart_where_patients_are() -> None:
    rules = IntakeRules(takes_encounters=True, patient_key="source")
    named = place(None, location={"reference": "https://A.example/fhir/Location/b-12"})
    assert moved(parse(encounter(named), rules)).places[0].location_id == "https://a.example/fhir|b-12"
    entry = {"fullUrl": "https://A.example/fhir/Encounter/e-1", "resource": encounter(place(None, location=B_12))}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    assert moved(parse(bundle, rules)).places[0].location_id == "https://a.example/fhir|b-12"


@pytest.mark.parametrize("status", ["finished", "cancelled", "entered-in-error", "completed", "discharged"])
def test_the_end_of_an_encounter_is_told(status: str) -> None:
    assert parse(encounter(place("A"), status=status)).moves == [Move("p-1", "e-1", (), CHANGED_US)]


@pytest.mark.parametrize(
    "resource",
    [
        encounter(place("A"), status="planned"),
        encounter(place("A"), status="onleave"),
        encounter(place("A"), **{"class": {"code": "AMB"}}),
        encounter(place("A"), **{"class": [{"coding": [{"code": "VR"}]}]}),
        encounter(),
        encounter(place("A", status="planned")),
        encounter(place("A, B")),
        encounter(place("x" * 65)),
        encounter(place("12", "bd")),
        encounter(location="A"),
        encounter(None, 7, {"location": "A"}, {"location": {"display": 7}}),
        encounter(place("A", physicalType={"coding": [{"code": "bu"}]})),
    ],
)
def test_what_says_nothing_of_a_ward_is_ignored(resource: dict[str, Any]) -> None:
    assert parse(resource) == Parsed(ignored=1)


@pytest.mark.parametrize(
    ("meta", "told_us"),
    [
        ({"lastUpdated": "2027-01-01T00:00:00Z"}, RECORD_TIME_US),  # a clock that runs ahead
        ({"lastUpdated": "yesterday"}, RECORD_TIME_US),
        (None, RECORD_TIME_US),
        ("x", RECORD_TIME_US),
    ],
)
def test_without_a_time_of_its_own_it_counts_as_of_its_record(meta: Any, told_us: int) -> None:
    assert moved(parse(encounter(place("A"), meta=meta))).told_us == told_us


@given(
    st.sampled_from(["status", "class", "location", "meta", "id", "subject"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["location", "display", "reference", "status", "physicalType", "coding", "code", "form"]
                ),
                inner,
                max_size=3,
            )
        ),
    ),
)
def test_no_shape_of_an_encounter_is_unforeseen(field: str, value: Any) -> None:
    parsed = parse(encounter(place("A"), **{field: value}))
    assert Reason.INTERNAL_ERROR not in [reject.reason for reject in parsed.rejects]
    assert len(parsed.rejects) + parsed.ignored == 1


def test_an_encounter_of_nobody_known_is_refused() -> None:
    parsed = parse(encounter(place("A"), subject=None))
    assert [reject.reason for reject in parsed.rejects] == [Reason.SUBJECT_MISSING]
    assert (parsed.moves, parsed.ignored) == ([], 0)


def test_in_a_bundle_it_costs_no_reading() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": encounter(place("A"))}, {"resource": observation()}],
    }
    parsed = parse(bundle)
    assert (moved(parsed).places[0].name, len(parsed.readings), parsed.ignored) == ("A", 1, 1)
    assert parse(bundle, IntakeRules()).moves == []


def test_unless_they_are_asked_for_encounters_are_none_of_our_business() -> None:
    parsed = parse(encounter(place("A")), IntakeRules())
    assert ([reject.reason for reject in parsed.rejects], parsed.moves) == ([Reason.UNSUPPORTED_RESOURCE_TYPE], [])


def test_with_a_key_patient_and_encounter_have_pseudonyms_and_the_ward_its_name() -> None:
    rules = IntakeRules(takes_encounters=True, pseudonym_key=b"k" * 32)
    move = moved(parse(encounter(place("A")), rules))
    (reading,) = parse(observation(subject={"reference": "Patient/p-1"}), rules).readings
    assert (move.patient_id, move.places) == (reading.patient_id, (Place("A", None, None),))
    assert move.encounter_id not in (None, "e-1")
