"""What servers answer and tell of the past: every resource is read, and every deletion withdraws."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.entries import held_resource
from fhir.parse.envelope import locate_resources
from fhir.parse.message import parse_message
from fhir.parse.versions import version_number
from fhir.readings import IntakeRules, Parsed, Retraction
from fhir.reasons import Reason
from tests.support.entries import SERVER, answered, bundle_of, delete, entry, observation_of, patient, post, put
from tests.support.factories import observation, payload, without
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
UPDATED = "2026-03-01T09:00:00Z"
UPDATED_US = microseconds(UPDATED)


def parse(*documents: Any) -> Parsed:
    lines = b"\n".join(map(payload, documents))
    return parse_message(lines, RECORD_TIME_US, IntakeRules())


def systolics(parsed: Parsed) -> list[tuple[float | None, int]]:
    return [(reading.systolic, reading.entry) for reading in parsed.readings]


def deletions(parsed: Parsed) -> list[tuple[str | None, int]]:
    return [(retraction.observation_id, retraction.entry) for retraction in parsed.retractions]


@pytest.mark.parametrize("kind", ["history", "searchset", "collection", "subscription-notification", "batch-response"])
def test_a_resource_beside_a_response_is_read(kind: str) -> None:
    assert systolics(parse(bundle_of(kind, answered(put(observation()))))) == [(128, 0)]


def test_searches_answered_in_one_batch_are_read_each_by_its_own_people() -> None:
    urn = "urn:uuid:0b2a37a0-7d0a-4f7e-8d2c-5a0f30f1c001"
    searches = [
        bundle_of("searchset", entry(patient(id=name), fullUrl=urn), entry(observation_of(urn))) for name in "ab"
    ]
    parsed = parse(bundle_of("batch-response", *[answered(entry(search)) for search in searches]))

    assert [(reading.patient_id, reading.entry) for reading in parsed.readings] == [("a", 1), ("b", 3)]
    assert parsed.ignored == 2


@pytest.mark.parametrize("kind", ["transaction-response", "batch-response", "history", "searchset", "collection"])
def test_a_response_without_a_resource_is_only_counted(kind: str) -> None:
    outcome = {
        "status": "201",
        "location": "Observation/o1/_history/1",
        "outcome": {"resourceType": "OperationOutcome"},
    }

    assert parse(bundle_of(kind, {"response": outcome})) == Parsed(ignored=1)


@pytest.mark.parametrize("request_", [{}, {"request": {"method": "PUT", "url": "Observation/bp-1"}}])
def test_of_one_instant_the_newest_entry_of_a_history_stands_under_its_own_number(request_: Any) -> None:
    newest_first = [{"resource": without(observation(systolic=value), "meta"), **request_} for value in (140, 130, 120)]

    assert systolics(parse(bundle_of("history", *newest_first))) == [(140, 0)]
    assert systolics(parse(bundle_of("collection", *newest_first))) == [(120, 2)]


def test_only_the_entries_of_the_history_itself_are_turned_round() -> None:
    values = iter(range(120, 127))
    older = bundle_of("collection", *[entry(without(observation(systolic=next(values)), "meta")) for _ in range(3)])
    newer = bundle_of("collection", *[entry(without(observation(systolic=next(values)), "meta")) for _ in range(3)])

    assert systolics(parse(bundle_of("history", entry(newer), entry(older)))) == [(125, 2)]
    assert systolics(parse(bundle_of("history", entry(older)), bundle_of("history", entry(newer)))) == [(125, 5)]


def test_a_bundle_that_is_too_long_is_refused_in_a_history_too() -> None:
    long = bundle_of("history", *[entry(patient())] * 20_001)

    assert [str(reject.reason) for reject in parse(long).rejects] == ["PAYLOAD_TOO_LARGE"]


@pytest.mark.parametrize(
    ("meta", "etag", "at", "version_id", "version"),
    [
        (None, "3", UPDATED, "3", 4),
        ({}, None, UPDATED, None, UPDATED_US),
        (None, "a1", UPDATED, "a1", UPDATED_US),
        ({"versionId": "5"}, "3", UPDATED, "5", 6),
        ({"versionId": "a5"}, "3", UPDATED, "a5", UPDATED_US),
        ("3", "3", None, "3", 4),
    ],
)
def test_the_response_tells_the_version_that_the_resource_lacks(
    meta: Any, etag: str | None, at: str | None, version_id: str | None, version: int
) -> None:
    told = answered(put(without(observation(), "meta") if meta is None else observation(meta=meta)), etag, at)
    reading = parse(bundle_of("history", told)).readings[0]

    assert reading.version_id == version_id
    assert version_number(held_resource(told, "history")) == version


@pytest.mark.parametrize("kind", ["history", "subscription-notification", "transaction", "batch", "collection"])
@pytest.mark.parametrize(
    "told",
    [
        delete("Observation/bp-1"),
        delete("Observation/bp-1/_history/3"),
        delete(f"{SERVER}/Observation/bp-1"),
        delete("Observation/bp-1", fullUrl=f"{SERVER}/Observation/bp-1"),
        delete("Observation", fullUrl=f"{SERVER}/Observation/bp-1/"),
        delete(None, fullUrl="Observation/bp-1"),
        delete("Observation/bp-1") | {"resource": observation()},
    ],
)
def test_a_deleted_observation_is_withdrawn_and_refused_visibly(kind: str, told: Any) -> None:
    parsed = parse(bundle_of(kind, told))

    assert [retraction.observation_id for retraction in parsed.retractions] == ["bp-1"]
    assert not parsed.retractions[0].for_good
    assert [(reject.reason, reject.detail, reject.entry) for reject in parsed.rejects] == [
        (Reason.DELETED, "Observation/bp-1", 0)
    ]


@pytest.mark.parametrize(
    ("told", "version"),
    [
        (answered(delete(), "3", UPDATED, "204"), 4),
        (answered(delete("Observation/bp-1/_history/3"), None, UPDATED), 4),
        (delete(fullUrl=f"{SERVER}/Observation/bp-1/_history/3"), 4),
        (delete() | {"response": {"status": "200 OK", "location": "Observation/bp-1/_history/3"}}, 4),
        (answered(delete(), None, UPDATED), UPDATED_US),
        (delete() | {"response": {"status": 204}}, 0),
        (delete(), 0),
    ],
)
def test_a_deletion_is_a_version_of_what_it_deletes(told: Any, version: int) -> None:
    assert parse(bundle_of("history", told)).retractions == [
        Retraction(None, "bp-1", None, 0, for_good=False, version=version)
    ]


@pytest.mark.parametrize(
    "told",
    [
        delete("Patient/p-1", fullUrl=f"{SERVER}/Patient/p-1"),
        delete("Observation?patient=p-1"),
        delete("Observation"),
        delete(["Observation/bp-1"]),
        answered(delete(), status="404 Not Found"),
        answered(delete(), status="412"),
    ],
)
def test_a_deletion_that_concerns_no_known_observation_or_failed_is_only_counted(told: Any) -> None:
    assert parse(bundle_of("history", told)) == Parsed(ignored=1)


def test_a_history_tells_of_the_reading_before_its_deletion() -> None:
    told = [answered(delete(), "2", UPDATED), answered(post(without(observation(), "meta")), "1")]
    parsed = parse(bundle_of("history", *told))

    assert systolics(parsed) == [(128, 1)]
    assert deletions(parsed) == [("bp-1", 0)]
    assert parsed.readings[0].version_id == "1"


def test_messages_are_never_changed_by_what_is_read_from_them() -> None:
    told = bundle_of("history", answered(put(without(observation(), "meta")), "2"), answered(post(observation()), "1"))
    before = payload(told)
    locate_resources([told])

    assert payload(told) == before


def test_a_patch_is_read_where_the_whole_observation_came_of_it() -> None:
    operations = {"resourceType": "Parameters", "parameter": []}

    assert parse(bundle_of("batch", entry(operations, "PATCH", "Observation/bp-1"))) == Parsed(ignored=1)
    assert systolics(parse(bundle_of("history", entry(observation(), "PATCH", "Observation/bp-1")))) == [(128, 0)]
