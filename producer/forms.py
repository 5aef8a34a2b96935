"""The forms in which real producers send the same reading; the intake accepts every one of them.

Each builder takes a reading and a `variant`, a random whole number from which it picks among its own spellings, and
gives the messages of that reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from fhir.write.fast_encoder import LOINC, encode_observation, local_time, utc_time
from fhir.write.resources import (
    DIASTOLIC,
    HEART_RATE,
    MMHG,
    PER_MINUTE,
    SYSTOLIC,
    Json,
    Shown,
    bundle,
    component,
    concept,
    heart_rate_alone,
    observation,
    panel,
    pressure,
    quantity,
    sibling_id,
)

T = TypeVar("T")
VARIANTS: Final = 2**31  # what a variant is drawn from

MDC: Final = "urn:iso:std:iso:11073:10101"
SNOMED: Final = "http://snomed.info/sct"
KPA_PER_MMHG: Final = 0.133322
# panel, systolic, diastolic, heart rate
CODES: Final = (
    ((LOINC, "55284-4"), (LOINC, SYSTOLIC), (LOINC, DIASTOLIC), (LOINC, HEART_RATE)),
    ((LOINC, "35094-2"), (LOINC, SYSTOLIC), (LOINC, DIASTOLIC), (LOINC, HEART_RATE)),
    ((LOINC, "55417-0"), (LOINC, SYSTOLIC), (LOINC, DIASTOLIC), (LOINC, HEART_RATE)),
    ((MDC, "150020"), (MDC, "150021"), (MDC, "150022"), (MDC, "149546")),
    ((SNOMED, "75367002"), (SNOMED, "271649006"), (SNOMED, "271650006"), (SNOMED, "78564009")),
)
PRESSURE_UNITS: Final = (MMHG, ("mmHg", "mmHg"), ("mm Hg", "mm[hg]"), ("mm Hg", "mm Hg"), ("kPa", "kPa"))
RATE_UNITS: Final = (PER_MINUTE, ("bpm", "{beats}/min"), ("beats/min", "beats/min"), ("count/min", "count/min"))
BUNDLE_KINDS: Final = ("collection", "transaction", "batch", "searchset", "message")
STATUSES: Final = ("preliminary", "unknown")  # used and flagged, unless the settings of the intake hold them back


class Part(NamedTuple):
    """One message of a reading, and which of its measures it carries as Observations of their own."""

    payload: bytes
    has_pressures: bool = True
    has_own_heart_rate: bool = False


def components(shown: Shown, _: int) -> list[Part]:
    """The heart rate as a third component: the form of the common bridges to consumer cuffs."""
    return [Part(encode_observation(*shown))]


def separate_heart_rate(shown: Shown, _: int) -> list[Part]:
    """The heart rate as a message of its own, as the specification's profiles have it."""
    alone = Part(_encode(heart_rate_alone(shown)), has_pressures=False, has_own_heart_rate=True)
    return [_part(panel(shown, heart_rate=False)), alone]


def no_heart_rate(shown: Shown, _: int) -> list[Part]:
    """Pressures alone."""
    return [Part(encode_observation(*shown[:-1], None))]


def in_bundle(shown: Shown, variant: int) -> list[Part]:
    """Pressures and heart rate as two Observations in one Bundle."""
    kind = _pick(BUNDLE_KINDS, variant)
    return [Part(_encode(bundle(panel(shown, heart_rate=False), heart_rate_alone(shown), kind=kind)), True, True)]


def halves(shown: Shown, _: int) -> list[Part]:
    """Systolic and diastolic as Observations of their own, in one Bundle with the heart rate."""
    systolic = observation(shown, code=concept(SYSTOLIC), valueQuantity=quantity(shown.systolic))
    diastolic = observation(
        shown, code=concept(DIASTOLIC), id=sibling_id(shown, "diastolic"), valueQuantity=quantity(shown.diastolic)
    )
    return [Part(_encode(bundle(systolic, diastolic, heart_rate_alone(shown))), True, True)]


def lines(shown: Shown, _: int) -> list[Part]:
    """Pressures and heart rate as two lines of NDJSON."""
    text = b"\n".join(map(_encode, (panel(shown, heart_rate=False), heart_rate_alone(shown))))
    return [Part(text + b"\n", True, True)]


