"""What a cuff does wrong: measurements that fail, and artefacts, which it shows instead of the true values.

Failures come in runs, fewer by night, when the arm lies still. All shares and kinds are assumptions.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producer.simulation.patients import SLEEP_AT_H, WAKE_AT_H, Floats

Mask = NDArray[np.bool_]
Values = NDArray[np.int16]  # shape (3, n): systolic, diastolic, heart rate
Artefacts = NDArray[np.uint8]  # of `Artefact`

GAP_SHARE: Final = 0.125  # of measurements, over day and night
GAP_ENDS: Final = 0.4  # chance that the next one succeeds: runs of 2.5 on average
NIGHT_FACTOR: Final = 0.5  # the share asleep, as part of that by day
_SLEPT: Final = (WAKE_AT_H - SLEEP_AT_H) % 24 / 24
_DAY_FACTOR: Final = 1 / (1 - _SLEPT * (1 - NIGHT_FACTOR))  # so that the mean over 24 h is the share asked for

ARTEFACT_SHARE: Final = 0.015  # of readings
HEART_RATE_LOST_SHARE: Final = 0.02  # of the readings of a cuff that usually tells one


class Artefact(IntEnum):
    """How a shown reading differs from the true one."""

    NONE = 0
    MOVEMENT = 1  # the arm moved: systolic 25 to 60 mmHg off
    SWAPPED = 2  # systolic and diastolic changed places
    DIGIT_LOST = 3  # of one of the pressures
    STUCK = 4  # the reading before is shown again
    HEART_RATE_DOUBLED = 5
    HEART_RATE_HALVED = 6
    ZERO = 7


ARTEFACTS: Final = np.array([kind for kind in Artefact if kind is not Artefact.NONE], dtype=np.uint8)
MOVEMENT_MMHG: Final = (25, 60)


def advance_gaps(random: np.random.Generator, in_gap: Mask | None, night: Floats, share: float) -> Mask:
    """Return which devices fail at the next measurement, given those that failed at this one (None: there was none)."""
    chance = random.random(len(night))
    failing = share * _DAY_FACTOR * (1 - (1 - NIGHT_FACTOR) * night)
    if in_gap is None:
        return chance < failing
    return np.where(in_gap, chance >= GAP_ENDS, chance < GAP_ENDS * failing / (1 - failing))


def draw_artefacts(random: np.random.Generator, count: int, share: float) -> Artefacts:
    """Return the artefact of each of `count` readings: a `share` of them has one, all kinds equally often."""
    hit = random.random(count) < share
    return np.where(hit, random.choice(ARTEFACTS, count), Artefact.NONE).astype(np.uint8)


def show(random: np.random.Generator, true: Values, artefacts: Artefacts, before: Values) -> Values:
    """Return what the device shows of `true`; `before` are the readings that a stuck device shows again."""
    shown = true.copy()
    for kind in ARTEFACTS.tolist():
        places = np.flatnonzero(artefacts == kind)
        if len(places):
            shown[:, places] = _distort(Artefact(kind), random, true[:, places], before[:, places])
    return shown


def write_down(shown: Values, step: NDArray[np.int64]) -> Values:
    """Return the pressures as whole multiples of `step` (n,), as people who prefer some digits write them."""
    written = shown.copy()
    written[:2] = np.rint(shown[:2] / step) * step
    return written


def _distort(kind: Artefact, random: np.random.Generator, true: Values, before: Values) -> Values:
    systolic, diastolic, heart_rate = true
    match kind:
        case Artefact.MOVEMENT:
            side = random.choice([-1, 1], true.shape[1])
            low, high = MOVEMENT_MMHG
            movement = side * random.integers(low, high + 1, true.shape[1], dtype=np.int16)
            return _stack(systolic + movement.astype(np.int16), diastolic, heart_rate)
        case Artefact.SWAPPED:
            return _stack(diastolic, systolic, heart_rate)
        case Artefact.DIGIT_LOST:
            return _lose_digit(random, true)
        case Artefact.STUCK:
            return before
        case Artefact.HEART_RATE_DOUBLED:
            return _stack(systolic, diastolic, heart_rate * 2)
        case Artefact.HEART_RATE_HALVED:
            return _stack(systolic, diastolic, heart_rate // 2)
        case _:
            return np.zeros_like(true)


def _stack(*rows: NDArray[np.int16]) -> Values:
    stacked: Values = np.stack(rows)
    return stacked


def _lose_digit(random: np.random.Generator, true: Values) -> Values:
    """Drop any digit of one pressure of each reading: 142 becomes 42, 12 or 14."""
    shown, places = true.copy(), np.arange(true.shape[1])
    which = random.integers(0, 2, true.shape[1])
    value = true[which, places]
    unit = 10 ** random.integers(0, np.where(value >= 100, 3, 2))
    shown[which, places] = value // (10 * unit) * unit + value % unit
    return shown
