"""The table of codes: each code means one thing, however its system is spelt, and what is malformed is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fhir.codes import CONCEPTS, LOINC, MDC, OIDS, SNOMED, Meaning, all_meanings, is_unreadable, meanings
from tests.support.factories import code, coding

DOCUMENT = Path(__file__).parents[3] / "docs" / "fhir.md"
ROWS = [
    (system, item, meaning)
    for meaning, concept in CONCEPTS.items()
    for system, codes in ((LOINC, concept.loinc), (MDC, concept.mdc), (SNOMED, concept.snomed))
    for item in codes
]


def check_digit_of(loinc: str) -> int:
    """Return the check digit of a LOINC number (mod 10, every second digit from the right doubled)."""
    digits = [int(digit) for digit in reversed(loinc.partition("-")[0])]
    total = sum(sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return -total % 10


VERHOEFF = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]  # fmt: skip
PERMUTED = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def checks_as_snomed(concept_id: str) -> bool:
    """Tell whether the last digit of a SNOMED CT identifier is its Verhoeff check digit."""
    check = 0
    for place, digit in enumerate(map(int, reversed(concept_id))):
        for _ in range(place % 8):
            digit = PERMUTED[digit]
        check = VERHOEFF[check][digit]
    return check == 0


def table() -> str:
    """Return the table of codes as docs/fhir.md has it."""
    rows = ["| Read as | System | Codes |", "|---|---|---|"]
    for meaning, concept in CONCEPTS.items():
        for system, codes in (("LOINC", concept.loinc), ("IEEE 11073", concept.mdc), ("SNOMED CT", concept.snomed)):
            rows += [f"| {meaning} | {system} | {', '.join(codes)} |"] if codes else []
    return "\n".join(rows) + "\n"


def test_the_document_shows_the_table_as_it_is() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), f"docs/fhir.md should say:\n{table()}"


def test_no_code_means_two_things() -> None:
    assert [row for row, count in Counter((system, item) for system, item, _ in ROWS).items() if count > 1] == []


@pytest.mark.parametrize("item", [item for system, item, _ in ROWS if system == LOINC])
def test_a_loinc_code_has_its_check_digit(item: str) -> None:
    assert check_digit_of(item) == int(item[-1])


@pytest.mark.parametrize("item", [item for system, item, _ in ROWS if system == SNOMED])
def test_a_snomed_code_has_its_check_digit(item: str) -> None:
    assert checks_as_snomed(item)


@pytest.mark.parametrize(("system", "item", "meaning"), ROWS)
def test_a_system_may_be_its_uri_with_or_without_a_slash_or_its_oid(system: str, item: str, meaning: Meaning) -> None:
    for spelling in (system, f"{system}/", OIDS[system], f"urn:oid:{OIDS[system]}"):
        assert meanings(code(item, system=spelling)) == [meaning]


@pytest.mark.parametrize("system", [None, "", "http://example.org/codes", "urn:oid:2.16.840.1.113883.6.2", [LOINC]])
def test_a_code_of_another_system_means_nothing(system: Any) -> None:
    assert meanings({"coding": [{"system": system, "code": "8480-6"}]}) == []


@pytest.mark.parametrize(
    "concept",
    [
        {"coding": coding("8480-6")},
        {"coding": coding("150045", MDC)},
        {"coding": [{"system": MDC, "code": 150021}]},
        {"coding": [{"system": SNOMED, "code": 271649006.0}]},
        {"coding": [coding("8480-6"), {"system": MDC, "code": 150045}]},
    ],
)
def test_one_of_these_codes_in_another_shape_is_malformed(concept: dict[str, Any]) -> None:
    assert Meaning.MALFORMED in all_meanings(concept)


def test_a_number_that_repeats_what_another_coding_says_does_no_harm() -> None:
    concept = {"coding": [coding("8480-6"), {"system": MDC, "code": 150021}]}

    assert all_meanings(concept) == [Meaning.SYSTOLIC]


@pytest.mark.parametrize(
    "concept",
    [
        {"coding": coding("29463-7")},  # body weight
        {"coding": [{"system": MDC, "code": 188736}]},
        {"coding": [{"system": MDC, "code": True}, {"system": MDC, "code": float("nan")}, {"system": {}, "code": []}]},
        {"coding": None, "text": "blood pressure"},
        {},
        None,
    ],
)
def test_what_is_none_of_these_codes_means_nothing_in_whatever_shape(concept: Any) -> None:
    assert all_meanings(concept) == []
    assert not is_unreadable(concept)


@pytest.mark.parametrize("concept", ["8480-6", [code("8480-6")], {"coding": "8480-6"}, {"coding": ["8480-6"]}, 7])
def test_a_concept_without_any_object_to_read_is_unreadable(concept: Any) -> None:
    assert all_meanings(concept) == []
    assert is_unreadable(concept)
