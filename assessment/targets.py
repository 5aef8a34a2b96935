"""The pressures that a patient's treatment aims at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

LOWEST: Final = 40  # mmHg, of any bound
HIGHEST: Final = 250


class Band(NamedTuple):
    """The pressures from `lowest` to `highest` mmHg, both included."""

    lowest: int
    highest: int

    def __str__(self) -> str:
        return f"{self.lowest}\N{EN DASH}{self.highest}"


class Targets(NamedTuple):
    """What is aimed at for a patient."""

    systolic: Band
    diastolic: Band


USUAL: Final = Targets(Band(120, 129), Band(70, 79))  # ESC 2024: treat to 120-129 over 70-79
FIELDS: Final = ("systolic_lowest", "systolic_highest", "diastolic_lowest", "diastolic_highest")


class TargetsError(ValueError):
    """No targets that anybody could mean."""


def read_targets(form: Mapping[str, str]) -> Targets:
    """Return the targets in the fields of a form; raise `TargetsError`."""
    numbers = [_read_number(form.get(name, "")) for name in FIELDS]
    targets = Targets(Band(*numbers[:2]), Band(*numbers[2:]))
    is_ordered = all(band.lowest < band.highest for band in targets)
    is_above = (
        targets.systolic.lowest > targets.diastolic.lowest and targets.systolic.highest > targets.diastolic.highest
    )
    if not (is_ordered and is_above):
        raise TargetsError("A target begins below its end, and the systolic one lies above the diastolic one.")
    return targets


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST))):
        raise TargetsError("A target is a whole number of mmHg.")
    number = int(text)
    if not LOWEST <= number <= HIGHEST:
        raise TargetsError(f"A target lies between {LOWEST} and {HIGHEST} mmHg.")
    return number
