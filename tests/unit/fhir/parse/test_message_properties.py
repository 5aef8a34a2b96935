"""Whatever arrives: nothing raises, nothing disappears, nothing comes out that a store could not hold."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC
from fhir.parse.envelope import locate_resources
from fhir.parse.fast_path import read_plainly
from fhir.parse.message import judge_resources, parse_message
from fhir.parse.subject import NO_BUNDLE
from fhir.readings import IntakeRules, Parsed
from fhir.reasons import Reason
from tests.support.factories import observation, payload
from tests.unit.fhir.parse.mutations import almost_valid_bundles, almost_valid_observations
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")

all_rules = st.builds(
    IntakeRules,
    max_age_days=st.sampled_from([0, 400]),
    patient_key=st.sampled_from(["id", "source"]),
    hold_preliminary=st.booleans(),
    refuse_unknown_status=st.booleans(),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)


def check_it_ends_well(parsed: Parsed) -> None:
    assert len(parsed.readings) + len(parsed.rejects) + parsed.ignored >= 1
    assert not any(reject.reason is Reason.INTERNAL_ERROR for reject in parsed.rejects)
    assert all(len(reject.detail) <= 200 for reject in parsed.rejects)
    places = [reject.entry for reject in parsed.rejects]
    assert len(places) == len(set(places)), "two rejects would have one document id"
    msgspec.json.encode(parsed)  # refuses text that is not UTF-8
    for reading in parsed.readings:
        check_it_is_possible(reading.systolic, reading.diastolic, reading.heart_rate)


def check_it_is_possible(systolic: float | None, diastolic: float | None, heart_rate: float | None) -> None:
    assert (systolic is None) == (diastolic is None)
    assert systolic is not None or heart_rate is not None
    assert systolic is None or SYSTOLIC.possible.holds(systolic)
    assert diastolic is None or DIASTOLIC.possible.holds(diastolic)
    assert heart_rate is None or HEART_RATE.possible.holds(heart_rate)


@given(st.binary())
def test_any_bytes_end_well(garbage: bytes) -> None:
    check_it_ends_well(parse_message(garbage, RECORD_TIME_US, IntakeRules()))


@given(json_values)
def test_any_json_ends_well(value: Any) -> None:
    check_it_ends_well(parse_message(payload(value), RECORD_TIME_US, IntakeRules()))


@given(almost_valid_observations(), st.data())
def test_a_damaged_text_ends_well(resource: Any, data: st.DataObject) -> None:
    text = bytearray(payload_of_any(resource))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    check_it_ends_well(parse_message(bytes(text), RECORD_TIME_US, IntakeRules()))


@given(almost_valid_observations(), all_rules)
def test_an_almost_valid_observation_ends_well(resource: Any, rules: IntakeRules) -> None:
    check_it_ends_well(parse_message(payload_of_any(resource), RECORD_TIME_US, rules))


@given(almost_valid_bundles(), all_rules)
def test_an_almost_valid_bundle_ends_well(resource: Any, rules: IntakeRules) -> None:
    check_it_ends_well(parse_message(payload_of_any(resource), RECORD_TIME_US, rules))


@given(st.lists(almost_valid_observations(), min_size=2, max_size=4), all_rules)
def test_almost_valid_lines_end_well(resources: list[Any], rules: IntakeRules) -> None:
    lines = b"\n".join(map(payload_of_any, resources))

    check_it_ends_well(parse_message(lines, RECORD_TIME_US, rules))


@given(almost_valid_observations(), all_rules)
def test_the_short_way_and_the_full_rules_agree(resource: Any, rules: IntakeRules) -> None:
    document = msgspec.json.decode(payload_of_any(resource))
    plain = None
    if document.get("resourceType") == "Observation":
        plain = read_plainly(document, 0, NO_BUNDLE, RECORD_TIME_US, rules)

    if plain is not None:
        assert judge_resources(locate_resources([document]), RECORD_TIME_US, rules) == Parsed(readings=[plain])


@given(st.integers(90, 250), st.integers(40, 80), st.one_of(st.none(), st.integers(20, 300)))
def test_the_short_way_reads_what_is_plainly_right(systolic: int, diastolic: int, heart_rate: int | None) -> None:
    document = observation(systolic=systolic, diastolic=diastolic, heart_rate=heart_rate)
    if systolic - diastolic > 200:
        return
    reading = read_plainly(document, 0, NO_BUNDLE, RECORD_TIME_US, IntakeRules())

    assert reading is not None
    assert (reading.systolic, reading.diastolic, reading.heart_rate) == (systolic, diastolic, heart_rate)


@given(st.lists(almost_valid_observations(), min_size=1, max_size=4))
def test_a_replay_gives_the_same(resources: list[Any]) -> None:
    lines = b"\n".join(map(payload_of_any, resources))

    assert parse_message(lines, RECORD_TIME_US, IntakeRules()) == parse_message(lines, RECORD_TIME_US, IntakeRules())


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_value_that_is_not_finite_is_refused_even_if_a_decoder_let_it_pass(value: float) -> None:
    parsed = judge_resources(locate_resources([observation(systolic=value)]), RECORD_TIME_US, IntakeRules())

    assert [str(reject.reason) for reject in parsed.rejects] == ["VALUE_NOT_NUMERIC"]


def payload_of_any(resource: Any) -> bytes:
    """Return a tree as bytes, with integers of any size, which msgspec reads but does not write."""
    return json.dumps(resource).encode()
