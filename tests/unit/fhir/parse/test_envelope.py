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


@pytest.mark.parametrize(
    "kind",
    [
        *("transaction", "batch", "collection", "searchset", "message", "document", "history"),
        *("transaction-response", "batch-response", "subscription-notification", None, []),
    ],
)
def test_a_bundle_of_every_type_that_carries_resources_is_read(kind: Any) -> None:
    assert patients(parse(payload(bundle(observation(), kind=kind)))) == ["p-1"]


@pytest.mark.parametrize("entry", [None, [], [{}], [{"fullUrl": URN}], [{"resource": None}]])
def test_a_bundle_without_resources_still_ends_as_one_ignored(entry: Any) -> None:
    assert parse(payload({"resourceType": "Bundle", "type": "batch", "entry": entry})) == Parsed(ignored=1)


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
