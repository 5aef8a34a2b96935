"""The laws can fail: defects of the kinds that have done harm are planted; a law or a member of a class finds each."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir.parse.combine import pair_halves
from fhir.parse.envelope import locate_resources
from fhir.units import KILOPASCAL, UNITS
from tests.fuzz.examples import Fuzz, feed_of, law_broken_by
from tests.support.classes import Case, cases
from tests.support.surveillance import Surveillance
from tests.unit.fhir import test_classes as parser
from tests.unit.fhir.parse import test_message_properties as properties
from tests.unit.jobs.streaming import test_classes as stored

MOST_EXAMPLES = 1_500
Plant = Callable[[pytest.MonkeyPatch], None]


def replacing(*places: str, by: Callable[..., Any]) -> Plant:
    """Return what puts a function in the place of others."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        for place in places:
            monkeypatch.setattr(place, by)

    return plant


def drop_the_last_draft(drafts: Any, pair: Any = pair_halves) -> Any:
    paired, rejects = pair(drafts)
    return paired[:1], rejects


def find_everything_twice(documents: Any, locate: Any = locate_resources) -> Any:
    return [located for located in locate(documents) for _ in range(2)]


def ignore_retractions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.streaming.observations._take_back", lambda document, _: document)
    monkeypatch.setattr("jobs.streaming.store.revisions_of", lambda _: ())


def convert_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNITS, "kPa", KILOPASCAL._replace(factor=1.0))


FOUND_BY_A_LAW = {
    "a missing range check of times": (
        replacing("fhir.parse.observation.flags_of_time", "fhir.parse.fast_path.flags_of_time", by=lambda *_: ()),
        {"no index outside the accepted years", "Elasticsearch can take a document", "window and documents agree"},
    ),
    "a missing range check of values": (
        replacing(
            "fhir.parse.values.impossible_pressure", "fhir.parse.fast_path.impossible_pressure", by=lambda *_: None
        ),
        {"no value that nobody can have"},
    ),
    "an id of a transaction taken for a person": (
        replacing("fhir.parse.envelope.people_of", by=lambda *_: {}),
        {"no reading for a patient whom the message does not name"},
    ),
    "a dropped entry": (
        replacing("fhir.parse.message.pair_halves", by=drop_the_last_draft),
        {"no entry is dropped", "every entry ends in exactly one place"},
    ),
    "a doubled entry": (
        replacing("fhir.parse.message.locate_resources", by=find_everything_twice),
        {"every entry ends in exactly one place"},
    ),
    "an index of a wrong year": (
        replacing("jobs.streaming.store.monthly_index", by=lambda family, _: f"{family}-2126.03"),
        {"no index outside the accepted years"},
    ),
    "a retraction without effect on documents": (ignore_retractions, {"window and documents agree"}),
    "a result that depends on the micro-batches": (
        replacing("jobs.streaming.observations.noted_places", by=lambda _: set()),
        {"replay in any batching gives the same documents"},
    ),
}
FOUND_BY_A_MEMBER: dict[str, tuple[Plant, str]] = {
    "a swallowed version": (
        replacing("fhir.parse.observation.version_number", "fhir.parse.fast_path.version_number", by=lambda _: 0),
        "f14-versions: version 3 before version 2, both amended",
    ),
    "a unit that is not converted": (convert_nothing, "guards: real kPa"),
    "somebody else's pressure": (
        replacing("fhir.parse.observation._refuse_other_focus", by=lambda *_: None),
        "f11-focus: a related person",
    ),
}


def ask_of(case: Case, world: Surveillance) -> None:
    """Ask what parser, documents and windows make of a member."""
    parser.test_member_is_read_refused_or_ignored_as_written(case)
    stored.test_what_stands_in_documents_and_windows(world, case, together=True)


@pytest.mark.parametrize("defect", FOUND_BY_A_LAW)
def test_a_law_finds_the_defect(fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch, defect: str) -> None:
    plant, laws = FOUND_BY_A_LAW[defect]
    plant(monkeypatch)
    broken = (law_broken_by(feed_of(number, fuzz.known), fuzz.ask_without_scores) for number in range(MOST_EXAMPLES))

    assert next((found.law for found in broken if found is not None), None) in laws


@pytest.mark.parametrize("defect", FOUND_BY_A_MEMBER)
def test_a_member_of_a_class_finds_the_defect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, defect: str) -> None:
    plant, name = FOUND_BY_A_MEMBER[defect]
    (case,) = (case for class_, case in cases() if f"{class_}: {case['what']}" == name)
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        ask_of(case, Surveillance(tmp_path))


def test_a_test_of_the_parser_finds_that_a_value_need_not_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir.parse.values.is_number", lambda _: True)

    with pytest.raises(AssertionError):
        properties.test_a_value_that_is_not_finite_is_refused_even_if_a_decoder_let_it_pass(math.nan)
