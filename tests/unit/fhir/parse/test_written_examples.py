"""Every accepted form and every reason code as a file under tests/data, with what must come of it."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules
from fhir.reasons import Reason
from tests.unit.fhir.parse.reading_tables import (
    DATA,
    load_expectations,
    microseconds,
    reading_rows,
    reject_rows,
    retraction_rows,
)

EXPECTATIONS = load_expectations("expectations.json")
EXAMPLES = [
    pytest.param(folder, name, expected, id=f"{folder}/{name}: {expected['what']}")
    for folder in ("accepted", "rejected")
    for name, expected in EXPECTATIONS[folder].items()
]
NEVER_FROM_ONE_MESSAGE = {Reason.LATE, Reason.INDEX_NOT_WRITABLE, Reason.DOCUMENT_REFUSED, Reason.INTERNAL_ERROR}


@pytest.mark.parametrize(("folder", "name", "expected"), EXAMPLES)
def test_written_example_gives_what_is_written_of_it(folder: str, name: str, expected: dict[str, Any]) -> None:
    record_time_us = microseconds(expected.get("record_time", EXPECTATIONS["record_time"]))
    parsed = parse_message((DATA / folder / name).read_bytes(), record_time_us, IntakeRules())

    assert reject_rows(parsed) == expected.get("rejects", [])
    assert reading_rows(parsed) == expected.get("readings", [])
    assert retraction_rows(parsed) == expected.get("retractions", [])
    assert parsed.ignored == expected.get("ignored", 0)


def test_every_reason_has_an_example() -> None:
    shown = {reason for expected in EXPECTATIONS["rejected"].values() for reason, _ in expected["rejects"]}

    assert set(Reason) - NEVER_FROM_ONE_MESSAGE - shown == set()


@pytest.mark.parametrize("folder", ["accepted", "rejected"])
def test_every_example_file_has_an_expectation(folder: str) -> None:
    assert {path.name for path in (DATA / folder).iterdir()} == set(EXPECTATIONS[folder])


def test_a_rejected_example_is_named_after_its_reason() -> None:
    for name, expected in EXPECTATIONS["rejected"].items():
        assert name.split(".")[0].split("-")[0] in {reason for reason, _ in expected["rejects"]}, name
