"""Whom a reference inside a Bundle means: an id that the server will replace names no real person, anywhere."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Parsed
from tests.support.entries import MRN, SERVER, URN, bundle_of, entry, observation_of, patient, post, put
from tests.support.factories import Json, payload
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
OTHER_URN = "urn:uuid:0b2a37a0-7d0a-4f7e-8d2c-5a0f30f1c002"
TEMPORARY = patient("77", id="0")


def parse(*documents: Any, rules: IntakeRules | None = None) -> Parsed:
    return parse_message(b"\n".join(map(payload, documents)), RECORD_TIME_US, rules or IntakeRules())


def whom(document: Json) -> list[str]:
    """Return the patients of a message's readings and the reasons of its rejects."""
    parsed = parse(document)
    return [reading.patient_id for reading in parsed.readings] + [str(reject.reason) for reject in parsed.rejects]


def transaction(reference: Any, *people: Json, kind: str = "transaction", **of_entry: Any) -> Json:
    """Return a request that creates an Observation of whom a reference means, and these people."""
    return bundle_of(kind, post(observation_of(reference), **of_entry), *people)


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection"])
@pytest.mark.parametrize("reference", ["Patient/0", "Patient/0/_history/1", f"{SERVER}/Patient/0", URN])
def test_a_temporary_id_is_resolved_by_the_identifier_of_its_patient(kind: str, reference: str) -> None:
    full_url = reference if reference.startswith(("urn:", "https:")) else None
    located = post(TEMPORARY) | ({"fullUrl": full_url} if full_url else {})

    assert whom(transaction(reference, located, kind=kind)) == [f"{MRN}|77"]


@pytest.mark.parametrize("full_url", [None, URN, f"{SERVER}/Patient/0", "Patient/0"])
@pytest.mark.parametrize("reference", ["Patient/0", f"{SERVER}/Patient/0", "https://elsewhere.example.org/Patient/0"])
def test_a_temporary_id_never_names_a_real_person_under_any_address(reference: str, full_url: str | None) -> None:
    nameless = post(patient(id="0")) | ({"fullUrl": full_url} if full_url else {})

    assert whom(transaction(reference, nameless)) == ["SUBJECT_UNRESOLVED"]


def test_a_temporary_id_at_another_address_is_nobodys_even_where_its_patient_has_an_identifier() -> None:
    assert whom(transaction("https://elsewhere.example.org/Patient/0", post(TEMPORARY))) == ["SUBJECT_UNRESOLVED"]
    located = post(TEMPORARY, fullUrl="https://elsewhere.example.org/Patient/0")
    assert whom(transaction("Patient/0", located, fullUrl=f"{SERVER}/Observation/9")) == ["SUBJECT_UNRESOLVED"]


def test_a_bare_temporary_id_is_no_real_person_either() -> None:
    bare = {"reference": "0", "type": "Patient"}
    about = observation_of(None, subject=bare)

    assert whom(bundle_of("transaction", post(about), post(TEMPORARY))) == [f"{MRN}|77"]
    assert whom(bundle_of("transaction", post(about), post(patient(id="0")))) == ["SUBJECT_UNRESOLVED"]
    assert whom(bundle_of("transaction", post(about))) == ["0"]


def test_the_identifier_beside_an_unresolved_reference_still_names_the_patient() -> None:
    about = observation_of(None, subject={"reference": "Patient/0", "identifier": {"system": MRN, "value": "78"}})

    assert whom(bundle_of("transaction", post(about), post(patient(id="0")))) == [f"{MRN}|78"]


def test_what_only_looks_like_a_temporary_id_is_read_as_it_is() -> None:
    assert whom(transaction("Patient/1", post(TEMPORARY))) == ["1"]
    assert whom(transaction(f"{SERVER}/Patient/1", post(TEMPORARY))) == ["1"]
    assert whom(transaction("Device/0", post(TEMPORARY))) == ["SUBJECT_NOT_A_PATIENT"]
    assert whom(transaction(f"{SERVER}/Group/0", post(TEMPORARY))) == ["SUBJECT_NOT_A_PATIENT"]


@pytest.mark.parametrize("kind", ["searchset", "history", "transaction-response", "message", "document", "collection"])
def test_where_a_server_tells_what_it_holds_an_id_is_real(kind: str) -> None:
    told = bundle_of(kind, entry(observation_of("Patient/0")), entry(TEMPORARY, fullUrl=f"{SERVER}/Patient/0"))

    assert whom(told) == ["0"]


@pytest.mark.parametrize("kind", ["history", "searchset", "batch-response", "subscription-notification"])
def test_where_a_server_tells_of_the_past_a_resource_that_was_created_has_its_real_id(kind: str) -> None:
    assert whom(transaction("Patient/0", post(TEMPORARY), kind=kind)) == ["0"]


