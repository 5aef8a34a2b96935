"""The forms in which real producers send the same reading; the intake accepts every one of them.

Each builder takes a reading and a `variant`, a random whole number from which it picks among its own spellings, and
gives the messages of that reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from conf.times import MINUTE_US
from fhir.codes import CONCEPTS, LOINC, MDC, SNOMED, JsonObject, Meaning
from fhir.measures import DIASTOLIC, HEART_RATE, MEASURES, SYSTOLIC
from fhir.units import KILOPASCAL, MMHG, PER_MINUTE
from fhir.write.device import (
    Shown,
    alone,
    device_observation,
    encode_observation,
    local_time,
    observation_id,
    panel,
    utc_time,
)
from fhir.write.observation import bare_concept, component, concept, quantity

T = TypeVar("T")
VARIANTS: Final = 2**31  # what a variant is drawn from

COMPONENTS: Final = tuple(MEASURES.values())
_CODED: Final = [CONCEPTS[meaning] for meaning in (Meaning.PANEL, *MEASURES)]
# (system, code) of the panel, systolic, diastolic and heart rate
OTHER_CODES: Final = (
    *(((LOINC, old), *((LOINC, measure.code) for measure in COMPONENTS)) for old in CONCEPTS[Meaning.PANEL].loinc[1:]),
    tuple((MDC, coded.mdc[0]) for coded in _CODED),
    tuple((SNOMED, coded.snomed[0]) for coded in _CODED),
)
PRESSURE_UNITS: Final = (
    MMHG,
    MMHG._replace(code="mmHg"),
    MMHG._replace(text="mm Hg", code="mm[hg]"),
    MMHG._replace(text="mm Hg", code="mm Hg"),
    KILOPASCAL,
)
RATE_UNITS: Final = (
    PER_MINUTE,
    PER_MINUTE._replace(text="bpm", code="{beats}/min"),
    PER_MINUTE._replace(text="beats/min", code="beats/min"),
    PER_MINUTE._replace(text="count/min", code="count/min"),
)
BUNDLE_TYPES: Final = ("collection", "transaction", "batch", "searchset", "message")
STATUSES: Final = ("preliminary", "unknown")  # used and flagged, unless the settings of the intake hold them back


class Part(NamedTuple):
    """One message of a reading: how many Observations carry its pressures, and whether another one its heart rate."""

    payload: bytes
    pressure_entries: int = 1
    has_own_heart_rate: bool = False


encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def without_nulls(resource: JsonObject) -> JsonObject:
    """Return the resource without the elements that are None."""
    return {name: value for name, value in resource.items() if value is not None}


def components(shown: Shown, _: int) -> list[Part]:
    """Send the heart rate as a third component: the form of the common bridges to consumer cuffs."""
    return [Part(encode_observation(*shown))]


def separate_heart_rate(shown: Shown, _: int) -> list[Part]:
    """Send the heart rate as a message of its own, as the specification's profiles have it."""
    own = Part(encode(alone(shown, HEART_RATE)), pressure_entries=0, has_own_heart_rate=True)
    return [_part(panel(shown, heart_rate=False)), own]


def no_heart_rate(shown: Shown, _: int) -> list[Part]:
    """Send the pressures alone."""
    return [Part(encode_observation(*shown[:-1], None))]


def in_bundle(shown: Shown, variant: int) -> list[Part]:
    """Send pressures and heart rate as two Observations in one Bundle."""
    bundled = _bundle(_pick(BUNDLE_TYPES, variant), panel(shown, heart_rate=False), alone(shown, HEART_RATE))
    return [Part(encode(bundled), has_own_heart_rate=True)]


def halves(shown: Shown, _: int) -> list[Part]:
    """Send systolic and diastolic as Observations of their own, in one Bundle with the heart rate."""
    systolic = alone(shown, SYSTOLIC, id=observation_id(shown.patient_id, shown.effective_us))
    bundled = _bundle("collection", systolic, alone(shown, DIASTOLIC), alone(shown, HEART_RATE))
    return [Part(encode(bundled), pressure_entries=2, has_own_heart_rate=True)]


def lines(shown: Shown, _: int) -> list[Part]:
    """Send pressures and heart rate as two lines of NDJSON."""
    text = b"\n".join(map(encode, (panel(shown, heart_rate=False), alone(shown, HEART_RATE))))
    return [Part(text + b"\n", has_own_heart_rate=True)]


def other_codes(shown: Shown, variant: int) -> list[Part]:
    """Use panel codes of older producers, or all codes from the vocabularies of devices and of SNOMED."""
    panel_code, *codes = (bare_concept(system, code) for system, code in _pick(OTHER_CODES, variant))
    values = (quantity(getattr(shown, measure.field), measure.unit) for measure in COMPONENTS)
    parts = [{"code": code, "valueQuantity": value} for code, value in zip(codes, values, strict=True)]
    return [_part(device_observation(shown, code=panel_code, component=parts))]


