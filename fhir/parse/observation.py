"""One Observation: is it ours, whom is it about, and when. Values are judged later, once halves are paired."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import msgspec

from fhir.codes import JsonObject, Meaning, meanings
from fhir.parse.effective_time import flags_of_time, is_long_period, read_instant, refuse_impossible
from fhir.parse.references import first_identifier, last_part, short_text
from fhir.parse.subject import Scope, read_subject
from fhir.parse.values import Measured, read_heart_rate_alone, read_values
from fhir.parse.versions import version_id
from fhir.readings import PLAIN_STATUSES, RETRACTED_STATUS, IntakeRules, Reading, Retraction
from fhir.reasons import Reason, Refused

_REFUSED_STATUSES: Final = {
    "registered": Reason.STATUS_NO_RESULT,
    "preliminary": Reason.STATUS_NO_RESULT,  # where the settings hold it back
    "cancelled": Reason.STATUS_CANCELLED,
    RETRACTED_STATUS: Reason.STATUS_ENTERED_IN_ERROR,
}


class Content(msgspec.Struct, frozen=True, gc=False):
    """What the codes of an Observation make of it."""

    measured: Measured
    is_pressure: bool  # else a heart rate alone
    is_average: bool
    is_half: bool  # coded systolic or diastolic itself: the other half is another Observation


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An Observation of a known patient at a known time, its values still unread."""

    patient_id: str
    effective_us: int
    utc_offset_minutes: int
    status: str
    observation_id: str | None
    version_id: str | None
    device_id: str | None
    flags: tuple[str, ...]
    entry: int
    measured: Measured
    is_pressure: bool
    is_half: bool


def classify(observation: JsonObject) -> Content | None:
    """Sort the components by meaning; None if this is neither a blood pressure nor a heart rate."""
    own = meanings(observation.get("code"))
    systolics, diastolics, heart_rates, averages = _sort_components(observation.get("component"))
    is_panel = Meaning.PANEL in own
    is_half = not (is_panel or systolics or diastolics) and (Meaning.SYSTOLIC in own or Meaning.DIASTOLIC in own)
    if is_half:
        (systolics if Meaning.SYSTOLIC in own else diastolics).append(observation)
    is_average = bool(averages) or Meaning.AVERAGE in own
    is_pressure = bool(is_panel or is_average or systolics or diastolics)
    if not is_pressure:
        if Meaning.HEART_RATE not in own:
            return None
        heart_rates = [observation]
    return Content(Measured(systolics, diastolics, heart_rates), is_pressure, is_average, is_half)


def _sort_components(components: object) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    sorted_by: dict[Meaning, list[JsonObject]] = defaultdict(list)
    for component in components if isinstance(components, list) else ():
        if isinstance(component, dict):
            for meaning in meanings(component.get("code"))[:1]:
                sorted_by[meaning].append(component)
    return (
        sorted_by[Meaning.SYSTOLIC],
        sorted_by[Meaning.DIASTOLIC],
        sorted_by[Meaning.HEART_RATE],
        sorted_by[Meaning.AVERAGE],
    )


def read_observation(
    observation: JsonObject, content: Content, entry: int, scope: Scope, record_time_us: int, rules: IntakeRules
) -> Draft:
    """Apply the rules on status, kind, subject and time in their order; raise `Refused` by the first one broken."""
    status, status_flags = read_status(observation, rules)
    _refuse_several_readings(observation, content)
    patient_id, subject_flags = read_subject(observation, scope, rules)
    instant, time_flags = read_instant(observation)
    time_flags += flags_of_time(record_time_us, instant.us, rules)
    return Draft(
        patient_id,
        instant.us,
        instant.utc_offset_minutes,
        status,
        observation_id(observation),
        version_id(observation),
        device_id(observation),
        status_flags + subject_flags + time_flags,
        entry,
        content.measured,
        content.is_pressure,
        content.is_half,
    )


def read_status(observation: JsonObject, rules: IntakeRules) -> tuple[str, tuple[str, ...]]:
    """Return the status and its flag, if it needs one; raise `Refused` with one of the STATUS_ reasons."""
    status = observation.get("status")
    if status in (None, ""):
        raise Refused(Reason.STATUS_MISSING, "no status")
    if not isinstance(status, str):
        raise Refused(Reason.STATUS_UNRECOGNISED, f"a {type(status).__name__}")
    if status in PLAIN_STATUSES:
        return status, ()
    if status == "preliminary" and not rules.hold_preliminary:
        return status, ("status_preliminary",)
    if status == "unknown" and not rules.refuse_unknown_status:
        return status, ("status_unknown",)
    raise Refused(_REFUSED_STATUSES.get(status, Reason.STATUS_UNRECOGNISED), status)


def _refuse_several_readings(observation: JsonObject, content: Content) -> None:
    measured = content.measured
    if content.is_average:
        raise Refused(Reason.NOT_A_SINGLE_READING, "an average of several readings")
    for carrier in (observation, *measured.systolics, *measured.diastolics):
        if carrier.get("valueSampledData") is not None:
            raise Refused(Reason.NOT_A_SINGLE_READING, "valueSampledData")
    if observation.get("effectiveTiming") is not None:
        raise Refused(Reason.NOT_A_SINGLE_READING, "effectiveTiming")
    period = observation.get("effectivePeriod")
    if period is not None and is_long_period(period):
        raise Refused(Reason.NOT_A_SINGLE_READING, f"a period from {period['start']} to {period['end']}")


def observation_id(observation: JsonObject) -> str | None:
    """Return the id, else the first identifier as ``system|value``."""
    return short_text(observation.get("id")) or first_identifier(observation.get("identifier"))


def device_id(observation: JsonObject) -> str | None:
    """Return the id at the end of the device's reference, if there is one."""
    device = observation.get("device")
    return last_part(device.get("reference")) if isinstance(device, dict) else None


def read_reading(draft: Draft) -> Reading:
    """Judge the values of a draft; raise `Refused`."""
    measured = draft.measured
    values = read_values(measured) if draft.is_pressure else read_heart_rate_alone(measured.heart_rates[0])
    return Reading(
        draft.patient_id,
        draft.effective_us,
        draft.utc_offset_minutes,
        values.systolic,
        values.diastolic,
        values.heart_rate,
        draft.status,
        draft.observation_id,
        draft.version_id,
        draft.device_id,
        draft.flags + values.flags,
        draft.entry,
    )


def read_retraction(
    observation: JsonObject, entry: int, scope: Scope, record_time_us: int, rules: IntakeRules
) -> Retraction | None:
    """Return what an entered-in-error Observation takes back, None if it names neither a patient nor an id."""
    try:
        patient_id = read_subject(observation, scope, rules)[0]
    except Refused:
        patient_id = None
    name = observation_id(observation)
    if patient_id is None and name is None:
        return None
    return Retraction(patient_id, name, _effective_us(observation, record_time_us), entry)


def _effective_us(observation: JsonObject, record_time_us: int) -> int | None:
    """Return the time of what is retracted, of any age, None if there is none or no stored reading can have it."""
    try:
        effective_us = read_instant(observation)[0].us
        refuse_impossible(record_time_us, effective_us)
    except Refused:
        return None
    return effective_us
