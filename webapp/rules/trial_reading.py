"""What a ward manager sends to try rules, read and checked field by field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.rule_versions import VersionError, changed, differences
from alerts.rules import RISK_DECIMALS, Rules
from alerts.texts import N_
from webapp.rules.trials import Asked

DAYS: Final = (1, 7, 14, 30)  # that are offered
PATIENTS: Final = (100, 300, 1_000)
USUAL_DAYS, USUAL_PATIENTS = 7, 300
is_number = re.compile(r"\d{1,4}(?:[.,]\d{1,4})?").fullmatch


@dataclass(frozen=True)
class Field:
    """A value that may be tried: its name, what it is called, its unit, and by what it is multiplied to be shown."""

    name: str
    title: str
    unit: str
    scale: float = 1.0

    def shown(self, value: float) -> str:
        """Return a value as it stands in the form."""
        return f"{value * self.scale:.6g}"


FIELDS: Final = (
    Field("measured.systolic", N_("Crisis from, systolic"), "mmHg"),
    Field("measured.diastolic", N_("Crisis from, diastolic"), "mmHg"),
    Field("measured.confirm_within_minutes", N_("Confirmed by a second reading within (0: not at all)"), "min"),
    Field("measured.quiet", N_("A crisis ends after readings in a row without it"), ""),
    Field("predicted.levels.MEDIUM", N_("Predicted risk, MEDIUM from"), "%", 100),
    Field("predicted.levels.HIGH", N_("Predicted risk, HIGH from"), "%", 100),
    Field("predicted.levels.CRITICAL", N_("Predicted risk, CRITICAL from"), "%", 100),
    Field("predicted.hysteresis", N_("A level is left so far below where it begins"), "%", 100),
    Field("predicted.quiet", N_("A predicted alert ends after predictions in a row without it"), ""),
    Field("silence.intervals", N_("Silent after expected intervals without a reading"), ""),
)
LETS_PASS: Final = N_("A crisis must alert from 180/120 mmHg on at the latest: no rule may let one pass.")
NOT_RISING: Final = N_("Each level must begin at a higher risk than the one before.")
OUT_OF_BOUNDS: Final = N_("This number cannot be used here.")
NO_NUMBER: Final = N_("A number.")
NOTHING_CHANGED: Final = N_("Nothing is different from the rules in force.")
NO_DAY: Final = N_("A day that is not in the future.")


class TrialFaults(ValueError):  # noqa: N818 - what is wrong, by field
    """Something is wrong with some fields, or (under "") with their whole."""

    def __init__(self, found: Mapping[str, str]) -> None:
        super().__init__(", ".join(found))
        self.faults = dict(found)


def read_trial(form: Mapping[str, str], of_file: Rules, in_force: Rules, now: datetime, zone: ZoneInfo) -> Asked:
    """Return what a form asks for; raise `TrialFaults` with the message ids of what is wrong."""
    texts = {field.name: form.get(field.name, "").strip() for field in FIELDS}
    found = {name: NO_NUMBER for name, text in texts.items() if not is_number(text)}
    until = _end(form.get("until", ""), now, zone)
    if until is None:
        found["until"] = NO_DAY
    if found or until is None:
        raise TrialFaults(found)
    wanted = {
        field.name: round(float(texts[field.name].replace(",", ".")) / field.scale, RISK_DECIMALS) for field in FIELDS
    }
    changes = differences(of_file, wanted)
    try:
        rules = changed(of_file, changes)
    except VersionError as error:
        raise TrialFaults(_faults(error.places)) from error
    if rules == in_force:
        raise TrialFaults({"": NOTHING_CHANGED})
    since = until - timedelta(days=_choice(form.get("days", ""), DAYS, USUAL_DAYS))
    return Asked(rules, changes, since, until, _choice(form.get("patients", ""), PATIENTS, USUAL_PATIENTS))


def _faults(places: Iterable[str]) -> dict[str, str]:
    """Return what is wrong, by field, with values that rules refuse: single ones, the levels together, or all."""
    found: dict[str, str] = {}
    for place in places:
        if place == "predicted":
            found |= {field.name: NOT_RISING for field in FIELDS if field.name.startswith("predicted.levels.")}
        else:
            found[place] = OUT_OF_BOUNDS if place else LETS_PASS
    return found


def _choice(text: str, offered: tuple[int, ...], usual: int) -> int:
    """Return what was chosen of what is offered, else what is usual."""
    return int(text) if text.isascii() and text.isdigit() and int(text) in offered else usual


def _end(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the end of a day, now at the latest; now for an empty field, None for what is no day of the past."""
    if not text.strip():
        return now
    try:
        day = datetime.fromisoformat(text.strip()).replace(tzinfo=zone)
    except ValueError:
        return None
    return min(now, (day + timedelta(days=1)).astimezone(UTC)) if day <= now else None
