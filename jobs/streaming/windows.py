"""Windows: a patient's last 30 readings by *effective time*, with what a prediction tells of them.

Late readings land in their place, whatever the order of arrival; of two readings of one instant the later arrival (the
greater Kafka offset) stands. `jobs.streaming.folding` holds the rule in full.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fhir.precedence import HEART_RATE_REACH_US, StatementKind
from jobs.streaming.entries import ENTRY, Entries
from jobs.streaming.folding import Rows, fold
from ml.features import MICROSECONDS_PER_HOUR, WINDOW_LENGTH, Windows


@dataclass(frozen=True, slots=True)
class Scorable:
    """The windows of n patients with what a prediction tells of them; every array has n rows.

    `rows` names the patients, in the numbering given to `build_windows`. `last_offset` and `last_partition` say which
    message arrived last, `disturbed` whether that message was not the newest reading but a late one, a correction or a
    retraction: only then may an earlier prediction of the same instant have been replaced.
    """

    rows: Rows
    windows: Windows
    readings: NDArray[np.int64]
    hours: NDArray[np.float64]
    largest_gap_hours: NDArray[np.float64]
    heart_rates: NDArray[np.int64]
    late_readings: NDArray[np.int64]
    last_partition: NDArray[np.uint16]
    last_offset: NDArray[np.int64]
    disturbed: NDArray[np.bool_]

    def take(self, which: NDArray[np.bool_]) -> Scorable:
        """The chosen patients alone."""
        windows = Windows(*(getattr(self.windows, field.name)[which] for field in fields(Windows)))
        kept = {field.name: getattr(self, field.name)[which] for field in fields(self) if field.name != "windows"}
        return Scorable(windows=windows, **kept)


def build_windows(entries: Entries, rows: Rows) -> Scorable:
    """Entries of many patients (see `fold`) -> the windows of all patients with at least one reading."""
    folded, folded_rows = fold(entries, rows)
    present = np.unique(folded_rows)
    slots = _right_aligned(folded, folded_rows, present)
    windows = Windows(slots["effective_us"], slots["systolic"], slots["diastolic"], slots["heart_rate"])
    gaps_hours = _gaps_hours(windows)
    last = _last_arrivals(entries, rows, present)
    return Scorable(
        rows=present,
        windows=windows,
        readings=windows.filled.sum(axis=1),
        hours=gaps_hours.sum(axis=1),
        largest_gap_hours=gaps_hours.max(axis=1),
        heart_rates=(~np.isnan(windows.heart_rate)).sum(axis=1),
        late_readings=_late_readings(slots["offset"], windows.filled),
        last_partition=last["partition"],
        last_offset=last["offset"],
        disturbed=_is_disturbed(last, windows),
    )


def _right_aligned(folded: Entries, rows: Rows, present: Rows) -> Entries:
    """Lay the last 30 readings of each patient into an (n, 30) array, newest in the last column."""
    slots = np.zeros((len(present), WINDOW_LENGTH), dtype=ENTRY)
    for measure in ("systolic", "diastolic", "heart_rate"):
        slots[measure] = np.nan
    row = np.searchsorted(present, rows)
    ends = np.searchsorted(row, np.arange(len(present)), side="right")
    column = WINDOW_LENGTH - (ends[row] - np.arange(len(rows)))
    kept = column >= 0
    slots[row[kept], column[kept]] = folded[kept]
    return slots


def _gaps_hours(windows: Windows) -> NDArray[np.float64]:
    """Hours between neighbouring readings, shape (n, 29), 0 where one of the two slots is empty."""
    both = windows.filled[:, 1:] & windows.filled[:, :-1]
    return np.where(both, np.diff(windows.effective_us, axis=1) / MICROSECONDS_PER_HOUR, 0.0)


def _late_readings(offset: NDArray[np.int64], filled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count readings that arrived after a newer one of the same window had arrived."""
    arrived = np.where(filled, offset, np.iinfo(np.int64).max)
    earliest_of_newer = np.minimum.accumulate(arrived[:, ::-1], axis=1)[:, ::-1][:, 1:]
    late: NDArray[np.bool_] = filled[:, :-1] & (arrived[:, :-1] > earliest_of_newer)
    count: NDArray[np.int64] = late.sum(axis=1)
    return count


def _last_arrivals(entries: Entries, rows: Rows, present: Rows) -> Entries:
    """The entry of each present patient that arrived last."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    counts = np.diff(starts, append=len(rows))
    last_offset = np.repeat(np.maximum.reduceat(entries["offset"], starts), counts) if len(rows) else rows
    candidates = np.flatnonzero(entries["offset"] == last_offset)
    ends = np.searchsorted(rows[candidates], present, side="right") - 1
    return entries[candidates[ends]]


def _is_disturbed(last: Entries, windows: Windows) -> NDArray[np.bool_]:
    behind_us = windows.effective_us[:, -1] - last["effective_us"]
    revised = (last["kind"] == StatementKind.RETRACTION) | (last["corrected"] == 1)
    disturbed: NDArray[np.bool_] = revised | (behind_us > HEART_RATE_REACH_US)
    return disturbed
