"""Simulated patients vary, remember and dip as published recordings do.

`core` and `full` are what the two variants of the generator are known to give, the band is that of the publications,
widened by the project (an assumption). Each figure is a mean over patients, so its sampling error is the spread between
patients over the root of their number. The known values are themselves from a finite run: the difference of two such
means may reach four of its standard errors, and half a unit of the last printed place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from producer.simulation.patients import CORE, FULL
from tests.support.records import (
    TICKS_PER_H,
    Floats,
    Mask,
    Record,
    correlation,
    day_autocorrelation,
    in_class,
    record,
    slope,
    spread,
)

PATIENTS = 1000
STANDARD_ERRORS = 4


class Target(NamedTuple):
    of_each_patient: Callable[[Record], Floats]
    core: float
    full: float
    lowest: float
    highest: float
    unit: float  # of the last printed place


def always(seen: Record) -> Mask:
    return np.ones_like(seen.night)


def day(seen: Record) -> Mask:
    return ~seen.night


def night(seen: Record) -> Mask:
    return seen.night


def sd(name: str, when: Callable[[Record], Mask]) -> Callable[[Record], Floats]:
    return lambda seen: spread(getattr(seen, name), when(seen))


def r(name: str, when: Callable[[Record], Mask]) -> Callable[[Record], Floats]:
    return lambda seen: correlation(seen.systolic, getattr(seen, name), when(seen))


def slope_on_systolic(seen: Record) -> Floats:
    return slope(seen.diastolic, seen.systolic, always(seen))


def remembered(hours: float) -> Callable[[Record], Floats]:
    return lambda seen: day_autocorrelation(seen, int(hours * TICKS_PER_H))


def change_in_an_hour(seen: Record) -> Floats:
    return np.asarray(np.abs(seen.systolic[:, TICKS_PER_H:] - seen.systolic[:, :-TICKS_PER_H]).mean(axis=1))


TARGETS = {
    "systolic sd, 24 h": Target(sd("systolic", always), 12.7, 14.1, 12.0, 15.0, 0.1),
    "systolic sd, day": Target(sd("systolic", day), 11.1, 12.9, 10.8, 13.8, 0.1),
    "systolic sd, night": Target(sd("systolic", night), 9.9, 11.8, 9.4, 12.6, 0.1),
    "diastolic sd, day": Target(sd("diastolic", day), 7.0, 7.7, 6.6, 8.8, 0.1),
    "diastolic sd, night": Target(sd("diastolic", night), 6.4, 7.2, 5.9, 7.8, 0.1),
    "heart rate sd, day": Target(sd("heart_rate", day), 7.0, 7.3, 6.5, 8.2, 0.1),
    "heart rate sd, night": Target(sd("heart_rate", night), 4.9, 5.2, 4.2, 5.6, 0.1),
    "r of pressures, 24 h": Target(r("diastolic", always), 0.69, 0.72, 0.60, 0.76, 0.01),
    "r of pressures, day": Target(r("diastolic", day), 0.59, 0.65, 0.50, 0.70, 0.01),
    "slope of diastolic": Target(slope_on_systolic, 0.46, 0.46, 0.38, 0.62, 0.01),
    "r of systolic and heart rate, 24 h": Target(r("heart_rate", always), 0.46, 0.46, 0.38, 0.52, 0.01),
    "r of systolic and heart rate, day": Target(r("heart_rate", day), 0.36, 0.37, 0.30, 0.45, 0.01),
    "autocorrelation, 15 min": Target(remembered(0.25), 0.41, 0.46, 0.36, 0.52, 0.01),
    "autocorrelation, 30 min": Target(remembered(0.5), 0.32, 0.38, 0.27, 0.44, 0.01),
    "autocorrelation, 60 min": Target(remembered(1), 0.19, 0.25, 0.14, 0.30, 0.01),
    "change in 60 min": Target(change_in_an_hour, 10.9, 12.0, 10.3, 13.0, 0.1),
    "extreme dippers, %": Target(in_class(0.2, 1.0), 5.5, 6.2, 3, 9, 0.1),
    "dippers, %": Target(in_class(0.1, 0.2), 34.5, 34.4, 29, 42, 0.1),
    "non-dippers, %": Target(in_class(0.0, 0.1), 46.6, 46.5, 39, 53, 0.1),
    "risers, %": Target(in_class(-1.0, 0.0), 13.4, 13.0, 8, 18, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("variant", ["core", "full"])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_patients_are_as_restless_and_as_forgetful_as_recorded_ones(target: Target, variant: str) -> None:
    seen = record(variation={"core": CORE, "full": FULL}[variant], patients=PATIENTS)
    values = target.of_each_patient(seen)
    standard_error = float(values.std(ddof=1)) / np.sqrt(PATIENTS)
    known: float = getattr(target, variant)
    assert target.lowest <= values.mean() <= target.highest
    assert abs(values.mean() - known) <= STANDARD_ERRORS * np.sqrt(2) * standard_error + target.unit / 2
