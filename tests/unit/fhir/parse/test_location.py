"""Locations: what they say of a place, and what of them is passed over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Location, Parsed
from fhir.reasons import Reason
from tests.support.factories import payload
from tests.support.surveillance import instant

RECORD_TIME_US = instant("2026-03-02T00:00:00+00:00")
CHANGED = "2026-03-01T12:00:00.123456Z"
CHANGED_US = instant("2026-03-01T12:00:00+00:00") + 123_000  # whole milliseconds
TAKING = IntakeRules(takes_encounters=True)


def bed(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Location",
        "id": "b-12",
        "meta": {"lastUpdated": CHANGED},
        "name": "12",
        "physicalType": {"coding": [{"code": "bd"}]},
        "partOf": {"reference": "Location/ward-a"},
        **more,
    }


def parse(resource: Any, rules: IntakeRules = TAKING) -> Parsed:
    return parse_message(payload(resource), RECORD_TIME_US, rules)


def test_a_location_says_what_a_place_is_called_of_what_kind_it_is_and_where() -> None:
    assert parse(bed()) == Parsed(ignored=1, moves=[Location("b-12", "12", "bd", "ward-a", CHANGED_US)])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": " 12 "}, Location("b-12", "12", "bd", "ward-a", CHANGED_US)),
        ({"name": None, "identifier": [None, {"value": "C-12"}]}, Location("b-12", "C-12", "bd", "ward-a", CHANGED_US)),
        ({"name": "A, B", "identifier": 7}, Location("b-12", "b-12", "bd", "ward-a", CHANGED_US)),
        ({"physicalType": None}, Location("b-12", "12", None, "ward-a", CHANGED_US)),
        (
            {"physicalType": None, "form": {"coding": [{"code": "wa"}]}},
            Location("b-12", "12", "wa", "ward-a", CHANGED_US),
        ),
        ({"physicalType": {"coding": [{"code": "bu"}]}}, Location("b-12", "12", "other", "ward-a", CHANGED_US)),
        ({"partOf": None}, Location("b-12", "12", "bd", None, CHANGED_US)),
        ({"partOf": {"reference": "Organization/ward-a"}}, Location("b-12", "12", "bd", None, CHANGED_US)),
        ({"meta": None}, Location("b-12", "12", "bd", "ward-a", RECORD_TIME_US)),
        ({"meta": {"lastUpdated": "2027-01-01T00:00:00Z"}}, Location("b-12", "12", "bd", "ward-a", RECORD_TIME_US)),
    ],
)
def test_what_is_not_told_is_left_out(changes: dict[str, Any], told: Location) -> None:
    assert parse(bed(**changes)).moves == [told]


@pytest.mark.parametrize("own", [None, 7, "", "a b", "x" * 65])
def test_one_that_nobody_can_refer_to_is_passed_over(own: Any) -> None:
    assert parse(bed(id=own)) == Parsed(ignored=1)


def test_it_belongs_to_the_server_that_holds_it() -> None:
    rules = IntakeRules(takes_encounters=True, patient_key="source")
    entry = {"fullUrl": "https://A.example/fhir/Location/b-12", "resource": bed()}
    (told,) = parse({"resourceType": "Bundle", "type": "searchset", "entry": [entry]}, rules).moves
    assert isinstance(told, Location)
    assert (told.location_id, told.part_of) == ("https://a.example/fhir|b-12", "https://a.example/fhir|ward-a")


def test_with_a_key_places_keep_their_names() -> None:
    assert parse(bed(), IntakeRules(takes_encounters=True, pseudonym_key=b"k" * 32)).moves == parse(bed()).moves


def test_unless_they_are_asked_for_locations_are_none_of_our_business() -> None:
    parsed = parse(bed(), IntakeRules())
    assert ([reject.reason for reject in parsed.rejects], parsed.moves) == ([Reason.UNSUPPORTED_RESOURCE_TYPE], [])


@given(
    st.sampled_from(["id", "meta", "name", "identifier", "physicalType", "form", "partOf"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["reference", "coding", "code", "value"]), inner, max_size=3)
        ),
    ),
)
def test_no_shape_of_a_location_is_unforeseen(field: str, value: Any) -> None:
    assert (parse(bed(**{field: value})).rejects, parse(bed(**{field: value})).ignored) == ([], 1)
