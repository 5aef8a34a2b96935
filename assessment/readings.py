"""Readings out of stored observations: what was measured, without what was retracted or lacks a pressure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from conf.clinical import is_crisis, mean_arterial_pressure
from fhir.readings import RETRACTED_STATUS

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

    @property
    def is_crisis(self) -> bool:
        """Tell whether it is a hypertensive crisis."""
        return is_crisis(self.systolic, self.diastolic)


def in_crisis(document: Mapping[str, Any]) -> bool:
    """Tell whether the pressures in a stored reading or prediction are a hypertensive crisis."""
    return is_crisis(document.get("systolic"), document.get("diastolic"))


def read(documents: Iterable[Mapping[str, Any]]) -> list[Reading]:
    """Return the readings among stored observations, oldest first: both pressures known, not entered in error."""
    usable = (document for document in documents if document.get("status") != RETRACTED_STATUS)
    complete = (document for document in usable if None not in (document.get("systolic"), document.get("diastolic")))
    return sorted(map(_reading, complete), key=lambda reading: reading.at)


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
