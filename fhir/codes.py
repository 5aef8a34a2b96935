"""Which codes mean what: any coding counts that matches on (system, code); `display` and `text` never do."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
MDC: Final = "urn:iso:std:iso:11073:10101"

JsonObject = dict[str, Any]


class Meaning(StrEnum):
    """What a code says about the Observation or component that carries it."""

    PANEL = "panel"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    HEART_RATE = "heart rate"
    AVERAGE = "average of several readings"


class Concept(NamedTuple):
    """The label of a meaning and all its codes; the first LOINC code is the one that we write."""

    label: str
    loinc: tuple[str, ...]
    mdc: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()


CONCEPTS: Final[dict[Meaning, Concept]] = {
    Meaning.PANEL: Concept(
        "Blood pressure panel with all children optional",
        ("85354-9", "55284-4", "35094-2", "55417-0"),
        ("150020",),
        ("75367002",),
    ),
    Meaning.SYSTOLIC: Concept("Systolic blood pressure", ("8480-6",), ("150021",), ("271649006",)),
    Meaning.DIASTOLIC: Concept("Diastolic blood pressure", ("8462-4",), ("150022",), ("271650006",)),
    Meaning.HEART_RATE: Concept("Heart rate", ("8867-4", "8889-8"), ("149546",), ("78564009",)),
    Meaning.AVERAGE: Concept(
        "Blood pressure panel mean systolic and mean diastolic",
        ("96607-7", "96608-5", "96609-3", "8490-5", "8472-3"),  # the last two: means of 24 h
    ),
}
MEANINGS: Final[dict[tuple[str, str], Meaning]] = {
    (uri, code): meaning
    for meaning, concept in CONCEPTS.items()
    for system, codes in ((LOINC, concept.loinc), (MDC, concept.mdc), (SNOMED, concept.snomed))
    for code in codes
    for uri in (system, f"{system}/")
}


def meanings(concept: object) -> list[Meaning]:
    """Return the known meanings of a CodeableConcept, in the order of its codings; empty for any other shape."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(codings, list):
        return []
    return [meaning for coding in codings if (meaning := _meaning(coding)) is not None]


def _meaning(coding: object) -> Meaning | None:
    """Return the meaning of a coding, None where there is none or where it has not the shape of a coding."""
    if not isinstance(coding, dict):
        return None
    system, code = coding.get("system"), coding.get("code")
    if not isinstance(system, str) or not isinstance(code, str):
        return None
    return MEANINGS.get((system, code))