def test_two_people_of_two_messages_or_lines_never_become_one_chart() -> None:
    each = [transaction("Patient/0", post(patient(number, id="0"))) for number in ("77", "78")]

    assert [whom(document) for document in each] == [[f"{MRN}|77"], [f"{MRN}|78"]]
    assert [reading.patient_id for reading in parse(*each).readings] == [f"{MRN}|77", f"{MRN}|78"]
    assert whom(bundle_of("collection", *map(entry, each))) == [f"{MRN}|77", f"{MRN}|78"]


@pytest.mark.parametrize(
    "people",
    [
        [post(patient("77", id="0")), post(patient("78", id="0"))],
        [post(patient("77", id="0")), post(patient(id="0"))],
        [post(patient("77", id="0")), put(patient("77", id="0"))],
        [post(patient("77", id="0"), ifNoneExist=f"identifier={MRN}|79"), post(patient("77", id="0"))],
        [post(patient("77"), fullUrl="Patient/0"), post(patient("78"), fullUrl=f"{SERVER}/Patient/0")],
    ],
)
def test_of_two_patients_who_claim_one_reference_none_is_picked(people: list[Json]) -> None:
    assert whom(transaction("Patient/0", *people)) == ["SUBJECT_UNRESOLVED"]
    assert whom(transaction("Patient/0", *reversed(people))) == ["SUBJECT_UNRESOLVED"]


@pytest.mark.parametrize("kind", ["transaction", "collection"])
def test_of_two_patients_at_one_full_url_none_is_picked(kind: str) -> None:
    people = [entry(patient(number), "POST", "Patient", fullUrl=URN) for number in ("77", "78")]

    assert whom(transaction(URN, *people, kind=kind)) == ["SUBJECT_UNRESOLVED"]
    assert whom(transaction(URN, people[0], people[0], kind=kind)) == [f"{MRN}|77"]


def test_in_a_collection_two_ids_at_one_full_url_are_nobody() -> None:
    people = [entry(patient(id=name), fullUrl=URN) for name in "ab"]

    assert whom(bundle_of("collection", entry(observation_of(URN)), *people)) == ["SUBJECT_UNRESOLVED"]


def test_two_patients_of_one_temporary_id_are_told_apart_by_their_full_urls() -> None:
    people = [post(patient("77", id="0"), fullUrl=URN), post(patient("78", id="0"), fullUrl=OTHER_URN)]
    about = [post(observation_of(reference, minute=15 + number)) for number, reference in enumerate([URN, OTHER_URN])]

    assert whom(bundle_of("transaction", *people, *about)) == [f"{MRN}|77", f"{MRN}|78"]


def test_a_relative_reference_means_the_patient_on_the_server_of_its_own_entry() -> None:
    hosts = ["https://a.example.org/fhir", "https://B.example.org/fhir"]
    minutes = count(10)
    entries = [
        item
        for host, number in zip(hosts, ("77", "78"), strict=True)
        for item in (
            post(patient(number), fullUrl=f"{host}/Patient/0"),
            post(observation_of("Patient/0", minute=next(minutes)), fullUrl=f"{host.lower()}/Observation/0"),
        )
    ]

    assert whom(bundle_of("transaction", *entries)) == [f"{MRN}|77", f"{MRN}|78"]


@pytest.mark.parametrize("reference", ["Patient/123", f"{SERVER}/Patient/123", URN])
@pytest.mark.parametrize("url", ["Patient/123", "/Patient/123", "Patient/123/", f"{SERVER}/Patient/123"])
def test_an_update_keeps_its_id(reference: str, url: str) -> None:
    updated = entry(patient("77", id="123"), "PUT", url, fullUrl=URN)

    assert whom(transaction(reference, updated)) == ["123"]


def test_an_update_tells_the_id_whatever_its_full_url_says() -> None:
    updated = entry(patient("77"), "PUT", "Patient/123", fullUrl=f"{SERVER}/Patient/abc")

    assert whom(transaction(f"{SERVER}/Patient/abc", updated)) == ["123"]


