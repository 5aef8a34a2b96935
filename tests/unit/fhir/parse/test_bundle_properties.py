"""Bundles of any type in any order: nobody's reading goes to somebody else, and every entry ends in one place."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir.parse.envelope import locate_resources
from fhir.parse.message import judge_resources, parse_message
from fhir.readings import IntakeRules, Parsed
from tests.support.entries import MRN, SERVER, answered, bundle_of, delete, entry, observation_of, patient
from tests.support.factories import Json, payload
from tests.unit.fhir.parse.mutations import almost_valid_bundles
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
EIGHT_US = microseconds("2026-03-01T07:00:00Z")
TYPES = ["transaction", "batch", "collection", "searchset", "history", "batch-response", "message", "none of these"]
OTHER_SERVER = "https://other.example.org/r4"


@dataclass(frozen=True)
class Person:
    """Somebody whom a Bundle brings, and what the parser may call them."""

    entry: Json
    name: str  # perhaps a temporary one, that others in the Bundle have, too
    full_url: str | None
    may_be_called: str


@st.composite
def people(draw: st.DrawFn, number: str) -> Person:
    """Draw a Patient of a request: created under an id that others may use, too, or updated under its own."""
    method = draw(st.sampled_from(["POST", "POST", "PUT", None]))
    name = f"kept-{number}" if method == "PUT" else draw(st.sampled_from(["0", "1", "new"]))
    urn = f"urn:uuid:0b2a37a0-7d0a-4f7e-8d2c-5a0f30f1c0{number}"
    full_url = draw(st.sampled_from([None, urn, f"{SERVER}/Patient/{name}", f"{OTHER_SERVER}/Patient/{name}"]))
    identifier = draw(st.sampled_from([None, number]))
    condition = draw(st.sampled_from([{}, {"ifNoneExist": f"identifier={MRN}|{number}"}])) if method == "POST" else {}
    address = f"Patient/{name}" if method == "PUT" else "Patient"
    at = {} if full_url is None else {"fullUrl": full_url}
    brought = entry(patient(identifier, id=name), method, address, **at, **condition)
    return Person(brought, name, full_url, name if method == "PUT" else f"{MRN}|{number}")


@st.composite
def observations_of(draw: st.DrawFn, person: Person, minute: int) -> Json:
    """Draw an Observation that refers to a person: by the fullUrl, or by an id that is relative to its own server."""
    own = draw(st.sampled_from([None, SERVER, OTHER_SERVER]))
    is_near = own is None or (person.full_url or "").startswith(own)
    reference = f"Patient/{person.name}" if is_near and draw(st.booleans()) else person.full_url
    about = observation_of(reference or f"Patient/{person.name}", minute, id="0")
    at = {"fullUrl": f"{own}/Observation/0"} if own and reference else {}
    return entry(about, "POST", "Observation", **at)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Json, list[Person]]:
    """Draw a transaction or batch with the person whom each of its Observations is about, in their order."""
    brought = [draw(people(f"{number:02d}")) for number in range(draw(st.integers(1, 4)))]
    meant = draw(st.lists(st.sampled_from(brought), max_size=5))
    about = [draw(observations_of(person, minute)) for minute, person in enumerate(meant)]
    entries = [person.entry for person in brought]
    first, last = (entries, about) if draw(st.booleans()) else (about, entries)
    return bundle_of(draw(st.sampled_from(["transaction", "batch"])), *first, *last), meant


def parse(document: Any) -> Parsed:
    return parse_message(payload(document), RECORD_TIME_US, IntakeRules())


@given(requests())
def test_a_reading_is_its_own_patients_or_nobodys(request: tuple[Json, list[Person]]) -> None:
    document, meant = request
    parsed = parse(document)

    for reading in parsed.readings:
        minute = (reading.effective_us - EIGHT_US) // 60_000_000
        assert reading.patient_id == meant[minute].may_be_called
    assert {str(reject.reason) for reject in parsed.rejects} <= {"SUBJECT_UNRESOLVED"}
    assert len(parsed.readings) + len(parsed.rejects) == len(meant)


@given(st.lists(requests(), min_size=2, max_size=3))
def test_requests_side_by_side_are_read_like_each_alone(documents: list[tuple[Json, list[Person]]]) -> None:
    alone = [reading.patient_id for document, _ in documents for reading in parse(document).readings]
    together = parse_message(b"\n".join(payload(document) for document, _ in documents), RECORD_TIME_US, IntakeRules())

    assert {reading.patient_id for reading in together.readings} == set(alone)


class Leaves:
    """Hands out leaves of a Bundle in the order of their places, each told apart by its minute."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def add(self, kind: str) -> Json:
        place = len(self.kinds)
        self.kinds.append(kind)
        if kind == "reading":
            return answered(entry(observation_of("Patient/p-1", place % 60, id=f"bp-{place}", meta={})))
        if kind == "refused":
            return entry(observation_of("Group/1", place % 60))
        if kind == "deleted":
            return delete(f"Observation/old-{place}")
        return entry(patient("77")) if kind == "ignored" else {"response": {"status": "204"}}


KINDS = st.sampled_from(["reading", "reading", "refused", "deleted", "ignored", "response"])


@st.composite
def nested(draw: st.DrawFn) -> tuple[Json, list[str]]:
    """Draw a Bundle of Bundles with what stands at each place."""
    leaves = Leaves()

    def level(depth: int) -> Json:
        entries = [
            entry(level(depth + 1)) if depth < 3 and draw(st.booleans()) else leaves.add(draw(KINDS))
            for _ in range(draw(st.integers(1, 3)))
        ]
        return bundle_of(draw(st.sampled_from(TYPES)), *entries)

    return level(0), leaves.kinds


@given(nested())
def test_every_entry_ends_in_one_place_under_its_own_number(message: tuple[Json, list[str]]) -> None:
    document, kinds = message
    parsed = parse(document)
    read = [reading.entry for reading in parsed.readings]
    refused = [reject.entry for reject in parsed.rejects]

    assert read == [place for place, kind in enumerate(kinds) if kind == "reading"]
    assert refused == [place for place, kind in enumerate(kinds) if kind in ("refused", "deleted")]
    assert parsed.ignored == len(kinds) - len(read) - len(refused)
    assert {item.observation_id for item in parsed.retractions} == {
        f"old-{place}" for place, kind in enumerate(kinds) if kind == "deleted"
    }
    for reading in parsed.readings:
        assert reading.effective_us == EIGHT_US + reading.entry % 60 * 60_000_000


@given(st.one_of(almost_valid_bundles(), requests().map(itemgetter(0)), nested().map(itemgetter(0))))
def test_the_short_way_and_the_full_rules_agree_on_bundles(document: Any) -> None:
    located = locate_resources([document])

    by_the_short_way = judge_resources(located, RECORD_TIME_US, IntakeRules(), short_way=True)

    assert by_the_short_way == judge_resources(located, RECORD_TIME_US, IntakeRules())
