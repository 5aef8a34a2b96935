"""The parts of a FHIR R4 Observation of a reading, and the Observation made of them, as plain dicts."""

from __future__ import annotations

from typing import Any, Final

from fhir.codes import CONCEPTS, LOINC, JsonObject, Meaning
from fhir.measures import Measure
from fhir.units import UCUM, Unit

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
PROFILES: Final = "http://hl7.org/fhir/StructureDefinition"
PRESSURE_PROFILE: Final = f"{PROFILES}/bp"
HEART_RATE_PROFILE: Final = f"{PROFILES}/heartrate"


def observation(**elements: Any) -> JsonObject:
    """Return a final Observation of the vital signs; `elements`, by their FHIR names, are added or replace these."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [_concept(f"{TERMINOLOGY}/observation-category", "vital-signs", "Vital Signs")],
        **elements,
    }


def concept(meaning: Meaning) -> JsonObject:
    """Return the CodeableConcept that we write for a meaning: its first LOINC code with its label."""
    return _concept(LOINC, CONCEPTS[meaning].loinc[0], CONCEPTS[meaning].label)


def _concept(system: str, code: str, label: str) -> JsonObject:
    return {"coding": [{"system": system, "code": code, "display": label}], "text": label}


def bare_concept(system: str, code: str) -> JsonObject:
    """Return a CodeableConcept of one coding and no words."""
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: float, unit: Unit) -> JsonObject:
    """Return a Quantity."""
    return {"value": value, "unit": unit.text, "system": UCUM, "code": unit.code}


def component(measure: Measure, value: float) -> JsonObject:
    """Return the component of a measure, its value in the measure's own unit."""
    return {"code": concept(measure.meaning), "valueQuantity": quantity(value, measure.unit)}
