"""Readings out of stored observations: what was measured, without what was retracted or lacks a pressure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from conf.clinical import mean_arterial_pressure

RETRACTED_STATUS: Final = "entered-in-error"
IMPLAUSIBLE_MARK: Final = "implausible"  # the start of the flags that the intake gives to unlikely values


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; pressures in mmHg, heart rate per minute. `plausible` is false if the intake flagged a value."""

    at: datetime
    systolic: float
    diastolic: float
    mean_arterial_pressure: float
    heart_rate: float | None
    plausible: bool


def read(documents: Iterable[Mapping[str, Any]]) -> list[Reading]:
    """The readings among stored observations, oldest first."""
    usable = (document for document in documents if is_usable(document))
    return sorted(map(_reading, usable), key=lambda reading: reading.at)


def is_usable(document: Mapping[str, Any]) -> bool:
    """Whether an observation has both pressures and was not entered in error."""
    has_pressures = document.get("systolic") is not None and document.get("diastolic") is not None
    return has_pressures and document.get("status") != RETRACTED_STATUS


def _reading(document: Mapping[str, Any]) -> Reading:
    systolic, diastolic = float(document["systolic"]), float(document["diastolic"])
    return Reading(
        at=datetime.fromisoformat(document["@timestamp"]),
        systolic=systolic,
        diastolic=diastolic,
        mean_arterial_pressure=mean_arterial_pressure(systolic, diastolic),
        heart_rate=document.get("heart_rate"),
        plausible=not any(flag.startswith(IMPLAUSIBLE_MARK) for flag in document.get("flags", ())),
    )
