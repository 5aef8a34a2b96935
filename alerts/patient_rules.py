"""What a clinician sets for one patient: limits that alert, a longer silence, the end of surveillance.

Limits only add alerts, and silence only grows up to a bound: nothing that is set here can hide a crisis. Surveillance
that was ended comes back by itself with the first reading after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from alerts.answering import Person
from alerts.events import Event
from alerts.findings import LIMITS
from alerts.rules import Rules
from elastic.client import Document, Search
from elastic.search import alert_events, patient_rules

LOWEST: Final = 30  # mmHg, of any limit
LEAST_BETWEEN: Final = 10  # mmHg between a lower and an upper limit: else nearly every reading would alert
MOST_WHY: Final = 280


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRules:
    """What is set for one patient, by whom, when and why; pressures in mmHg, None: as for everybody."""

    patient_id: str
    systolic_from: float | None = None
    diastolic_from: float | None = None
    systolic_below: float | None = None
    diastolic_below: float | None = None
    silence_minutes: float | None = None
    limits_at: datetime | None = None  # since when the limits hold
    surveillance_ended_at: datetime | None = None
    by: str = ""
    role: str = ""
    changed_at: datetime | None = None
    why: str = ""

    @property
    def limits(self) -> dict[str, float]:
        """Return the limits that are set, and the silence."""
        values = {name: getattr(self, name) for name in (*LIMITS, "silence_minutes")}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def summary(self) -> str:
        """Return the limits and the silence in one line, as the audit notes them; empty for none."""
        return ", ".join(f"{name}={value:g}" for name, value in self.limits.items())

    def is_ended(self, newest_reading_at: datetime | None) -> bool:
        """Tell whether surveillance was ended and no reading has come since."""
        ended_at = self.surveillance_ended_at
        return ended_at is not None and (newest_reading_at is None or newest_reading_at <= ended_at)


def read_patient_rules(document: Mapping[str, Any] | None, patient_id: str) -> PatientRules:
    """Return what a stored document sets; nothing for None."""
    return msgspec.convert(document or {"patient_id": patient_id}, PatientRules, strict=False)


def faults(changed: PatientRules, rules: Rules, expected_interval: timedelta) -> dict[str, tuple[str, float]]:
    """Return what is wrong with values somebody wants to set, by field: the kind of fault and the number it is about.

    The kinds are ``lowest`` and ``crisis`` (bounds of a limit), ``apart`` (too near to the upper limit), ``usual`` and
    ``longest`` (bounds of the silence, minutes).
    """
    found: dict[str, tuple[str, float]] = {}
    crisis = {"systolic": rules.measured.systolic, "diastolic": rules.measured.diastolic}
    for name in LIMITS:
        value = getattr(changed, name)
        begins = crisis[name.split("_")[0]]
        if value is not None and value < LOWEST:
            found[name] = ("lowest", LOWEST)
        elif value is not None and value >= begins:
            found[name] = ("crisis", begins)
    for pressure in crisis:
        upper, lower = getattr(changed, f"{pressure}_from"), getattr(changed, f"{pressure}_below")
        if upper is not None and lower is not None and upper - lower < LEAST_BETWEEN:
            found.setdefault(f"{pressure}_below", ("apart", LEAST_BETWEEN))
    shortest, longest = silence_bounds(rules, expected_interval)
    silence = None if changed.silence_minutes is None else timedelta(minutes=changed.silence_minutes)
    if silence is not None and silence < shortest:
        found["silence_minutes"] = ("usual", shortest / timedelta(minutes=1))
    elif silence is not None and silence > longest:
        found["silence_minutes"] = ("longest", longest / timedelta(minutes=1))
    return found


def silence_bounds(rules: Rules, expected_interval: timedelta) -> tuple[timedelta, timedelta]:
    """Return the silence after which everybody is alerted about, and the longest that can be set for one patient."""
    return rules.silence.intervals * expected_interval, timedelta(hours=rules.silence.longest_hours)


def set_limits(search: Search, changed: PatientRules, person: Person, now: datetime, why: str) -> PatientRules:
    """Store limits and silence of `changed` in place of those before, and note it in the journal."""
    before = read_patient_rules(patient_rules.of_patient(search, changed.patient_id), changed.patient_id)
    is_same = all(getattr(before, name) == getattr(changed, name) for name in LIMITS)
    values = {name: getattr(changed, name) for name in (*LIMITS, "silence_minutes")}
    after = replace(before, **values, limits_at=before.limits_at if is_same else now)
    return _keep(search, after, Event.LIMITS, person, now, why)


def end_surveillance(search: Search, patient_id: str, person: Person, now: datetime, why: str) -> PatientRules:
    """End the surveillance of a patient until the next reading, and note it in the journal."""
    before = read_patient_rules(patient_rules.of_patient(search, patient_id), patient_id)
    ended = replace(before, surveillance_ended_at=now)
    return _keep(search, ended, Event.SURVEILLANCE_ENDED, person, now, why)


def resume_surveillance(search: Search, patient_id: str, person: Person, now: datetime) -> PatientRules:
    """Take back the end of surveillance: silence alerts again."""
    before = read_patient_rules(patient_rules.of_patient(search, patient_id), patient_id)
    resumed = replace(before, surveillance_ended_at=None)
    return _keep(search, resumed, Event.SURVEILLANCE_RESUMED, person, now, "")


def _keep(search: Search, rules: PatientRules, event: Event, person: Person, now: datetime, why: str) -> PatientRules:
    """Store the rules, which is what counts, and then note in the journal who set them and why."""
    kept = replace(rules, by=person.name, role=person.role, changed_at=now, why=why)
    patient_rules.keep(search, to_document(kept))
    noted: Document = {
        "@timestamp": now.isoformat(),
        "event": event,
        "patient_id": kept.patient_id,
        "by": person.name,
        "role": person.role,
        "note": why,
    }
    alert_events.append(search, [noted | ({"limits": kept.limits} if event is Event.LIMITS else {})])
    return kept


def to_document(rules: PatientRules) -> Document:
    """Return the document that stores what is set."""
    stored: Document = msgspec.to_builtins(rules)
    return {name: value for name, value in stored.items() if value not in (None, "")}
