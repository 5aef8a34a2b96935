"""The pressures that a patient's treatment aims at."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
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


class Fault(StrEnum):
    """What is wrong with a field."""

    NO_NUMBER = "no_number"
    OUT_OF_RANGE = "out_of_range"
    NOT_ABOVE_LOWEST = "not_above_lowest"  # the end of a band is not above its beginning
    NOT_ABOVE_DIASTOLIC = "not_above_diastolic"


class TargetsError(ValueError):
    """No targets that anybody could mean; `faults` by name of the field."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        super().__init__(", ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = faults


def read_targets(form: Mapping[str, str]) -> Targets:
    """Return the targets in the fields of a form; raise `TargetsError`."""
    read = {name: _read_number(form.get(name, "")) for name in FIELDS}
    numbers = [number for number in read.values() if isinstance(number, int)]
    if len(numbers) < len(FIELDS):
        raise TargetsError({name: fault for name, fault in read.items() if isinstance(fault, Fault)})
    targets = Targets(Band(*numbers[:2]), Band(*numbers[2:]))
    faults = {
        f"{name}_highest": Fault.NOT_ABOVE_LOWEST
        for name, band in targets._asdict().items()
        if band.lowest >= band.highest
    } or {
        f"systolic_{end}": Fault.NOT_ABOVE_DIASTOLIC
        for end in Band._fields
        if getattr(targets.systolic, end) <= getattr(targets.diastolic, end)
    }
    if faults:
        raise TargetsError(faults)
    return targets


def _read_number(text: str) -> int | Fault:
    if not (text.isascii() and text.isdigit()):
        return Fault.NO_NUMBER
    if len(text) > len(str(HIGHEST)) or not LOWEST <= int(text) <= HIGHEST:
        return Fault.OUT_OF_RANGE
    return int(text)
