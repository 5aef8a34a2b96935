"""Which codes mean what: any coding counts that matches on (system, code); `display` and `text` never do."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

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


_CODES: Final[dict[Meaning, dict[str, tuple[str, ...]]]] = {
    Meaning.PANEL: {LOINC: ("85354-9", "55284-4", "35094-2", "55417-0"), MDC: ("150020",), SNOMED: ("75367002",)},
    Meaning.SYSTOLIC: {LOINC: ("8480-6",), MDC: ("150021",), SNOMED: ("271649006",)},
    Meaning.DIASTOLIC: {LOINC: ("8462-4",), MDC: ("150022",), SNOMED: ("271650006",)},
    Meaning.HEART_RATE: {LOINC: ("8867-4", "8889-8"), MDC: ("149546",), SNOMED: ("78564009",)},
    Meaning.AVERAGE: {LOINC: ("96607-7", "96608-5", "96609-3", "8490-5", "8472-3")},  # the last two: means of 24 h
}
MEANINGS: Final[dict[tuple[str, str], Meaning]] = {
    (uri, code): meaning
    for meaning, systems in _CODES.items()
    for system, codes in systems.items()
    for code in codes
    for uri in (system, f"{system}/")
}


def meanings(concept: object) -> list[Meaning]:
    """Known meanings of a CodeableConcept, in the order of its codings; empty for any other shape."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(codings, list):
        return []
    return [meaning for coding in codings if (meaning := _meaning(coding)) is not None]


def _meaning(coding: object) -> Meaning | None:
    if not isinstance(coding, dict):
        return None
    system, code = coding.get("system"), coding.get("code")
    if not isinstance(system, str) or not isinstance(code, str):
        return None
    return MEANINGS.get((system, code))
