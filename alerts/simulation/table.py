"""The figures of a simulation as a table, one column for each set of rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from conf.clinical import ALERT_LEVELS

Figures = Mapping[str, Any]

LEVELS: Final = tuple(reversed(ALERT_LEVELS[1:]))
NONE: Final = "-"


def rows(found: Figures) -> Iterator[tuple[str, list[str]]]:
    """Yield what the table says, line by line: a name, and a value for each set of rules."""
    rules = list(found["rules"].values())
    yield "alerts per patient-day", [number(each["alerts_per_patient_day"]) for each in rules]
    for kind, level in kinds(rules):
        per_day = [per_patient_day(each, kind, level, found) for each in rules]
        yield f"  {kind} {level}", [number(value) for value in per_day]
    yield "alerts answered", [percent(each["answered_share"]) for each in rules]
    yield "alerts that ended unseen", [percent(each["latched_share"]) for each in rules]
    yield "crises told when measured", [percent(each["crises_told"]) for each in rules]
    for level in LEVELS:
        of = [each["predicted"][level] for each in rules]
        yield f"predicted {level} or higher", [number(each["alerts_per_patient_day"]) for each in of]
        yield "  crises announced", [percent(each["crises_announced"]) for each in of]
        yield "  median lead (h)", [number(each["median_lead_h"]) for each in of]
        yield "  alerts that were right", [percent(each["ppv"]) for each in of]


def kinds(rules: Sequence[Figures]) -> list[tuple[str, str]]:
    """Return the kinds and levels of alerts that any of the rules raised."""
    return sorted({(kind, level) for each in rules for kind, of in each["by_kind"].items() for level in of})


def per_patient_day(of: Figures, kind: str, level: str, found: Figures) -> float | None:
    """Return how many alerts of a kind and level some rules raised for each patient and day."""
    days = found["patient_days"]
    return of["by_kind"].get(kind, {}).get(level, 0) / days if days else None


def text(found: Figures) -> str:
    """Return the table as lines."""
    names = list(found["rules"])
    told = f"{found['from']} to {found['to']}: {found['patients']} patients, "
    lines = [f"{told}{found['patient_days']:g} patient-days, {found['crises']} crises", ""]
    for name, values in [("", names), *rows(found)]:
        lines.append(f"{name:32}" + "".join(f"{value:>14}" for value in values))
    return "\n".join(line.rstrip() for line in lines)


def number(value: float | None) -> str:
    """Write a number with three decimals at most."""
    return NONE if value is None else f"{value:.3g}"


def percent(value: float | None) -> str:
    """Write a share."""
    return NONE if value is None else f"{100 * value:.1f} %"
