"""One Observation: whom is it about, and when. Values are judged later, once halves are paired."""

from __future__ import annotations

from typing import Final

import msgspec

from fhir.codes import JsonObject
from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC, Measure
from fhir.parse.content import Content
from fhir.parse.effective_time import flags_of_time, is_long_period, read_instant
from fhir.parse.references import first_identifier, last_part, short_text
from fhir.parse.subject import Scope, read_subject
from fhir.parse.values import Measured, read_heart_rate_alone, read_values, refuse_modified
from fhir.parse.versions import version_id, version_number
from fhir.readings import PLAIN_STATUSES, RETRACTED_STATUS, IntakeRules, Reading
from fhir.reasons import Reason, Refused

_REFUSED_STATUSES: Final = {
    "registered": Reason.STATUS_NO_RESULT,
    "preliminary": Reason.STATUS_NO_RESULT,  # where the settings hold it back
    "cancelled": Reason.STATUS_CANCELLED,
    RETRACTED_STATUS: Reason.STATUS_ENTERED_IN_ERROR,
}


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
    version: int
    partner_id: str | None
    body_site: str | None
    partner_entry: int | None = None


def read_observation(
    observation: JsonObject, content: Content, entry: int, scope: Scope, record_time_us: int, rules: IntakeRules
) -> Draft:
    """Apply the rules on status, kind, subject and time in their order; raise `Refused` by the first one broken."""
    status, status_flags = read_status(observation, rules)
    _refuse_changed_meaning(observation, content.measured)
    if content.objection is not None:
        raise Refused(*content.objection)
    _refuse_several_readings(observation, content.measured)
    patient_id, subject_flags = read_subject(observation, scope, rules)
    _refuse_other_focus(observation, patient_id, scope, rules)
    instant, time_flags = read_instant(observation)
    time_flags += flags_of_time(record_time_us, instant.us, rules)
    return Draft(
        patient_id,
        instant.us,
        instant.utc_offset_minutes,
        status,
        observation_id(observation, content),
        version_id(observation),
        device_id(observation),
        status_flags + subject_flags + time_flags,
        entry,
        content.measured,
        content.is_pressure,
        content.is_half,
        version_number(observation),
        None,
        body_site(observation),
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


def _refuse_changed_meaning(observation: JsonObject, measured: Measured) -> None:
    """Refuse what says that it means something else than it seems to: FHIR demands it of whoever does not know how."""
    for carrier in (observation, observation.get("subject"), *measured.systolics, *measured.diastolics):
        refuse_modified(carrier)
    if observation.get("implicitRules"):
        raise Refused(Reason.IMPLICIT_RULES, observation["implicitRules"])


def _refuse_several_readings(observation: JsonObject, measured: Measured) -> None:
    for carrier in (observation, *measured.systolics, *measured.diastolics):
        if carrier.get("valueSampledData") is not None:
            raise Refused(Reason.NOT_A_SINGLE_READING, "valueSampledData")
    if observation.get("effectiveTiming") is not None:
        raise Refused(Reason.NOT_A_SINGLE_READING, "effectiveTiming")
    period = observation.get("effectivePeriod")
    if period is not None and is_long_period(period):
        raise Refused(Reason.NOT_A_SINGLE_READING, f"a period from {period['start']} to {period['end']}")


def _refuse_other_focus(observation: JsonObject, patient_id: str, scope: Scope, rules: IntakeRules) -> None:
    """Refuse what was measured on somebody or something else, as on a fetus or a donor, though it is in this record."""
    focus = observation.get("focus")
    if not focus:
        return
    for reference in focus if isinstance(focus, list) else [focus]:
        if reference is None:
            continue
        try:
            measured_on = read_subject({**observation, "subject": reference}, scope, rules)[0]
        except Refused as refused:
            raise Refused(Reason.FOCUS_NOT_THE_SUBJECT, refused.detail) from None
        if measured_on != patient_id:
            raise Refused(Reason.FOCUS_NOT_THE_SUBJECT, measured_on)


def observation_id(observation: JsonObject, content: Content | None = None) -> str | None:
    """Return the id, else the first identifier as ``system|value``, together with what the Observation is.

    Gateways give all Observations of one measurement the same identifier: the LOINC code of a heart rate or a half goes
    with it, as in ``system|value#8867-4``. That of a panel stands alone.
    """
    own = short_text(observation.get("id"))
    if own is not None:
        return own
    identifier = first_identifier(observation.get("identifier"))
    measure = None if content is None else _own_measure(content)
    return identifier if identifier is None or measure is None else short_text(f"{identifier}#{measure.code}")


def _own_measure(content: Content) -> Measure | None:
    """Return what an Observation measures by its own value, None for a panel."""
    if not content.is_pressure:
        return HEART_RATE
    if not content.is_half:
        return None
    return SYSTOLIC if content.measured.systolics else DIASTOLIC


def body_site(observation: JsonObject) -> str | None:
    """Return the first code of the bodySite as ``system|code``, if there is one."""
    site = observation.get("bodySite")
    codings = site.get("coding") if isinstance(site, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and isinstance(coding.get("code"), str):
            return short_text(f"{coding.get('system')}|{coding['code']}")
    return None


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
        draft.version,
        draft.partner_id,
        draft.body_site,
    )
