"""FHIR R4 Observations of one blood-pressure reading, as a home monitoring device sends them.

Profile: http://hl7.org/fhir/StructureDefinition/bp (panel 85354-9) with the heart rate as a third component, the form
of the common bridges to consumer cuffs. Parts that never change are encoded once.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:blood-pressure-surveillance:observation")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Quantity(msgspec.Struct):
    value: int
    unit: str
    system: str
    code: str


class _Component(msgspec.Struct):
    code: msgspec.Raw
    valueQuantity: _Quantity  # noqa: N815 a FHIR name


class _Reference(msgspec.Struct):
    reference: str


class _Observation(msgspec.Struct):
    resourceType: str  # noqa: N815 a FHIR name
    id: str
    meta: msgspec.Raw
    status: str
    category: msgspec.Raw
    code: msgspec.Raw
    subject: _Reference
    effectiveDateTime: str  # noqa: N815 a FHIR name
    device: _Reference
    component: list[_Component]


_encoder = msgspec.json.Encoder()


def _concept(code: str, display: str, system: str = LOINC) -> dict[str, object]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))


_META: Final = _raw({"versionId": "1", "profile": ["http://hl7.org/fhir/StructureDefinition/bp"]})
_CATEGORY: Final = _raw(
    [_concept("vital-signs", "Vital Signs", "http://terminology.hl7.org/CodeSystem/observation-category")]
)
_PANEL: Final = _raw(_concept("85354-9", "Blood pressure panel with all children optional"))
_SYSTOLIC: Final = _raw(_concept("8480-6", "Systolic blood pressure"))
_DIASTOLIC: Final = _raw(_concept("8462-4", "Diastolic blood pressure"))
_HEART_RATE: Final = _raw(_concept("8867-4", "Heart rate"))


def observation_id(patient_id: str, effective_us: int) -> str:
    """The id of a patient's reading at an instant: the same reading, sent again, has the same id."""
    return str(uuid.uuid5(NAMESPACE, f"{patient_id}/{effective_us}"))


def encode_observation(
    patient_id: str, effective_us: int, utc_offset_minutes: int, systolic: int, diastolic: int, heart_rate: int | None
) -> bytes:
    """One Observation as JSON; pressures in mmHg, heart rate per minute or None, time in microseconds UTC."""
    components = [_component(_SYSTOLIC, systolic), _component(_DIASTOLIC, diastolic)]
    if heart_rate is not None:
        components.append(_Component(_HEART_RATE, _Quantity(heart_rate, "beats/minute", UCUM, "/min")))
    observation = _Observation(
        resourceType="Observation",
        id=observation_id(patient_id, effective_us),
        meta=_META,
        status="final",
        category=_CATEGORY,
        code=_PANEL,
        subject=_Reference(f"Patient/{patient_id}"),
        effectiveDateTime=local_time(effective_us, utc_offset_minutes),
        device=_Reference(f"Device/cuff-{patient_id}"),
        component=components,
    )
    return _encoder.encode(observation)


def _component(code: msgspec.Raw, millimetres: int) -> _Component:
    return _Component(code, _Quantity(millimetres, "mmHg", UCUM, "mm[Hg]"))


def local_time(effective_us: int, utc_offset_minutes: int, precision: str = "auto") -> str:
    """A FHIR dateTime by the clock of a zone so many minutes east of Greenwich; `precision` as in `isoformat`."""
    zone = timezone(timedelta(minutes=utc_offset_minutes))
    return (EPOCH + timedelta(microseconds=effective_us)).astimezone(zone).isoformat(timespec=precision)


def utc_time(effective_us: int, precision: str = "auto") -> str:
    """A FHIR dateTime or instant in UTC, with ``Z``."""
    return local_time(effective_us, 0, precision).replace("+00:00", "Z")
