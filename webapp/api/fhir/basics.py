"""Small parts of FHIR R4 that every resource is made of: ids, references, codings, instants, quantities."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

Json = dict[str, Any]

MEDIA_TYPE: Final = "application/fhir+json"

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
PROFILES: Final = "http://hl7.org/fhir/StructureDefinition"
OURS: Final = (
    "https://blood-pressure-surveillance.invalid/fhir"  # the reserved domain says that nothing is served there
)

MAX_ID_LENGTH: Final = 64
_is_id = re.compile(r"[A-Za-z0-9.-]{1,64}").fullmatch


def fhir_id(text: str) -> str:
    """Return `text` if FHIR takes it as a resource id, else a digest of it; the identifier holds the text itself."""
    return text if _is_id(text) else digest_id(text)


def digest_id(*parts: str) -> str:
    """An id that is always the same for the same parts and tells nothing of them."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:MAX_ID_LENGTH]


def reference(kind: str, resource_id: str) -> Json:
    """A relative reference."""
    return {"reference": f"{kind}/{resource_id}"}


def patient_reference(patient_id: str) -> Json:
    """Reference to a patient by our patient id."""
    return reference("Patient", fhir_id(patient_id)) | {"identifier": patient_identifier(patient_id)}


def patient_identifier(patient_id: str) -> Json:
    """The patient id as an identifier; the intake writes identifiers as ``system|value``."""
    system, separator, value = patient_id.rpartition("|")
    return {"system": system, "value": value} if separator else {"value": patient_id}


def coding(system: str, code: str, display: str | None = None) -> Json:
    """One Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Json, text: str | None = None) -> Json:
    """A CodeableConcept."""
    return {"coding": list(codings)} | ({"text": text} if text else {})


def quantity(value: float, unit: str, code: str) -> Json:
    """A Quantity in a UCUM unit."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code}
