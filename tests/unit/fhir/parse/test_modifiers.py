"""Elements that change what an Observation means are never passed over: modifier extensions, implicit rules, focus."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.fast_path import read_plainly
from fhir.parse.message import parse_message
from fhir.parse.subject import NO_BUNDLE
from fhir.readings import IntakeRules
from fhir.reasons import Reason
from tests.support.factories import (
    Json,
    bundle,
    component,
    half_observation,
    heart_rate_observation,
    observation,
    payload,
    pressure,
    quantity,
)
from tests.unit.fhir.parse.test_content import RECORD_TIME_US, parse, reason

MODIFIER = {"url": "https://example.org/StructureDefinition/simulated", "valueBoolean": True}


@pytest.mark.parametrize(
    "resource",
    [
        observation(modifierExtension=[MODIFIER]),
        observation(modifierExtension=MODIFIER),
        observation(component=[{**pressure("8480-6", 128), "modifierExtension": [MODIFIER]}, pressure("8462-4", 82)]),
        observation(component=[pressure("8480-6", 128), {**pressure("8462-4", 82), "modifierExtension": [MODIFIER]}]),
        observation(subject={"reference": "Patient/p-1", "modifierExtension": [MODIFIER]}),
        half_observation("8480-6", 128, modifierExtension=[MODIFIER]),
        heart_rate_observation(71, modifierExtension=[MODIFIER]),
    ],
)
def test_a_modifier_extension_is_refused_where_it_changes_the_meaning(resource: Json) -> None:
    (reject,) = parse(resource).rejects

    assert (reject.reason, reject.detail) == (Reason.MODIFIER_EXTENSION, MODIFIER["url"])


@pytest.mark.parametrize("extensions", [None, []])
def test_an_empty_list_of_modifier_extensions_changes_nothing(extensions: Any) -> None:
    assert reason(observation(modifierExtension=extensions)) is None


def test_a_modifier_extension_of_another_component_changes_nothing() -> None:
    extra = {**pressure("8478-0", 97), "modifierExtension": [MODIFIER]}

    assert reason(observation(component=[*observation()["component"], extra])) is None


def test_a_modifier_extension_of_the_heart_rate_drops_only_that() -> None:
    rate = {**component("8867-4", quantity(71, "/min")), "modifierExtension": [MODIFIER]}

    (reading,) = parse(observation(component=[*observation()["component"], rate])).readings

    assert (reading.systolic, reading.heart_rate, reading.flags) == (128, None, ("heart_rate_unusable",))


def test_a_modifier_extension_of_another_observation_is_none_of_our_business() -> None:
    assert parse(half_observation("29463-7", 82, modifierExtension=[MODIFIER])).ignored == 1


@pytest.mark.parametrize("make", [observation, lambda **more: half_observation("8480-6", 128, **more)])
def test_implicit_rules_are_refused_whichever_they_are(make: Any) -> None:
    (reject,) = parse(make(implicitRules="https://example.org/rules")).rejects

    assert (reject.reason, reject.detail) == (Reason.IMPLICIT_RULES, "https://example.org/rules")


def test_a_retraction_counts_whatever_modifies_it() -> None:
    withdrawn = observation(status="entered-in-error", modifierExtension=[MODIFIER], implicitRules="https://x.example")

    assert reason(withdrawn) is Reason.STATUS_ENTERED_IN_ERROR


@pytest.mark.parametrize(
    "focus",
    [
        [{"reference": "RelatedPerson/mother-2"}],
        [{"reference": "Patient/p-2"}],
        [{"reference": "Patient/p-1"}, {"reference": "Device/pump-3"}],
        [{"reference": "#donor"}],
        [{"display": "the fetus"}],
        [{"identifier": {"system": "https://example.org/mrn", "value": "7"}}],
        {"reference": "Patient/p-2"},
        ["Patient/p-1"],
    ],
)
def test_a_focus_other_than_the_subject_is_refused(focus: Any) -> None:
    assert reason(observation(focus=focus)) is Reason.FOCUS_NOT_THE_SUBJECT


@pytest.mark.parametrize(
    "focus",
    [
        None,
        [],
        [{"reference": "Patient/p-1"}],
        {"reference": "Patient/p-1"},
        [{"reference": "https://fhir.example.org/r4/Patient/p-1/_history/2"}, {"reference": "Patient/p-1"}],
    ],
)
def test_a_focus_that_names_the_subject_changes_nothing(focus: Any) -> None:
    assert reason(observation(focus=focus)) is None


def test_a_focus_is_resolved_within_its_bundle_as_the_subject_is() -> None:
    urn = "urn:uuid:9d3c5a56-2a8b-4b0d-b9a1-6f1f8a4f0c11"
    message = bundle(
        observation(subject={"reference": urn}, focus=[{"reference": urn}]),
        observation(subject={"reference": urn}, focus=[{"reference": "Patient/p-9"}]),
    )
    message["entry"].append({"fullUrl": urn, "resource": {"resourceType": "Patient", "id": "p-7"}})
    parsed = parse_message(payload(message), RECORD_TIME_US, IntakeRules())

    assert [reading.patient_id for reading in parsed.readings] == ["p-7"]
    assert [reject.reason for reject in parsed.rejects] == [Reason.FOCUS_NOT_THE_SUBJECT]


@pytest.mark.parametrize(
    "elements",
    [
        {"modifierExtension": [MODIFIER]},
        {"implicitRules": "https://example.org/rules"},
        {"focus": [{"reference": "Patient/p-2"}]},
        {"subject": {"reference": "Patient/p-1", "modifierExtension": [MODIFIER]}},
        {"component": [{**part, "modifierExtension": [MODIFIER]} for part in observation()["component"]]},
    ],
)
def test_the_short_way_leaves_them_to_the_full_rules(elements: Json) -> None:
    assert read_plainly(observation(), 0, NO_BUNDLE, RECORD_TIME_US, IntakeRules()) is not None
    assert read_plainly(observation(**elements), 0, NO_BUNDLE, RECORD_TIME_US, IntakeRules()) is None
