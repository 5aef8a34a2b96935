"""What an Observation is, by its codes: a blood pressure, a half of one, a heart rate, or none of our business."""

from __future__ import annotations

from typing import Final

import msgspec

from fhir.codes import CONCEPTS, ELSEWHERE, JsonObject, Meaning, all_meanings, is_unreadable
from fhir.measures import MEASURES
from fhir.parse.values import Measured
from fhir.reasons import Reason

_SYSTOLIC, _DIASTOLIC, _HEART_RATE = Meaning.SYSTOLIC, Meaning.DIASTOLIC, Meaning.HEART_RATE  # looked up once
_HALVES: Final = frozenset({_SYSTOLIC, _DIASTOLIC})
_PRESSURES: Final = _HALVES | {Meaning.PANEL, Meaning.AVERAGE}
_PRESSURES_INSIDE: Final = _HALVES | {Meaning.AVERAGE}  # in a component; a panel has none in it
_NO_READING: Final = ELSEWHERE | {Meaning.AVERAGE, Meaning.MALFORMED}
_MALFORMED: Final = Reason.CODING_MALFORMED, "a coding that is no list, or a code that is no text"

Objection = tuple[Reason, str]  # the reason and detail of a reject


class Content(msgspec.Struct, frozen=True, gc=False):
    """What the codes of an Observation make of it."""

    measured: Measured
    is_pressure: bool  # else a heart rate alone
    is_half: bool  # coded systolic or diastolic itself: the other half is another Observation
    objection: Objection | None  # why it gives no reading, whatever its values


def classify(observation: JsonObject) -> Content | None:
    """Sort the parts of an Observation by meaning; None if this is neither a blood pressure nor a heart rate."""
    own = all_meanings(observation.get("code"))
    components = observation.get("component")
    inside: set[Meaning] = set()
    parts: dict[Meaning, list[JsonObject]] = {meaning: [] for meaning in MEASURES}
    for component in components if isinstance(components, list) else ():
        if isinstance(component, dict) and (said := all_meanings(component.get("code"))):
            inside.update(said)
            measure = _measure_of(said)
            if measure is not None:
                parts[measure].append(component)
    is_half = inside.isdisjoint(_HALVES) and _is_half(observation, own)
    if is_half:
        parts[next(said for said in own if said in _HALVES)].append(observation)
    systolics, diastolics = parts[_SYSTOLIC], parts[_DIASTOLIC]
    measured = Measured(systolics, diastolics, parts[_HEART_RATE])
    if not (_PRESSURES.isdisjoint(own) and _PRESSURES_INSIDE.isdisjoint(inside)):
        whole = own + all_meanings(observation["bodySite"]) if "bodySite" in observation else own
        complete = is_half or bool(systolics and diastolics)
        return Content(measured, True, is_half, _objection(whole, inside, complete))
    if Meaning.MALFORMED in own or Meaning.MALFORMED in inside or (not own and is_unreadable(observation.get("code"))):
        return Content(measured, True, False, _MALFORMED)
    return Content(Measured([], [], [observation]), False, False, None) if _HEART_RATE in own else None


def _measure_of(said: list[Meaning]) -> Meaning | None:
    """Return what a component measures, None if another of its codings, in whatever place, rules a reading out.

    One coded as two measures counts once, as the first.
    """
    if not _NO_READING.isdisjoint(said):
        return None
    for meaning in said:
        if meaning in MEASURES:
            return meaning
    return None


def _is_half(observation: JsonObject, own: list[Meaning]) -> bool:
    """Tell whether an Observation is itself a pressure: what has a value is no panel, even if it is coded as one."""
    if _HALVES.isdisjoint(own):
        return False
    return Meaning.PANEL not in own or any(
        value is not None and name.startswith(("value", "dataAbsentReason")) for name, value in observation.items()
    )


def _objection(whole: list[Meaning], inside: set[Meaning], complete: bool) -> Objection | None:
    """Return what rules a reading out, by what is said of the Observation as a whole and of the parts inside.

    Beside a complete reading, an average or a venous pressure is one more component, and left out; a part of another
    vessel tells where all of it was measured.
    """
    if _NO_READING.isdisjoint(whole) and _NO_READING.isdisjoint(inside):
        return None
    said = {*whole} if complete else {*whole, *inside}
    if Meaning.MALFORMED in inside or Meaning.MALFORMED in whole:
        return _MALFORMED
    if Meaning.OTHER_VESSEL in inside:
        said.add(Meaning.OTHER_VESSEL)
    for meaning in (Meaning.OTHER_VESSEL, Meaning.OTHER_PRESSURE, Meaning.OTHER_SITE):
        if meaning in said:
            return Reason.NOT_SYSTEMIC_PRESSURE, CONCEPTS[meaning].label
    if Meaning.AVERAGE in said:
        return Reason.NOT_A_SINGLE_READING, "an average or extreme of several readings"
    return None
