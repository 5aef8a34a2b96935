"""With a key nothing that leaves the parser tells who it was, and everything still fits together."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fhir.parse.message import parse_message
from fhir.parse.references import match_id
from fhir.pseudonyms import WITHHELD, key_check, patient_pseudonym
from fhir.readings import IntakeRules, Parsed
from tests.support.factories import bundle, observation, payload
from tests.unit.fhir.parse.mutations import almost_valid_bundles, almost_valid_observations
from tests.unit.fhir.parse.reading_tables import microseconds
from tests.unit.fhir.parse.test_message_properties import payload_of_any

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
KEY = b"a key of at least thirty-two bytes"
OTHER_KEY = b"another key of thirty-two bytes or more"
RULES = IntakeRules()
RULES_WITH_KEY = IntakeRules(pseudonym_key=KEY)
NAME = "RAW-7f3a"  # in no vocabulary and no pseudonym
NAMED = [
    NAME,
    f"Patient/{NAME}",
    f"https://fhir.example.org/Patient/{NAME}/_history/1",
    f"urn:uuid:{NAME}",
    f"x{NAME}y",
]


def parse(resource: Any, rules: IntakeRules = RULES_WITH_KEY) -> Parsed:
    return parse_message(payload_of_any(resource), RECORD_TIME_US, rules)


def told(parsed: Parsed) -> str:
    """Return everything that the parser has said, as text."""
    return msgspec.json.encode(parsed).decode()


def without_names(parsed: Parsed) -> Parsed:
    """Return what the parser says beside identifiers and details."""
    return Parsed(
        [
            replace(reading, patient_id="", observation_id="", version_id="", device_id="", partner_id="")
            for reading in parsed.readings
        ],
        [replace(retraction, patient_id="", observation_id="") for retraction in parsed.retractions],
        [replace(reject, detail="", patient_id=None, device_id=None) for reject in parsed.rejects],
        parsed.ignored,
    )


@st.composite
def named(draw: st.DrawFn, resources: st.SearchStrategy[Any]) -> Any:
    """Return a resource in which the patient's name stands at some of the places where a text stands."""
    tree = copy.deepcopy(draw(resources))
    if isinstance(tree, dict):
        tree.update({"subject": {"reference": f"Patient/{NAME}"}, "id": f"{NAME}-1", "device": {"reference": NAME}})
    return _name(draw, tree)


def _name(draw: st.DrawFn, tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _name(draw, value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_name(draw, item) for item in tree]
    return draw(st.sampled_from(NAMED)) if isinstance(tree, str) and draw(st.integers(0, 19)) == 0 else tree


def test_pseudonym_is_what_other_tools_compute() -> None:
    """``printf %s 123 | openssl dgst -sha256 -hmac "$KEY"``, the first 32 digits."""
    assert patient_pseudonym("123", KEY) == "864f867a6ead4da426eb858284ae220f"


@given(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64))
def test_equal_ids_have_equal_pseudonyms_and_others_have_others(left: str, right: str) -> None:
    assert (patient_pseudonym(left, KEY) == patient_pseudonym(right, KEY)) == (left == right)
    assert patient_pseudonym(left, KEY) != patient_pseudonym(left, OTHER_KEY)


@given(st.text(min_size=1, max_size=64))
def test_pseudonym_is_an_id_of_fhir_and_of_the_site(patient_id: str) -> None:
    assert match_id(patient_pseudonym(patient_id, KEY))


def test_a_canary_keeps_the_id_that_everything_leaves_it_out_by() -> None:
    assert patient_pseudonym("canary-1", KEY) == "canary-1"


def test_key_check_tells_keys_apart_and_is_nobody_s_pseudonym() -> None:
    assert key_check(KEY) != key_check(OTHER_KEY)
    assert key_check(KEY) not in (patient_pseudonym("", KEY), patient_pseudonym("key check", KEY))


@given(named(almost_valid_observations()))
def test_no_name_leaves_the_parser_of_an_observation(resource: Any) -> None:
    assert NAME not in told(parse(resource))


@given(named(almost_valid_bundles()))
def test_no_name_leaves_the_parser_of_a_bundle(resource: Any) -> None:
    assert NAME not in told(parse(resource))


@given(st.text(), st.binary())
def test_no_name_leaves_the_parser_of_rubbish(text: str, rubbish: bytes) -> None:
    content = NAME.encode() + rubbish + text.encode("utf-8", "replace")

    assert NAME not in told(parse_message(content, RECORD_TIME_US, RULES_WITH_KEY))


def test_these_names_would_leave_it_without_a_key() -> None:
    """The tests above can fail: readings, retractions and the details of rejects name the patient."""
    patient = {"reference": f"Patient/{NAME}"}
    good, wrong = observation(id=NAME, subject=patient), observation(status="entered-in-error", subject=patient)
    odd = observation(subject={"reference": f"Group/{NAME}"})

    for resource in (good, wrong, odd):
        assert NAME in told(parse(resource, RULES))
        assert NAME not in told(parse(resource))


@given(st.one_of(almost_valid_observations(), almost_valid_bundles()))
def test_nothing_else_changes(resource: Any) -> None:
    assert without_names(parse(resource)) == without_names(parse(resource, RULES))


def test_retraction_and_correction_still_find_their_reading() -> None:
    (reading,) = parse(observation()).readings
    (corrected,) = parse(observation(status="corrected", systolic=131)).readings
    (retraction,) = parse(observation(status="entered-in-error")).retractions

    for later in (corrected, retraction):
        assert (later.patient_id, later.observation_id) == (reading.patient_id, reading.observation_id)


def test_readings_are_merged_before_their_ids_are_replaced() -> None:
    parsed = parse(bundle(observation(), observation()))

    assert [(len(parsed.readings), reject.reason) for reject in parsed.rejects] == [(1, "DUPLICATE")]


def test_device_that_carries_the_patient_s_id_is_told_apart_from_the_patient() -> None:
    own = observation(id="p-1", device={"reference": "Device/p-1"}, meta={"versionId": "p-1"})
    (reading,) = parse(own).readings
    names = {reading.patient_id, reading.observation_id, reading.version_id, reading.device_id}

    assert len(names) == 4


@pytest.mark.parametrize("name", ["observation_id", "version_id", "device_id"])
def test_what_is_not_known_stays_unknown(name: str) -> None:
    resource = {key: value for key, value in observation().items() if key not in ("id", "meta", "device")}
    (reading,) = parse_message(payload(resource), RECORD_TIME_US, RULES_WITH_KEY).readings

    assert getattr(reading, name) is None


def test_retraction_without_a_patient_keeps_none() -> None:
    (retraction,) = parse({**observation(status="entered-in-error"), "subject": None}).retractions

    assert retraction.patient_id is None
    assert retraction.observation_id == parse(observation()).readings[0].observation_id


def test_reject_tells_that_its_detail_is_withheld() -> None:
    (reject,) = parse(observation(systolic=None)).rejects

    assert (reject.reason, reject.detail) == ("SYSTOLIC_MISSING", WITHHELD)


def test_rules_do_not_show_the_key() -> None:
    assert KEY.decode() not in repr(RULES_WITH_KEY)
