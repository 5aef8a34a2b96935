"""The targets: does a crisis follow within 1 h, 6 h and 24 h of t, the effective time of a window's newest reading?

A crisis is what the cuff shows, artefacts and rounding included: in service, nobody knows more, so a model is trained
and judged on nothing else. As one such reading may be false, a second figure stands beside: a *confirmed* crisis, of
two readings at most 30 minutes apart, both after t; the second one is when it happens.

Only measured readings can tell. A crisis in (t, t + h] is 1 as soon as one is seen. None is 0 only if the patient was
watched closely enough: no stretch of (t, t + h] longer than the horizon's greatest gap without a reading. Otherwise the
target is censored, and also, crisis or not, where t + h lies beyond the end of the record: kept positives without their
negatives would make crises look more frequent there than they are. For the same reason a horizon is not judged at all
for a patient who is usually measured more seldom than its greatest gap.

The same bias remains, in small, within the record: of badly watched stretches only those with a crisis are kept. On
192,000 windows of simulated patients with 12.5 % failed measurements the share of positives at 1 h is 2.90 %, and
2.77 % without the positives of stretches that would else be censored (7 % of rows); true pressures at all instants,
measured or not, give 2.91 %. With 25 % failed, every 20 minutes (24 % censored), it is 11.7 %, 9.8 % and 10.5 %. At 6 h
the excess is 2 % and 8 % of the share, at 24 h none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H, is_crisis
from conf.times import HOUR_US, MINUTE_US

GREATEST_GAP_H: Final[Mapping[int, float]] = MappingProxyType({1: 0.5, 6: 2.0, 24: 8.0})
FOLLOW_UP_H: Final = max(HORIZONS_H)
CONFIRMED_WITHIN_US: Final = 30 * MINUTE_US

Instants = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Targets(NamedTuple):
    """What follows, (m, 3) each: a reading in crisis, and a confirmed crisis; 1, 0, or NaN for censored."""

    shown: NDArray[np.float32]
    confirmed: NDArray[np.float32]


def crisis_targets(
    newest_us: Instants,
    effective_us: Instants,
    systolic: NDArray[Any],
    diastolic: NDArray[Any],
    measured: Flags,
    end_us: Instants | int,
    interval_us: Instants | float,
) -> Targets:
    """Return the targets (m, 3) in the order of the horizons: 1, 0, or NaN for censored.

    Row i belongs to the window whose newest reading is at `newest_us[i]`. Its readings are row i of the (m, k) arrays,
    in order of time; those up to t and those with `measured` False do not count, so they may be anything. A reading at
    t never counts, one exactly h hours later does. `end_us` is where the record ends, `interval_us` how far apart the
    patient's readings usually are; both (m,) or one for all.
    """
    crisis = is_crisis(systolic, diastolic) & measured & (effective_us > newest_us[:, None])
    before_us = np.where(crisis, effective_us, np.iinfo(np.int64).min // 2)
    latest_us = np.maximum.accumulate(before_us, axis=1)[:, :-1]
    confirmed = crisis.copy()
    confirmed[:, :1] = False
    confirmed[:, 1:] &= effective_us[:, 1:] - latest_us <= CONFIRMED_WITHIN_US
    shown: list[NDArray[np.float32]] = []
    twice: list[NDArray[np.float32]] = []
    for horizon_h in HORIZONS_H:
        until_us = newest_us + horizon_h * HOUR_US
        gap_us = GREATEST_GAP_H[horizon_h] * HOUR_US
        watched = _longest_unwatched(newest_us, effective_us, measured, until_us) <= gap_us
        within = effective_us <= until_us[:, None]
        judged = (until_us <= end_us) & (interval_us <= gap_us)
        for events, found in ((crisis, shown), (confirmed, twice)):
            seen = (events & within).any(axis=1)
            found.append(np.where(judged & (seen | watched), seen, np.nan).astype(np.float32))
    return Targets(np.stack(shown, axis=1), np.stack(twice, axis=1))


def _longest_unwatched(newest_us: Instants, effective_us: Instants, measured: Flags, until_us: Instants) -> Instants:
    """Return the longest stretch of each (t, until] without a reading, in microseconds, shape (m,)."""
    begin_us, end_us = newest_us[:, None], until_us[:, None]
    marks_us = np.where(measured, effective_us.clip(begin_us, end_us), begin_us)
    watched_us = np.maximum.accumulate(marks_us, axis=1)
    longest_us: Instants = np.diff(watched_us, prepend=begin_us, append=end_us).max(axis=1)
    return longest_us


def targets_on_record(
    newest_us: Instants, effective_us: Instants, systolic: NDArray[Any], diastolic: NDArray[Any]
) -> Targets:
    """Return the targets at the instants `newest_us` (m,) of a patient from all stored readings (k,), by time.

    The record ends with the last reading; what it does not reach is censored.
    """
    if len(effective_us) == 0:
        return Targets(*np.full((2, len(newest_us), len(HORIZONS_H)), np.nan, dtype=np.float32))
    until_us = newest_us + FOLLOW_UP_H * HOUR_US
    first, end = (np.searchsorted(effective_us, instants_us, side="right") for instants_us in (newest_us, until_us))
    after = first[:, None] + np.arange(max(1, int((end - first).max(initial=0))))
    reading, measured = after.clip(max=len(effective_us) - 1), after < end[:, None]
    values = (effective_us[reading], systolic[reading], diastolic[reading])
    interval_us = float(np.median(np.diff(effective_us))) if len(effective_us) > 1 else 0.0
    return crisis_targets(newest_us, *values, measured, int(effective_us[-1]), interval_us)