def units(shown: Shown, variant: int) -> list[Part]:
    """Use other spellings of the units, kilopascals among them."""
    unit = _pick(PRESSURE_UNITS, variant)
    rate_unit = _pick(RATE_UNITS, variant // len(PRESSURE_UNITS))
    quantities = (
        quantity(round(shown.systolic / unit.factor, 3), unit),
        quantity(round(shown.diastolic / unit.factor, 3), unit),
        quantity(getattr(shown, HEART_RATE.field), rate_unit),
    )
    parts = [
        {"code": concept(measure.meaning), "valueQuantity": value}
        for measure, value in zip(COMPONENTS, quantities, strict=True)
    ]
    return [_part(panel(shown, component=parts))]


def order(shown: Shown, variant: int) -> list[Part]:
    """Put the components in another order."""
    usual: JsonObject = panel(shown)
    shift = _pick((1, 2), variant)
    usual["component"] = usual["component"][shift:] + usual["component"][:shift]
    return [_part(usual)]


def times(shown: Shown, variant: int) -> list[Part]:
    """Spell the instant otherwise: UTC, fractions of a second, odd zones, a short period that ends at it."""
    us = shown.effective_us
    spellings: Sequence[JsonObject] = (
        {"effectiveDateTime": utc_time(us)},
        {"effectiveDateTime": utc_time(us, "microseconds")},
        {"effectiveDateTime": local_time(us, 345)},
        {"effectiveDateTime": local_time(us, -570)},
        {"effectiveDateTime": None, "effectiveInstant": utc_time(us)},
        {"effectiveDateTime": None, "effectivePeriod": {"start": utc_time(us - MINUTE_US), "end": utc_time(us)}},
    )
    return [_part(without_nulls(panel(shown, **_pick(spellings, variant))))]


def subjects(shown: Shown, variant: int) -> list[Part]:
    """Name the patient by a versioned reference, by a bare id, or with more beside the reference."""
    reference = f"Patient/{shown.patient_id}"
    spellings: Sequence[JsonObject] = (
        {"reference": f"{reference}/_history/4"},
        {"reference": shown.patient_id, "type": "Patient"},
        {"reference": reference, "type": "Patient", "display": "simulated"},
    )
    return [_part(panel(shown, subject=_pick(spellings, variant)))]


def extras(shown: Shown, variant: int) -> list[Part]:
    """Send less than usual, or more: elements and components that nobody needs to know."""
    rich = panel(shown, interpretation=[{"text": "H"}], _effectiveDateTime={"id": "t"}, unheardOf={"of": [1, None]})
    absent = bare_concept("http://example.org/reason", "not-a-number")
    mean = {"code": bare_concept(LOINC, "8478-0"), "dataAbsentReason": absent}
    rich["component"] += [mean, {"code": {"text": "posture"}, "valueString": "sitting"}]
    rich["component"][0]["code"]["coding"].append({"system": MDC, "code": CONCEPTS[Meaning.SYSTOLIC].mdc[0]})
    poor = {name: value for name, value in panel(shown).items() if name not in ("meta", "category", "device")}
    pressures = [component(SYSTOLIC, float(shown.systolic)), component(DIASTOLIC, shown.diastolic)]
    return [_part(_pick((rich, poor, panel(shown, component=pressures)), variant))]


def statuses(shown: Shown, variant: int) -> list[Part]:
    """Call the reading preliminary or of unknown status: it is used, and flagged."""
    return [_part(panel(shown, status=_pick(STATUSES, variant)))]


Builder = Callable[[Shown, int], list[Part]]
PLAIN: Final = "components"
FORMS: Final[Mapping[str, Builder]] = MappingProxyType(
    {
        PLAIN: components,
        "separate_heart_rate": separate_heart_rate,
        "no_heart_rate": no_heart_rate,
        "bundle": in_bundle,
        "halves": halves,
        "lines": lines,
        "old_codes": other_codes,
        "units": units,
        "order": order,
        "times": times,
        "subjects": subjects,
        "extras": extras,
        "statuses": statuses,
    }
)

USUAL_FORMS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "separate_heart_rate": 0.05,
        "bundle": 0.05,
        "no_heart_rate": 0.02,
        "old_codes": 0.02,
        "units": 0.02,
        "times": 0.02,
    }
)


def _bundle(kind: str, *resources: JsonObject) -> JsonObject:
    """Return a Bundle of this type with one entry per resource, and a request in each where the type asks for it.

    An update, since a creation would leave the id to the server: later messages could not take it back.
    """
    is_request = kind in ("transaction", "batch")
    entries = [
        {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
        | ({"request": {"method": "PUT", "url": f"Observation/{resource['id']}"}} if is_request else {})
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def _pick(options: Sequence[T], variant: int) -> T:
    return options[variant % len(options)]


def _part(resource: JsonObject) -> Part:
    return Part(encode(resource))
