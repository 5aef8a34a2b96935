"""One valid blood-pressure Observation and ways to vary it; shared by the tests of every part."""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
MDC = "urn:iso:std:iso:11073:10101"


def observation(
    *, systolic: float | None = 128, diastolic: float | None = 82, heart_rate: float | None = None, **overrides: Any
) -> Json:
    """Return a valid panel Observation of patient ``p-1``; a pressure of None leaves its component out.

    Further keywords replace top-level elements: ``observation(status="amended")``. To leave one out, see `without`.
    """
    components = [
        pressure("8480-6", systolic) if systolic is not None else None,
        pressure("8462-4", diastolic) if diastolic is not None else None,
        component("8867-4", quantity(heart_rate, "/min")) if heart_rate is not None else None,
    ]
    base = {
        "resourceType": "Observation",
        "id": "bp-1",
        "meta": {"versionId": "1"},
        "status": "final",
        "category": [
            {"coding": [coding("vital-signs", "http://terminology.hl7.org/CodeSystem/observation-category")]},
        ],
        "code": code("85354-9"),
        "subject": {"reference": "Patient/p-1"},
        "effectiveDateTime": "2026-03-01T08:15:00+01:00",
        "device": {"reference": "Device/cuff-7"},
        "component": [part for part in components if part is not None],
    }
    return {**base, **overrides}


def heart_rate_observation(rate: float = 71, unit: str = "/min", **overrides: Any) -> Json:
    """Return a valid heart rate as an Observation of its own, at the time of `observation`."""
    base = {"id": "hr-1", "code": code("8867-4"), "valueQuantity": quantity(rate, unit)}
    return {**without(observation(), "component"), **base, **overrides}


def half_observation(loinc: str, value: float, **overrides: Any) -> Json:
    """Return a lone systolic (8480-6) or diastolic (8462-4) as an Observation of its own."""
    base = {"id": f"half-{loinc}", "code": code(loinc), "valueQuantity": quantity(value)}
    return {**without(observation(), "component"), **base, **overrides}


def bundle(*resources: Any, kind: str = "collection", **overrides: Any) -> Json:
    """Return a Bundle with one entry per resource."""
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": item} for item in resources], **overrides}


def without(resource: Json, *names: str) -> Json:
    """Return a copy that lacks some elements."""
    return {name: value for name, value in resource.items() if name not in names}


def pressure(loinc: str, value: Any) -> Json:
    """Return a component with a pressure in mmHg."""
    return component(loinc, quantity(value))


def component(loinc: str, value_quantity: Any) -> Json:
    """Return a component with any valueQuantity."""
    return {"code": code(loinc), "valueQuantity": value_quantity}


def quantity(value: Any, unit: str = "mm[Hg]") -> Json:
    """Return a UCUM Quantity."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def code(*codes: str, system: str = LOINC) -> Json:
    """Return a CodeableConcept of these codes."""
    return {"coding": [coding(item, system) for item in codes]}


def coding(item: str, system: str = LOINC) -> Json:
    """Return a coding."""
    return {"system": system, "code": item}


def payload(resource: Any) -> bytes:
    """Return the resource as the bytes of one Kafka record."""
    return msgspec.json.encode(resource)
