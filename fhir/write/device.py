"""Observations of one reading as a home monitoring device sends them.

The usual form is that of the common bridges to consumer cuffs: a panel of the profile `bp` with the heart rate as a
third component. `panel` writes it as a dict that can be varied, `encode_observation` as bytes, many times faster:
what never changes is encoded once.
"""

from __future__ import annotations

import uuid
from datetime import timedelta, timezone
from typing import Any, Final, NamedTuple

import msgspec

from conf.times import from_us, iso
from fhir.codes import JsonObject, Meaning
from fhir.measures import DIASTOLIC, HEART_RATE, MEASURES, SYSTOLIC, Measure
from fhir.units import UCUM
from fhir.write.observation import PRESSURE_PROFILE, component, concept, observation, quantity

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:blood-pressure-surveillance:observation")
PANEL_META: Final = {"versionId": "1", "profile": [PRESSURE_PROFILE]}


class Shown(NamedTuple):
    """One reading as the device shows it: mmHg, beats per minute, microseconds UTC, minutes east of Greenwich.

    Not every device tells a heart rate.
    """

    patient_id: str
    effective_us: int
    utc_offset_minutes: int
    systolic: int
    diastolic: int
    heart_rate: int | None


def device_observation(shown: Shown, **elements: Any) -> JsonObject:
    """Return what every Observation of a reading has; `elements`, such as its code, are added or replace these."""
    usual = {
        "id": observation_id(shown.patient_id, shown.effective_us),
        "meta": {"versionId": "1"},
        "subject": {"reference": f"Patient/{shown.patient_id}"},
        "effectiveDateTime": local_time(shown.effective_us, shown.utc_offset_minutes),
        "device": {"reference": f"Device/cuff-{shown.patient_id}"},
    }
    return observation(**{**usual, **elements})


def panel(shown: Shown, *, heart_rate: bool = True, **elements: Any) -> JsonObject:
    """Return the pressures as components and, by default, the heart rate, if there is one, as a third one."""
    components = [component(SYSTOLIC, shown.systolic), component(DIASTOLIC, shown.diastolic)]
    if heart_rate and shown.heart_rate is not None:
        components.append(component(HEART_RATE, shown.heart_rate))
    usual = {"meta": PANEL_META, "code": concept(Meaning.PANEL), "component": components}
    return device_observation(shown, **{**usual, **elements})


def alone(shown: Shown, measure: Measure, **elements: Any) -> JsonObject:
    """Return one measure as an Observation of its own, with an id of its own."""
    own_id = str(uuid.uuid5(NAMESPACE, f"{shown.patient_id}/{shown.effective_us}/{measure.meaning}"))
    value = quantity(getattr(shown, measure.field), measure.unit)
    usual = {"id": own_id, "code": concept(measure.meaning), "valueQuantity": value}
    return device_observation(shown, **{**usual, **elements})


def observation_id(patient_id: str, effective_us: int) -> str:
    """Return the id of a patient's reading at an instant: the same reading, sent again, has the same id."""
    return str(uuid.uuid5(NAMESPACE, f"{patient_id}/{effective_us}"))


def local_time(effective_us: int, utc_offset_minutes: int, precision: str = "auto") -> str:
    """Write a FHIR dateTime by the clock of a zone; `precision` as in `isoformat`."""
    zone = timezone(timedelta(minutes=utc_offset_minutes))
    return from_us(effective_us).astimezone(zone).isoformat(timespec=precision)


def utc_time(effective_us: int, precision: str = "auto") -> str:
    """Write a FHIR dateTime or instant in UTC, with ``Z``; `precision` as in `isoformat`."""
    return iso(from_us(effective_us), precision)


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


class _Panel(msgspec.Struct):
    resourceType: msgspec.Raw  # noqa: N815 a FHIR name
    status: msgspec.Raw
    category: msgspec.Raw
    id: str
    meta: msgspec.Raw
    subject: _Reference
    effectiveDateTime: str  # noqa: N815 a FHIR name
    device: _Reference
    code: msgspec.Raw
    component: list[_Component]


_encode = msgspec.json.Encoder().encode
_ENCODED: Final = {name: msgspec.Raw(_encode(value)) for name, value in panel(Shown("", 0, 0, 0, 0, 0)).items()}
_CODES: Final = {meaning: msgspec.Raw(_encode(concept(meaning))) for meaning in MEASURES}


def encode_observation(
    patient_id: str, effective_us: int, utc_offset_minutes: int, systolic: int, diastolic: int, heart_rate: int | None
) -> bytes:
    """Return what `panel` gives for the reading as JSON; without the third component for a heart rate of None."""
    components = [_component(SYSTOLIC, systolic), _component(DIASTOLIC, diastolic)]
    if heart_rate is not None:
        components.append(_component(HEART_RATE, heart_rate))
    return _encode(
        _Panel(
            resourceType=_ENCODED["resourceType"],
            status=_ENCODED["status"],
            category=_ENCODED["category"],
            id=observation_id(patient_id, effective_us),
            meta=_ENCODED["meta"],
            subject=_Reference(f"Patient/{patient_id}"),
            effectiveDateTime=local_time(effective_us, utc_offset_minutes),
            device=_Reference(f"Device/cuff-{patient_id}"),
            code=_ENCODED["code"],
            component=components,
        )
    )


def _component(measure: Measure, value: int) -> _Component:
    return _Component(_CODES[measure.meaning], _Quantity(value, measure.unit.text, UCUM, measure.unit.code))