def old_codes(shown: Shown, variant: int) -> list[Part]:
    """Panel codes of older producers, or all codes from the vocabularies of devices and of SNOMED."""
    panel_code, *codes = (concept(code, system) for system, code in _pick(CODES, variant))
    values = (quantity(shown.systolic), quantity(shown.diastolic), quantity(shown.heart_rate, PER_MINUTE))
    parts = [component(code, value) for code, value in zip(codes, values, strict=True)]
    return [_part(observation(shown, code=panel_code, component=parts))]


def units(shown: Shown, variant: int) -> list[Part]:
    """Other spellings of the units, kilopascals among them."""
    unit = _pick(PRESSURE_UNITS, variant)
    factor = KPA_PER_MMHG if unit[1] == "kPa" else 1.0
    pressures = [
        component(concept(code), quantity(round(value * factor, 3), unit))
        for code, value in ((SYSTOLIC, shown.systolic), (DIASTOLIC, shown.diastolic))
    ]
    rate = quantity(shown.heart_rate, _pick(RATE_UNITS, variant // len(PRESSURE_UNITS)))
    return [_part(panel(shown, component=[*pressures, component(concept(HEART_RATE), rate)]))]


def order(shown: Shown, variant: int) -> list[Part]:
    """The components in another order."""
    usual: Json = panel(shown)
    shift = _pick((1, 2), variant)
    usual["component"] = usual["component"][shift:] + usual["component"][:shift]
    return [_part(usual)]


def times(shown: Shown, variant: int) -> list[Part]:
    """The instant in other spellings: UTC, fractions of a second, odd zones, a short period that ends at it."""
    us = shown.effective_us
    spellings: Sequence[Json] = (
        {"effectiveDateTime": utc_time(us)},
        {"effectiveDateTime": utc_time(us, "microseconds")},
        {"effectiveDateTime": local_time(us, 345)},
        {"effectiveDateTime": local_time(us, -570)},
        {"effectiveDateTime": None, "effectiveInstant": utc_time(us)},
        {"effectiveDateTime": None, "effectivePeriod": {"start": utc_time(us - 60_000_000), "end": utc_time(us)}},
    )
    return [_part(_without_nulls(panel(shown, **_pick(spellings, variant))))]


def subjects(shown: Shown, variant: int) -> list[Part]:
    """The patient by a versioned reference, by a bare id, or with more beside the reference."""
    reference = f"Patient/{shown.patient_id}"
    spellings: Sequence[Json] = (
        {"reference": f"{reference}/_history/4"},
        {"reference": shown.patient_id, "type": "Patient"},
        {"reference": reference, "type": "Patient", "display": "simulated"},
    )
    return [_part(panel(shown, subject=_pick(spellings, variant)))]


def extras(shown: Shown, variant: int) -> list[Part]:
    """Less than usual, or more: elements and components that nobody needs to know."""
    rich = panel(shown, interpretation=[{"text": "H"}], _effectiveDateTime={"id": "t"}, unheardOf={"of": [1, None]})
    mean = {"code": concept("8478-0"), "dataAbsentReason": concept("not-a-number", "http://example.org/reason")}
    rich["component"] += [mean, {"code": {"text": "posture"}, "valueString": "sitting"}]
    rich["component"][0]["code"]["coding"].append({"system": MDC, "code": "150021"})
    poor = {name: value for name, value in panel(shown).items() if name not in ("meta", "category", "device")}
    decimal = panel(shown, component=[pressure(SYSTOLIC, float(shown.systolic)), pressure(DIASTOLIC, shown.diastolic)])
    return [_part(_pick((rich, poor, decimal), variant))]


def statuses(shown: Shown, variant: int) -> list[Part]:
    """Readings that are preliminary or of unknown status: used, and flagged."""
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
        "old_codes": old_codes,
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


def _pick(options: Sequence[T], variant: int) -> T:
    return options[variant % len(options)]


def _part(resource: Json) -> Part:
    return Part(_encode(resource))


def _without_nulls(resource: Json) -> Json:
    return {name: value for name, value in resource.items() if value is not None}


_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
