"""One stored reading as FHIR R4 Observations: the pressures by the `bp` profile, the heart rate apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from webapp.api.fhir.basics import (
    LOINC,
    PROFILES,
    TERMINOLOGY,
    Json,
    coding,
    concept,
    digest_id,
    patient_reference,
    quantity,
)

Document = Mapping[str, Any]

PRESSURE: Final = coding(LOINC, "85354-9", "Blood pressure panel with all children optional")
SYSTOLIC: Final = coding(LOINC, "8480-6", "Systolic blood pressure")
DIASTOLIC: Final = coding(LOINC, "8462-4", "Diastolic blood pressure")
HEART_RATE: Final = coding(LOINC, "8867-4", "Heart rate")

INTERPRETATIONS: Final = {
    "severe": ("HH", "Critical high"),
    "stage_2": ("H", "High"),
    "stage_1": ("H", "High"),
    "elevated": ("N", "Normal"),
    "normal": ("N", "Normal"),
    "low": ("L", "Low"),
}


def observations(reading: Document) -> list[Json]:
    """The Observations of a stored reading: one for the pressures, one for the heart rate, as far as there are any."""
    pressures = [_pressures(reading)] if "systolic" in reading else []
    heart_rates = [_heart_rate(reading)] if reading.get("heart_rate") is not None else []
    return pressures + heart_rates


def pressure_id(patient_id: str, timestamp: str) -> str:
    """Id of the Observation that holds a patient's pressures of one instant (as stored, ISO 8601)."""
    return digest_id("bp", patient_id, timestamp)


def _pressures(reading: Document) -> Json:
    parts = [(SYSTOLIC, reading["systolic"]), (DIASTOLIC, reading["diastolic"])]
    return {
        **_common(reading, "bp", PRESSURE),
        "interpretation": [_interpretation(reading["category"])],
        "component": [
            {"code": concept(code), "valueQuantity": quantity(value, "mmHg", "mm[Hg]")} for code, value in parts
        ],
    }


def _heart_rate(reading: Document) -> Json:
    rate = quantity(reading["heart_rate"], "beats/minute", "/min")
    return {**_common(reading, "heartrate", HEART_RATE), "valueQuantity": rate}


def _common(reading: Document, profile: str, code: Json) -> Json:
    patient_id, timestamp = reading["patient_id"], reading["@timestamp"]
    resource = {
        "resourceType": "Observation",
        "id": digest_id(profile, patient_id, timestamp),
        "meta": {"lastUpdated": reading["ingested_at"], "profile": [f"{PROFILES}/{profile}"]},
        "status": reading["status"],
        "category": [concept(coding(f"{TERMINOLOGY}/observation-category", "vital-signs", "Vital Signs"))],
        "code": concept(code),
        "subject": patient_reference(patient_id),
        "effectiveDateTime": timestamp,
    }
    if "observation_id" in reading:
        resource["identifier"] = [{"value": reading["observation_id"]}]  # what the sender called it
    if "device_id" in reading:
        resource["device"] = {"identifier": {"value": reading["device_id"]}}
    return resource


def _interpretation(category: str) -> Json:
    code, display = INTERPRETATIONS[category]
    return concept(coding(f"{TERMINOLOGY}/v3-ObservationInterpretation", code, display), text=category)
