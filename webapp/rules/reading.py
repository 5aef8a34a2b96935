"""What a clinician sends to set limits of a patient or to end surveillance, read and checked field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from alerts.findings import LIMITS
from alerts.patient_rules import MOST_WHY, PatientRules, faults
from alerts.rules import Rules

FIELDS: Final = (*LIMITS, "silence_minutes")

Faults = dict[str, tuple[str, float]]  # by field: the kind of fault, as in `alerts.patient_rules.faults`, and a number
is_number = re.compile(r"\d{1,5}").fullmatch


class LimitsError(ValueError):
    """Something is wrong with some fields."""

    def __init__(self, found: Faults) -> None:
        super().__init__(", ".join(found))
        self.faults = found


def read_limits(form: Mapping[str, str], patient_id: str, rules: Rules, interval: timedelta) -> PatientRules:
    """Return the limits in the fields of a form, an empty field being none; raise `LimitsError`."""
    texts = {name: form.get(name, "").strip() for name in FIELDS}
    found: Faults = {name: ("no_number", 0) for name, text in texts.items() if text and not is_number(text)}
    numbers: dict[str, Any] = {name: float(text) for name, text in texts.items() if text and name not in found}
    changed = PatientRules(patient_id=patient_id, **numbers)
    found = faults(changed, rules, interval) | found | why_faults(form)
    if found:
        raise LimitsError(found)
    return changed


def why_faults(form: Mapping[str, str]) -> Faults:
    """Return what is wrong with the reason: there must be one, and a short one."""
    why = form.get("why", "").strip()
    if not why:
        return {"why": ("missing", 0)}
    return {"why": ("too_long", MOST_WHY)} if len(why) > MOST_WHY else {}
