"""What an Observation takes back that gives no reading: its former content, for good or until a newer version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir.codes import JsonObject
from fhir.parse.content import classify
from fhir.parse.effective_time import read_instant, refuse_impossible
from fhir.parse.observation import Draft, observation_id
from fhir.parse.references import short_text
from fhir.parse.subject import Scope, read_subject
from fhir.parse.versions import version_number
from fhir.readings import CORRECTIONS, FIRST_VERSION, RETRACTED_STATUS, IntakeRules, Retraction
from fhir.reasons import Refused

_WITHDRAWING: Final = CORRECTIONS | {"cancelled"}


def read_retraction(
    observation: JsonObject, entry: int, scope: Scope, record_time_us: int, rules: IntakeRules
) -> Retraction | None:
    """Return what an Observation that was refused or ignored takes back, None if that is nothing.

    Entered in error takes back for good. Cancelled, corrected, or a version that is not the first one: whatever was
    said before no longer stands, although what is said now cannot be used. Only that of a first version stays without
    consequence. What is coded as something else (a pressure corrected into a weight) is known by its id alone, since
    another Observation may share its identifier.
    """
    status, version = observation.get("status"), version_number(observation)
    for_good = status == RETRACTED_STATUS
    if not (for_good or version > FIRST_VERSION or (isinstance(status, str) and status in _WITHDRAWING)):
        return None
    content = classify(observation)
    if content is None:
        name = short_text(observation.get("id"))
        is_other = observation.get("code") is not None  # its patient's window would keep a place for every such one
        patient_id = None if is_other or name is None else _patient_id(observation, scope, rules)
    else:
        name, patient_id = observation_id(observation, content), _patient_id(observation, scope, rules)
    if name is None and not (for_good and patient_id is not None):
        return None
    effective_us = _effective_us(observation, record_time_us)
    is_heart_rate = content is not None and not content.is_pressure
    return Retraction(patient_id, name, effective_us, entry, for_good, version, is_heart_rate)


def retractions_of_draft(draft: Draft) -> Iterator[Retraction]:
    """Yield what a correction or newer version takes back whose values are refused: both names of a pair."""
    if draft.status in CORRECTIONS or draft.version > FIRST_VERSION:
        for name in (draft.observation_id, draft.partner_id):
            if name is not None:
                yield Retraction(
                    draft.patient_id, name, draft.effective_us, draft.entry, for_good=False, version=draft.version
                )


def _patient_id(observation: JsonObject, scope: Scope, rules: IntakeRules) -> str | None:
    """Return whom the Observation is about, None where that cannot be read."""
    try:
        return read_subject(observation, scope, rules)[0]
    except Refused:
        return None


def _effective_us(observation: JsonObject, record_time_us: int) -> int | None:
    """Return the time of what is taken back, of any age, None if there is none or no stored reading can have it."""
    try:
        effective_us = read_instant(observation)[0].us
        refuse_impossible(record_time_us, effective_us)
    except Refused:
        return None
    return effective_us
