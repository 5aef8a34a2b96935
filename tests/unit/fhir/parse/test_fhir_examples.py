"""Real producers' messages (HL7, Synthea, IEEE 11073, Withings) against expectations written by hand.

The messages are other people's work and not ours to commit. They are looked for in ``../shared/fhir-examples`` beside
the project, or where ``FHIR_EXAMPLES`` says.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules
from tests.support.real_messages import real_messages
from tests.unit.fhir.parse.reading_tables import load_expectations, microseconds, values_row

EXPECTATIONS = load_expectations("fhir_examples_expectations.json")
RULES = IntakeRules(max_age_days=EXPECTATIONS["max_age_days"])


@pytest.fixture(scope="module")
def examples() -> Path:
    return real_messages()


@pytest.mark.parametrize(("name", "expected"), EXPECTATIONS["files"].items())
def test_real_message_gives_what_is_written_of_it(examples: Path, name: str, expected: dict[str, Any]) -> None:
    parsed = parse_message((examples / name).read_bytes(), microseconds(EXPECTATIONS["record_time"]), RULES)

    assert [values_row(reading) for reading in parsed.readings] == expected["readings"]
    assert Counter(str(reject.reason) for reject in parsed.rejects) == expected["rejects"]
    assert parsed.ignored == expected["ignored"]


def test_every_real_message_has_an_expectation(examples: Path) -> None:
    assert {path.name for path in examples.glob("*.*json")} == set(EXPECTATIONS["files"])
