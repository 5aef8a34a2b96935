"""FHIR resources of one reading as plain dicts, for the forms and faults that the fast encoder does not know."""

from __future__ import annotations

import uuid
from typing import Any, Final, NamedTuple

from fhir.write.fast_encoder import LOINC, NAMESPACE, UCUM, local_time, observation_id

Json = dict[str, Any]

MMHG: Final = ("mmHg", "mm[Hg]")
PER_MINUTE: Final = ("beats/minute", "/min")
PANEL: Final = "85354-9"
SYSTOLIC: Final = "8480-6"
DIASTOLIC: Final = "8462-4"
HEART_RATE: Final = "8867-4"


class Shown(NamedTuple):
    """One reading as the device shows it: mmHg, beats per minute, microseconds UTC, minutes east of Greenwich."""

    patient_id: str
    effective_us: int
    utc_offset_minutes: int
    systolic: int
    diastolic: int
    heart_rate: int


def observation(shown: Shown, **elements: Any) -> Json:
    """What every Observation of a reading has; `elements`, such as its code, are added or replace what is there."""
    return {
        "resourceType": "Observation",
        "id": observation_id(shown.patient_id, shown.effective_us),
        "meta": {"versionId": "1"},
        "status": "final",
        "category": [concept("vital-signs", "http://terminology.hl7.org/CodeSystem/observation-category")],
        "subject": {"reference": f"Patient/{shown.patient_id}"},
        "effectiveDateTime": local_time(shown.effective_us, shown.utc_offset_minutes),
        "device": {"reference": f"Device/cuff-{shown.patient_id}"},
        **elements,
    }


def panel(shown: Shown, *, heart_rate: bool = True, **elements: Any) -> Json:
    """The pressures as components and, by default, the heart rate as a third one."""
    components = [pressure(SYSTOLIC, shown.systolic), pressure(DIASTOLIC, shown.diastolic)]
    if heart_rate:
        components.append(component(concept(HEART_RATE), quantity(shown.heart_rate, PER_MINUTE)))
    return observation(shown, **{"code": concept(PANEL), "component": components, **elements})


def heart_rate_alone(shown: Shown) -> Json:
    """The heart rate as an Observation of its own, at the instant of the pressures."""
    value = quantity(shown.heart_rate, PER_MINUTE)
    return observation(shown, code=concept(HEART_RATE), id=sibling_id(shown, "heart rate"), valueQuantity=value)


def sibling_id(shown: Shown, what: str) -> str:
    """The id of another Observation of the same patient and instant."""
    return str(uuid.uuid5(NAMESPACE, f"{shown.patient_id}/{shown.effective_us}/{what}"))


def concept(code: str, system: str = LOINC) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: float, unit: tuple[str, str] = MMHG) -> Json:
    """A Quantity; `unit` is its text and its UCUM code."""
    text, code = unit
    return {"value": value, "unit": text, "system": UCUM, "code": code}


def component(code: Json, value_quantity: Json) -> Json:
    """A component of a panel."""
    return {"code": code, "valueQuantity": value_quantity}


def pressure(code: str, value: float) -> Json:
    """A component of a pressure in mmHg, by its LOINC code."""
    return component(concept(code), quantity(value))


def bundle(*resources: Json, kind: str = "collection") -> Json:
    """A Bundle with one entry per resource."""
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources]
    if kind in ("transaction", "batch"):
        entries = [{**entry, "request": {"method": "POST", "url": "Observation"}} for entry in entries]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}
