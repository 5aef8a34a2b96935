"""How often simulated patients without episodes reach a crisis: orders of magnitude, known from the generator itself.

Each range, in per cent, runs from the plain generator to the full one. Outside half or twice of it there is a fault or
a changed constant, unless the sampling error explains it: the spread between patients over the root of their number.
"""

from __future__ import annotations

import numpy as np
import pytest

from producer.simulation.patients import CORE, FULL, Variation
from tests.support.records import TICKS_PER_H, Floats, Mask, Record, record

PATIENTS = 1500
HOURS = 72
STANDARD_ERRORS = 4

RANGES = {
    "referred": {
        "per reading": (1.8, 3.1),
        "any in 1 h": (4, 7),
        "any in 6 h": (12, 19),
        "any in 24 h": (23, 35),
        "two running in 1 h": (1.4, 2.5),
        "two running in 24 h": (11, 18),
    },
    "treated": {
        "per reading": (0.24, 0.65),
        "any in 1 h": (0.7, 1.9),
        "any in 6 h": (3, 6.5),
        "any in 24 h": (8, 15),
        "two running in 1 h": (0.1, 0.4),
        "two running in 24 h": (2, 5),
    },
    "normotensive": {
        "per reading": (0.01, 0.03),
        "any in 1 h": (0.02, 0.11),
        "any in 6 h": (0.1, 0.6),
        "any in 24 h": (0.5, 1.6),
        "two running in 1 h": (0, 0.02),
        "two running in 24 h": (0, 0.4),
    },
}
CASES = [(group, rate) for group, ranges in RANGES.items() for rate in ranges]


def seen_of(group: str, variation: Variation) -> Record:
    return record(group, variation, PATIENTS, HOURS)


def happens_in(event: Mask, length: int) -> Floats:
    """Return per cent of each patient's windows of `length` readings, starting anywhere, in which `event` happens."""
    windows = np.lib.stride_tricks.sliding_window_view(event, length, axis=1)
    return np.asarray(100.0 * windows.any(axis=2).mean(axis=1))


def held_by_top(crisis: Mask) -> float:
    per_patient = np.sort(crisis.sum(axis=1))
    return 100.0 * float(per_patient[-len(per_patient) // 20 :].sum() / per_patient.sum())


def rate_of_each_patient(name: str, crisis: Mask) -> Floats:
    """Return one of the named rates, in per cent."""
    if name == "per reading":
        return happens_in(crisis, 1)
    event, _, hours = name.removesuffix(" h").partition(" in ")
    length = int(hours) * TICKS_PER_H
    return happens_in(crisis, length) if event == "any" else happens_in(crisis[:, 1:] & crisis[:, :-1], length - 1)


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
@pytest.mark.parametrize(("group", "rate"), CASES, ids=[f"{group}, {rate}" for group, rate in CASES])
def test_crises_are_as_frequent_as_known_of_the_group(group: str, rate: str, variation: Variation) -> None:
    lowest, highest = RANGES[group][rate]
    values = rate_of_each_patient(rate, seen_of(group, variation).crisis)
    sampling_error = STANDARD_ERRORS * values.std(ddof=1) / np.sqrt(PATIENTS)
    assert lowest / 2 - sampling_error <= values.mean() <= 2 * highest + sampling_error
    assert values.any() or lowest == 0


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
@pytest.mark.parametrize(("group", "lowest", "highest"), [("referred", 47, 64), ("treated", 65, 82)])
def test_few_patients_hold_most_crises(group: str, lowest: float, highest: float, variation: Variation) -> None:
    """Over six seeds the share held by the top 5 % varies with a standard deviation below 2 points."""
    assert lowest - 8 <= held_by_top(seen_of(group, variation).crisis) <= highest + 8


def test_a_twentieth_of_normotensive_patients_holds_all_their_crises() -> None:
    assert held_by_top(seen_of("normotensive", FULL).crisis) == pytest.approx(100.0)


@pytest.mark.parametrize("group", ["referred", "treated"])
def test_a_diastolic_crisis_is_ten_to_fifty_times_rarer_than_a_systolic_one(group: str) -> None:
    seen = seen_of(group, FULL)
    ratio = (seen.systolic >= 180).mean() / (seen.diastolic >= 120).mean()
    assert 10 / 2 <= ratio <= 50 * 2


@pytest.mark.parametrize("variation", [CORE, FULL], ids=["core", "full"])
def test_low_readings_are_common_mostly_diastolic_and_mostly_asleep(variation: Variation) -> None:
    seen = record(variation=variation)
    low = (seen.systolic < 90) | (seen.diastolic < 60)
    assert 0.09 / 2 <= low.mean() <= 0.17 * 2
    assert (seen.diastolic < 60)[low].mean() > 0.5
    assert seen.night[low].mean() == pytest.approx(0.6, abs=0.1)
