"""Artefacts: what a cuff shows when it errs, beside the true value. Kinds and their share are assumptions."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.int16]  # shape (3, n): systolic, diastolic, heart rate
Kinds = NDArray[np.uint8]

ARTEFACT_SHARE: Final = 0.015  # of readings


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


KINDS: Final = np.array([kind for kind in Artefact if kind is not Artefact.NONE], dtype=np.uint8)
MOVEMENT_MMHG: Final = (25, 60)


def draw_kinds(random: np.random.Generator, count: int, share: float) -> Kinds:
    """The kind of each of `count` readings; a `share` of them is an artefact, all kinds equally often."""
    hit = random.random(count) < share
    return np.where(hit, random.choice(KINDS, count), Artefact.NONE).astype(np.uint8)


def show(random: np.random.Generator, true: Values, kinds: Kinds, before: Values) -> Values:
    """What the device shows of `true`; `before` are the readings that a stuck device shows again."""
    shown = true.copy()
    for kind in KINDS.tolist():
        places = np.flatnonzero(kinds == kind)
        if len(places):
            shown[:, places] = _distort(Artefact(kind), random, true[:, places], before[:, places])
    return shown


def _distort(kind: Artefact, random: np.random.Generator, true: Values, before: Values) -> Values:
    systolic, diastolic, heart_rate = true
    match kind:
        case Artefact.MOVEMENT:
            return _stack(systolic + _movement(random, len(systolic)), diastolic, heart_rate)
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


def _movement(random: np.random.Generator, count: int) -> NDArray[np.int16]:
    low, high = MOVEMENT_MMHG
    movement: NDArray[np.int16] = random.choice([-1, 1], count) * random.integers(low, high + 1, count, dtype=np.int16)
    return movement.astype(np.int16)


def _lose_digit(random: np.random.Generator, true: Values) -> Values:
    """142 becomes 42, 12 or 14; one pressure of each reading, any of its digits."""
    shown, places = true.copy(), np.arange(true.shape[1])
    which = random.integers(0, 2, true.shape[1])
    value = true[which, places]
    unit = 10 ** random.integers(0, np.where(value >= 100, 3, 2))
    shown[which, places] = value // (10 * unit) * unit + value % unit
    return shown