def test_the_server_of_a_kept_id_is_kept_by_the_setting() -> None:
    updated = put(patient("77", id="123"), fullUrl=f"{SERVER}/Patient/123")
    parsed = parse(
        transaction("Patient/123", updated, fullUrl=f"{SERVER}/Observation/1"), rules=IntakeRules(patient_key="source")
    )

    assert [reading.patient_id for reading in parsed.readings] == [f"{SERVER}|123"]


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"method": "POST", "ifNoneExist": f"identifier={MRN}|79"}, f"{MRN}|79"),
        ({"method": "POST", "ifNoneExist": "active=true&identifier=https%3A%2F%2Fa%7C77"}, "https://a|77"),
        ({"method": "POST", "ifNoneExist": "Patient?identifier=s|77"}, "s|77"),
        ({"method": "POST", "ifNoneExist": "?identifier=s|7?7"}, "s|7?7"),
        ({"method": "POST", "ifNoneExist": "identifier=s|7?7"}, "s|7?7"),
        ({"method": "POST", "ifNoneExist": "identifier=77&identifier=s|77"}, "s|77"),
        ({"method": "POST", "ifNoneExist": r"identifier=s|a\,b"}, "s|a,b"),
        ({"method": "POST", "ifNoneExist": "identifier=s|a,s|b"}, "own|78"),
        ({"method": "POST", "ifNoneExist": "identifier=77"}, "own|78"),
        ({"method": "POST", "ifNoneExist": "identifier=|77"}, "own|78"),
        ({"method": "POST", "ifNoneExist": "identifier=s|"}, "own|78"),
        ({"method": "POST", "ifNoneExist": "_id=123"}, "own|78"),
        ({"method": "POST", "ifNoneExist": ["identifier=s|77"]}, "own|78"),
        ({"method": "POST", "url": "Patient"}, "own|78"),
        ({"method": "PUT", "url": "Patient/123"}, "123"),
        ({"method": "PUT", "url": "Patient?identifier=s|1"}, "s|1"),
        ({"method": "PUT", "url": f"{SERVER}/Patient?active=true&identifier=s%7C1"}, "s|1"),
        ({"method": "PUT", "url": "Patient?identifier=s|a/Patient/5"}, "s|a/Patient/5"),
        ({"method": "PUT", "url": "Patient?identifier=s|1,s|2"}, "own|78"),
        ({"method": "PUT", "url": "Patient?birthdate=1950-01-01"}, "own|78"),
        ({"method": "PUT", "url": "Device/123"}, "own|78"),
        ({"method": "PUT"}, "own|78"),
        (None, "own|78"),
    ],
)
@pytest.mark.parametrize("reference", [URN, "Patient/given-up"])
def test_a_new_patient_is_known_by_what_the_server_finds_it_by(reference: str, request_: Any, found: str) -> None:
    brought = patient(id="given-up", identifier=[{}, {"system": "own", "value": "78"}])
    request = {} if request_ is None else {"request": request_}

    assert whom(transaction(reference, {"fullUrl": URN, "resource": brought, **request})) == [found]


@pytest.mark.parametrize(
    ("identifiers", "found"),
    [
        ([{"system": "s", "value": "1"}, {"system": "s", "value": "2"}], "s|1"),
        ([{"use": "old", "system": "s", "value": "1"}, {"use": "usual", "system": "s", "value": "2"}], "s|2"),
        ([{"use": "temp", "system": "s", "value": "1"}, {"system": "s", "value": "2"}], "s|2"),
        ([{"use": "temp", "system": "s", "value": "1"}], "s|1"),
        ([{"use": [], "system": "s", "value": "1"}], "s|1"),
        ([{"system": "urn:oid:1.2.3", "value": "1"}], "urn:oid:1.2.3|1"),
        ([{"system": "s"}, {"value": "1"}, {"system": "s", "value": ""}, "s|1"], "SUBJECT_UNRESOLVED"),
        ([{"system": "s", "value": 1}], "SUBJECT_UNRESOLVED"),
        ({"system": "s", "value": "1"}, "SUBJECT_UNRESOLVED"),
        (None, "SUBJECT_UNRESOLVED"),
    ],
)
def test_of_several_identifiers_the_first_lasting_one_names_a_patient(identifiers: Any, found: str) -> None:
    assert whom(transaction("Patient/0", post(patient(id="0", identifier=identifiers)))) == [found]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("Patient?identifier=s|v", "s|v"),
        (f"{SERVER}/Patient?identifier=s%7Cv", "s|v"),
        ("Patient?identifier=s|v,s|w", "SUBJECT_UNRESOLVED"),
        ("Patient?identifier=v", "SUBJECT_UNRESOLVED"),
        ("Patient?name=Doe", "SUBJECT_UNRESOLVED"),
        ("Group?identifier=s|v", "SUBJECT_UNRESOLVED"),
        (f"{SERVER}/Patient?identifier=https://x/Patient/5", "SUBJECT_UNRESOLVED"),
    ],
)
def test_a_request_may_refer_to_a_patient_by_a_search_for_an_identifier(kind: str, reference: str, found: str) -> None:
    assert whom(transaction(reference, kind=kind)) == [found]


