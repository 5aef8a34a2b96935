"""From bytes to resources: sizes, positions, Bundles and lines."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.envelope import DEEPEST_BUNDLE, MAX_PAYLOAD_BYTES, MAX_RESOURCES, locate_resources, read_documents
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Parsed
from tests.support.factories import bundle, heart_rate_observation, observation, payload
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
URN = "urn:uuid:0b2a37a0-7d0a-4f7e-8d2c-5a0f30f1c001"


def parse(text: bytes | None, rules: IntakeRules | None = None) -> Parsed:
    return parse_message(text, RECORD_TIME_US, rules or IntakeRules())


def reasons(parsed: Parsed) -> list[tuple[str, int | None]]:
    return [(str(reject.reason), reject.entry) for reject in parsed.rejects]


def patients(parsed: Parsed) -> list[str]:
    return [reading.patient_id for reading in parsed.readings]


@pytest.mark.parametrize("text", [None, b"", b" \r\n\t"])
def test_a_payload_without_content_is_malformed(text: bytes | None) -> None:
    assert reasons(parse(text)) == [("MALFORMED_JSON", None)]


def test_a_payload_is_too_large_by_one_byte() -> None:
    fitting = payload(observation()).ljust(MAX_PAYLOAD_BYTES)

    assert len(parse(fitting).readings) == 1
    assert reasons(parse(fitting + b" ")) == [("PAYLOAD_TOO_LARGE", None)]


def test_a_message_holds_a_limited_number_of_resources() -> None:
    fitting = bundle(*[{"resourceType": "Patient"}] * MAX_RESOURCES)

    assert parse(payload(fitting)).ignored == MAX_RESOURCES
    assert reasons(parse(payload(bundle(fitting, observation())))) == [("PAYLOAD_TOO_LARGE", None)]


def test_bundles_are_read_to_a_limited_depth() -> None:
    nested: Any = observation()
    for _ in range(DEEPEST_BUNDLE):
        nested = bundle(nested)

    assert len(parse(payload(nested)).readings) == 1
    assert reasons(parse(payload(bundle(nested)))) == [("UNSUPPORTED_RESOURCE_TYPE", 0)]


def test_positions_count_through_nested_bundles_and_lines() -> None:
    first = bundle({"resourceType": "Patient"}, bundle(observation(), heart_rate_observation()), observation())
    lines = payload(first) + b"\n" + payload(observation()) + b"\n{\n"

    located = locate_resources(read_documents(lines))

    assert [item.entry for item in located] == [0, 1, 2, 3, 4, 5]
    assert ("MALFORMED_JSON", 5) in reasons(parse(lines))


def test_a_pretty_printed_observation_is_one_resource() -> None:
    text = payload(observation()).replace(b",", b",\n").replace(b"{", b"{\n\r\n")

    assert patients(parse(text)) == ["p-1"]


def test_a_pretty_printed_observation_with_a_fault_is_one_reject() -> None:
    text = payload(observation()).replace(b",", b",\n")[:-1]

    assert reasons(parse(text)) == [("MALFORMED_JSON", None)]


def test_a_single_resource_is_rejected_as_the_whole_message_and_an_entry_by_its_position() -> None:
    bad = observation(status=None)

    assert reasons(parse(payload(bad))) == [("STATUS_MISSING", None)]
    assert reasons(parse(payload(bundle(bad)))) == [("STATUS_MISSING", 0)]


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection", "searchset", "message", "document", None, []])
def test_a_bundle_of_every_type_that_carries_resources_is_read(kind: Any) -> None:
    assert patients(parse(payload(bundle(observation(), kind=kind)))) == ["p-1"]


@pytest.mark.parametrize("kind", ["transaction-response", "batch-response", "history"])
def test_a_bundle_that_answers_or_looks_back_is_only_counted(kind: str) -> None:
    parsed = parse(payload(bundle(observation(), observation(), kind=kind)))

    assert parsed == Parsed(ignored=2)


def test_an_entry_that_answers_is_only_counted_in_any_bundle() -> None:
    entries = [{"resource": observation(), "response": {"status": "201"}}, {"resource": observation()}]

    parsed = parse(payload(bundle(entry=entries)))

    assert [reading.entry for reading in parsed.readings] == [1]
    assert parsed.ignored == 1


@pytest.mark.parametrize("entry", [None, [], [{}], [{"fullUrl": URN}], [{"resource": None}]])
def test_a_bundle_without_resources_still_ends_as_one_ignored(entry: Any) -> None:
    assert parse(payload({"resourceType": "Bundle", "type": "batch", "entry": entry})) == Parsed(ignored=1)


def transaction(patient: dict[str, Any], request: Any) -> bytes:
    about = observation(subject={"reference": URN})
    entries = [{"resource": about}, {"fullUrl": URN, "resource": patient, "request": request}]
    return payload(bundle(kind="transaction", entry=entries))


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"method": "POST", "ifNoneExist": "identifier=https://a.example.org/mrn|77"}, "https://a.example.org/mrn|77"),
        ({"method": "POST", "ifNoneExist": "active=true&identifier=https%3A%2F%2Fa%7C77"}, "https://a|77"),
        ({"method": "POST", "ifNoneExist": "Patient?identifier=s|77"}, "s|77"),
        ({"method": "POST", "ifNoneExist": "identifier=77"}, "own|78"),
        ({"method": "POST", "ifNoneExist": "identifier=|77"}, "own|78"),
        ({"method": "POST", "ifNoneExist": ["identifier=s|77"]}, "own|78"),
        ({"method": "POST", "url": "Patient"}, "own|78"),
        ({"method": "PUT", "url": "Patient/123"}, "123"),
        ({"method": "PUT", "url": "Patient?identifier=s|1"}, "own|78"),
        (None, "own|78"),
    ],
)
def test_a_temporary_urn_is_resolved_by_what_the_server_will_know(request_: Any, found: str) -> None:
    patient = {"resourceType": "Patient", "id": "given-up", "identifier": [{}, {"system": "own", "value": "78"}]}

    assert patients(parse(transaction(patient, request_))) == [found]


def test_a_temporary_urn_of_a_nameless_patient_is_unresolved() -> None:
    nameless = {"resourceType": "Patient", "id": "given-up"}

    assert reasons(parse(transaction(nameless, {"method": "POST"}))) == [("SUBJECT_UNRESOLVED", 0)]


def test_a_urn_of_a_device_in_the_same_bundle_is_not_a_patient() -> None:
    assert reasons(parse(transaction({"resourceType": "Device"}, None))) == [("SUBJECT_NOT_A_PATIENT", 0)]


def test_in_a_collection_a_urn_stands_for_the_id_of_its_patient_or_for_itself() -> None:
    about = {"resource": observation(subject={"reference": URN})}
    known = {"fullUrl": URN, "resource": {"resourceType": "Patient", "id": "123"}}

    assert patients(parse(payload(bundle(entry=[about, known])))) == ["123"]
    assert patients(parse(payload(bundle(entry=[about])))) == [URN.rpartition(":")[2]]


def test_the_server_of_an_entry_tells_equal_ids_apart_when_the_source_is_kept() -> None:
    entries = [
        {"fullUrl": f"https://{host}.example.org/r4/Observation/1", "resource": observation(id=host)} for host in "ab"
    ]
    parsed = parse(payload(bundle(kind="searchset", entry=entries)), IntakeRules(patient_key="source"))

    assert patients(parsed) == ["https://a.example.org/r4|p-1", "https://b.example.org/r4|p-1"]
