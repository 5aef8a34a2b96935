"""Every accepted form of subject gives one stable patient id."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.subject import NO_BUNDLE, Scope, read_subject
from fhir.readings import IntakeRules
from fhir.reasons import Reason, Refused

BY_ID = IntakeRules(patient_key="id")
BY_SOURCE = IntakeRules(patient_key="source")
URN = "urn:uuid:0b2a37a0-7d0a-4f7e-8d2c-5a0f30f1c001"


def patient_id(subject: Any, scope: Scope = NO_BUNDLE, rules: IntakeRules = BY_ID) -> str:
    return read_subject({"subject": subject}, scope, rules)[0]


def refusal(subject: Any, scope: Scope = NO_BUNDLE) -> Reason:
    with pytest.raises(Refused) as refused:
        patient_id(subject, scope)
    return refused.value.reason


@pytest.mark.parametrize(
    ("reference", "by_id", "by_source"),
    [
        ("Patient/123", "123", "123"),
        ("Patient/123/_history/4", "123", "123"),
        ("Patient/with_underscore", "with_underscore", "with_underscore"),
        ("https://a.example.org/fhir/Patient/123", "123", "https://a.example.org/fhir|123"),
        ("https://a.example.org/fhir/Patient/123/_history/4", "123", "https://a.example.org/fhir|123"),
        ("https://a.example.org/people/123", "123", "https://a.example.org/people|123"),
        (URN, URN.rpartition(":")[2], URN.rpartition(":")[2]),
    ],
)
def test_the_server_part_is_dropped_or_kept_by_the_setting(reference: str, by_id: str, by_source: str) -> None:
    assert patient_id({"reference": reference}, rules=BY_ID) == by_id
    assert patient_id({"reference": reference}, rules=BY_SOURCE) == by_source


def test_equal_ids_of_two_servers_are_two_patients_when_the_source_is_kept() -> None:
    left, right = ({"reference": f"https://{host}.example.org/Patient/1"} for host in "ab")

    assert patient_id(left, rules=BY_SOURCE) != patient_id(right, rules=BY_SOURCE)


def test_a_relative_reference_belongs_to_the_server_of_its_bundle_entry() -> None:
    scope = Scope(base="https://a.example.org/fhir")

    assert patient_id({"reference": "Patient/1"}, scope, BY_SOURCE) == "https://a.example.org/fhir|1"
    assert patient_id({"reference": "Patient/1"}, scope, BY_ID) == "1"


def test_a_urn_known_to_the_bundle_is_its_patient() -> None:
    assert patient_id({"reference": URN}, Scope(people={URN: "123"}, temporary_urns=True)) == "123"


def test_a_urn_of_another_resource_is_not_a_patient() -> None:
    scope = Scope(people={URN: Reason.SUBJECT_NOT_A_PATIENT})

    assert refusal({"reference": URN}, scope) is Reason.SUBJECT_NOT_A_PATIENT


def test_an_identifier_does_not_make_a_patient_of_another_resource() -> None:
    identifier = {"system": "s", "value": "v"}

    assert refusal({"reference": "Group/1", "identifier": identifier}) is Reason.SUBJECT_NOT_A_PATIENT


def test_an_unknown_urn_of_a_transaction_is_unresolved_but_its_identifier_helps() -> None:
    scope = Scope(temporary_urns=True)

    assert refusal({"reference": URN}, scope) is Reason.SUBJECT_UNRESOLVED
    assert patient_id({"reference": URN, "identifier": {"system": "s", "value": "v"}}, scope) == "s|v"


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/",
        "Patient/1/2",
        "Patient/a b",
        "Patient?identifier=s|v",
        "#pat",
        "123",
        "patient/1",
        "urn:x:1",
        5,
        ["a"],
        "https://a.example.org/Patient?identifier=s|v",
        "Patient/" + "9" * 65,
    ],
)
def test_a_reference_that_names_nobody_is_unresolved(reference: Any) -> None:
    assert refusal({"reference": reference}) is Reason.SUBJECT_UNRESOLVED


def contained(*resources: Any, **beside: Any) -> Any:
    return {"subject": {"reference": "#pat", **beside}, "contained": list(resources)}


PAT = {"resourceType": "Patient", "id": "pat", "identifier": [{"system": "s", "value": "v"}]}


@pytest.mark.parametrize(
    "about",
    [
        contained(PAT),
        contained(None, {"resourceType": "Device", "id": "cuff"}, {**PAT, "id": "#pat"}),
        contained(PAT, PAT),
        contained({**PAT, "identifier": [{}, {"system": "s", "value": "v"}]}),
        contained({"resourceType": "Patient", "id": "pat"}, identifier={"system": "s", "value": "v"}),
        contained({**PAT, "identifier": [{"system": "t", "value": "w"}]}, identifier={"system": "s", "value": "v"}),
    ],
)
def test_a_contained_patient_is_known_by_its_identifier(about: Any) -> None:
    assert read_subject(about, NO_BUNDLE, BY_ID)[0] == "s|v"


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (contained(), Reason.SUBJECT_UNRESOLVED),
        (contained({**PAT, "id": "other"}), Reason.SUBJECT_UNRESOLVED),
        (contained({"resourceType": "Patient", "id": "pat"}), Reason.SUBJECT_UNRESOLVED),
        (contained(PAT, {**PAT, "identifier": [{"system": "s", "value": "w"}]}), Reason.SUBJECT_UNRESOLVED),
        (contained({**PAT, "resourceType": "Group"}), Reason.SUBJECT_NOT_A_PATIENT),
        (contained(PAT, {**PAT, "resourceType": "Group"}), Reason.SUBJECT_NOT_A_PATIENT),
        ({"subject": {"reference": "#pat"}, "contained": {"pat": PAT}}, Reason.SUBJECT_UNRESOLVED),
        ({"subject": {"reference": "#"}, "contained": [{**PAT, "id": None}]}, Reason.SUBJECT_UNRESOLVED),
    ],
)
def test_a_contained_resource_that_names_no_one_patient_is_refused(about: Any, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        read_subject(about, NO_BUNDLE, BY_ID)
    assert refused.value.reason is reason


def test_a_patient_id_always_fits_a_document_id() -> None:
    long_url = {"reference": "https://" + "a" * 300 + "/Patient/1"}

    assert patient_id(long_url, rules=BY_ID) == "1"
    with pytest.raises(Refused):
        patient_id(long_url, rules=BY_SOURCE)
    assert refusal({"identifier": {"system": "s", "value": "é" * 200}}) is Reason.SUBJECT_UNRESOLVED


@pytest.mark.parametrize("kind", ["Group", "Device", "http://hl7.org/fhir/StructureDefinition/Location"])
def test_a_declared_type_other_than_patient_is_believed(kind: str) -> None:
    assert refusal({"reference": "123", "type": kind}) is Reason.SUBJECT_NOT_A_PATIENT


@pytest.mark.parametrize("subject", [None, "Patient/1", [], {}, {"display": "Somebody"}, {"reference": ""}])
def test_a_subject_that_says_nothing_is_missing(subject: Any) -> None:
    assert refusal(subject) is Reason.SUBJECT_MISSING