@pytest.mark.parametrize("reference", ["Patient?identifier=s|v", f"{SERVER}/Patient?identifier=https://x/Patient/5"])
def test_elsewhere_a_search_names_nobody(reference: str) -> None:
    assert whom(observation_of(reference)) == ["SUBJECT_UNRESOLVED"]
    assert whom(bundle_of("searchset", entry(observation_of(reference)))) == ["SUBJECT_UNRESOLVED"]


@pytest.mark.parametrize(
    ("full_url", "reference"),
    [
        (URN.upper().replace("URN:UUID", "urn:uuid"), URN),
        (URN, URN.upper()),
        (URN.upper(), URN),
        (f"{URN}/", URN),
        (URN, f"{URN}/_history/2"),
        ("urn:oid:1.2.3.4", "URN:OID:1.2.3.4"),
        ("https://EHR.example.org/fhir/Patient/0", f"{SERVER}/Patient/0"),
        (f"{SERVER}/Patient/0/_history/1", f"{SERVER}/Patient/0"),
        (f"{SERVER}/Patient/0", f"{SERVER}/Patient/0/"),
        (f"{SERVER}/p/0", f"{SERVER}/p/0"),
    ],
)
def test_one_full_url_has_several_spellings(full_url: str, reference: str) -> None:
    assert whom(transaction(reference, post(patient("77"), fullUrl=full_url))) == [f"{MRN}|77"]


def test_a_lasting_uuid_names_one_patient_in_every_case() -> None:
    assert whom(observation_of(URN.upper())) == whom(observation_of(URN)) == [URN.rpartition(":")[2]]


def test_ids_are_told_apart_by_case() -> None:
    assert whom(transaction("Patient/A", post(patient("77", id="a")))) == ["A"]


def test_a_temporary_urn_of_a_nameless_patient_is_unresolved() -> None:
    assert whom(transaction(URN, post(patient(id="given-up"), fullUrl=URN))) == ["SUBJECT_UNRESOLVED"]


@pytest.mark.parametrize("full_url", [URN, f"{SERVER}/things/1"])
def test_a_device_in_the_same_bundle_is_not_a_patient(full_url: str) -> None:
    device = entry({"resourceType": "Device"}, "POST", "Device", fullUrl=full_url)

    assert whom(transaction(full_url, device)) == ["SUBJECT_NOT_A_PATIENT"]


def test_a_nested_bundle_goes_by_its_own_people_first() -> None:
    inner = transaction(URN, post(patient("78"), fullUrl=URN))
    outer = bundle_of("transaction", entry(inner), post(patient("77"), fullUrl=URN), post(observation_of(URN, 30)))

    assert whom(outer) == [f"{MRN}|78", f"{MRN}|77"]


def test_a_nested_bundle_knows_the_people_of_the_bundle_around_it() -> None:
    inner = bundle_of("collection", entry(observation_of(URN)), entry(observation_of("Patient/0", 30, id="bp-2")))

    assert whom(bundle_of("transaction", post(TEMPORARY, fullUrl=URN), entry(inner))) == [f"{MRN}|77"] * 2
    assert whom(bundle_of("transaction", entry(inner), post(patient(id="0")))) == ["SUBJECT_UNRESOLVED"] * 2


def test_observations_created_under_one_temporary_id_do_not_pass_for_one() -> None:
    two = [post(observation_of("Patient/p-1", 15 + number, id="0", status="amended")) for number in range(2)]
    parsed = parse(bundle_of("transaction", *two))

    assert [reading.observation_id for reading in parsed.readings] == [None, None]


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection"])
@pytest.mark.parametrize(
    ("method", "url", "name"),
    [
        ("POST", "Observation", "s|v"),
        ("PUT", "Observation?identifier=s|v", "s|v"),
        ("PUT", "Observation/bp-9", "bp-9"),
        ("PUT", f"{SERVER}/Observation/bp-9", "bp-9"),
        ("PUT", "Patient/bp-9", "s|v"),
    ],
)
def test_an_observation_is_named_by_the_id_it_keeps_else_by_its_identifier(
    kind: str, method: str, url: str, name: str
) -> None:
    brought = observation_of("Patient/p-1", id="0", identifier=[{"system": "s", "value": "v"}])
    parsed = parse(bundle_of(kind, entry(brought, method, url)))

    assert [reading.observation_id for reading in parsed.readings] == [name]


def test_a_temporary_id_retracts_nothing_but_an_update_does() -> None:
    wrong = observation_of("Patient/p-1", id="0", status="entered-in-error")

    assert [item.observation_id for item in parse(bundle_of("transaction", post(wrong))).retractions] == [None]
    assert [item.observation_id for item in parse(bundle_of("transaction", put(wrong))).retractions] == ["0"]
