"""The commonest Observation by the shortest way: a panel in which everything is plainly right.

It only saves time. Whatever is not plain is left to the full rules, which alone decide what is wrong, and a property
test holds both ways to the same answer. It works on the decoded JSON rather than on typed structs: a typed decoder does
not look into fields it skips, and would let pass what is malformed there.
"""

from __future__ import annotations

from typing import Final

from fhir.codes import MEANINGS, JsonObject, Meaning
from fhir.measures import HEART_RATE, MEASURES
from fhir.parse.effective_time import flags_of_time, parse_instant
from fhir.parse.observation import body_site, device_id, observation_id
from fhir.parse.subject import Scope, read_subject
from fhir.parse.values import is_number
from fhir.parse.versions import version_id, version_number
from fhir.ranges import implausible_heart_rate, implausible_pressure, impossible_pressure
from fhir.readings import PLAIN_STATUSES, IntakeRules, Reading
from fhir.reasons import Refused
from fhir.units import Unit, find_unit

_PANEL, _SYSTOLIC, _DIASTOLIC = Meaning.PANEL, Meaning.SYSTOLIC, Meaning.DIASTOLIC  # looked up once
_HEART_RATE: Final = Meaning.HEART_RATE
_NOT_PLAIN: Final = frozenset(
    {
        *("effectivePeriod", "effectiveTiming", "effectiveInstant", "valueSampledData"),
        *("modifierExtension", "implicitRules", "focus"),
    }
)
_NOT_PLAIN_PARTS: Final = frozenset({"dataAbsentReason", "valueSampledData", "modifierExtension"})
_NOT_PLAIN_QUANTITIES: Final = frozenset({"comparator", "extension", "_value"})
_UNIT_OF: Final = {meaning: measure.unit for meaning, measure in MEASURES.items()}


def read_plainly(
    observation: JsonObject, entry: int, scope: Scope, record_time_us: int, rules: IntakeRules
) -> Reading | None:
    """Return the reading of an Observation that is right in every respect, or None: let the full rules look."""
    try:
        return _read(observation, entry, scope, record_time_us, rules)
    except (Refused, AttributeError, KeyError, OverflowError, TypeError):
        return None


def _read(observation: JsonObject, entry: int, scope: Scope, record_time_us: int, rules: IntakeRules) -> Reading | None:
    if observation["status"] not in PLAIN_STATUSES or not _NOT_PLAIN.isdisjoint(observation):
        return None
    if _only_meaning(observation["code"]) is not _PANEL:
        return None
    if "bodySite" in observation and _only_meaning(observation["bodySite"]) is not None:
        return None
    values = _plain_values(observation["component"])
    systolic, diastolic = values[_SYSTOLIC], values[_DIASTOLIC]
    heart_rate = values.get(_HEART_RATE)
    if impossible_pressure(systolic, diastolic) is not None:
        return None
    flags = implausible_pressure(systolic, diastolic)
    if heart_rate is not None:
        if not HEART_RATE.possible.holds(heart_rate):
            return None
        flags += implausible_heart_rate(heart_rate)
    instant = parse_instant(observation["effectiveDateTime"])
    time_flags = flags_of_time(record_time_us, instant.us, rules)
    if "modifierExtension" in observation["subject"]:
        return None
    patient_id, subject_flags = read_subject(observation, scope, rules)
    return Reading(
        patient_id,
        instant.us,
        instant.utc_offset_minutes,
        systolic,
        diastolic,
        heart_rate,
        observation["status"],
        observation_id(observation),
        version_id(observation),
        device_id(observation),
        subject_flags + time_flags + flags,
        entry,
        version_number(observation),
        None,
        body_site(observation),
    )


def _only_meaning(concept: JsonObject) -> Meaning | None:
    """Return the meaning of a concept whose known codings all say the same; of any other shape raise an error."""
    only = None
    for coding in concept["coding"]:
        meaning = MEANINGS.get((coding["system"], coding["code"]))
        if meaning is not only and meaning is not None:
            if only is not None:
                raise KeyError(meaning)
            only = meaning
    return only


def _plain_values(components: list[JsonObject]) -> dict[Meaning, float]:
    """Return each meaning's value in its base unit; any doubt raises one of the errors that `read_plainly` awaits."""
    values: dict[Meaning, float] = {}
    for component in components:
        meaning = _only_meaning(component["code"])
        if meaning is not None:
            if meaning in values:
                raise KeyError(meaning)
            values[meaning] = _plain_value(component, _UNIT_OF[meaning])
    return values


def _plain_value(component: JsonObject, unit: Unit) -> float:
    quantity = component["valueQuantity"]
    value = quantity["value"]
    is_plain = _NOT_PLAIN_PARTS.isdisjoint(component) and _NOT_PLAIN_QUANTITIES.isdisjoint(quantity)
    if not is_plain or find_unit(quantity) is not unit or not is_number(value):
        raise KeyError(unit)
    return float(value)
