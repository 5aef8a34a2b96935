"""The window rule, written down once and used by stream and batch alike.

A window is a patient's last 30 readings by *effective time*; of two readings of one instant the later arrival (the
greater Kafka offset) stands. Before the 30 are taken, entries fold:

1. A retraction (`entered-in-error`) takes out every entry with its Observation id; one without an id takes out what
   arrived before it for the same instant.
2. A corrected or amended reading replaces the other readings with its Observation id.
3. One instant is one reading: a correction stands, otherwise the later arrival.
4. A heart rate of its own joins the nearest reading within two minutes (the earlier of two equally near) if that one
   has no heart rate. Of several that claim one reading, the nearest joins, then the later arrival.

`fold_patient` is that rule, word for word. `fold` does the same for many patients at once with numpy, and hands it
only the patients on whom rules 1 to 3, or a double claim of rule 4, have work to do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.entries import ENTRY, NO_OBSERVATION, Entries, Kind
from ml.features import MICROSECONDS_PER_HOUR, WINDOW_LENGTH, Windows

HEART_RATE_REACH_US: Final = 2 * 60 * 1_000_000

Rows = NDArray[np.intp]


def fold_patient(entries: Entries) -> Entries:
    """Fold one patient's entries, in any order, into readings: one per instant, oldest first, heart rates joined."""
    ordered = entries[np.lexsort((entries["offset"], entries["effective_us"]))]
    standing = _without_replaced(_without_retracted(ordered))
    pressures = _one_per_instant(standing[standing["kind"] == Kind.PRESSURE])
    _join_heart_rates(pressures, standing[standing["kind"] == Kind.HEART_RATE])
    return pressures


def _without_retracted(entries: Entries) -> Entries:
    retractions = entries[entries["kind"] == Kind.RETRACTION]
    named = retractions["observation"][retractions["observation"] != NO_OBSERVATION]
    gone = (entries["kind"] == Kind.RETRACTION) | np.isin(entries["observation"], named)
    for retraction in retractions[retractions["observation"] == NO_OBSERVATION]:
        same_instant = entries["effective_us"] == retraction["effective_us"]
        gone |= same_instant & (entries["offset"] < retraction["offset"])
    standing: Entries = entries[~gone]
    return standing


def _without_replaced(entries: Entries) -> Entries:
    corrections = entries[(entries["corrected"] == 1) & (entries["observation"] != NO_OBSERVATION)]
    gone = np.zeros(len(entries), dtype=bool)
    for correction in corrections:
        same = entries["observation"] == correction["observation"]
        gone |= same & ((entries["corrected"] == 0) | (entries["offset"] < correction["offset"]))
    return entries[~gone]


def _one_per_instant(pressures: Entries) -> Entries:
    by_precedence = pressures[np.lexsort((pressures["offset"], pressures["corrected"], pressures["effective_us"]))]
    last_of_instant = np.diff(by_precedence["effective_us"], append=np.iinfo(np.int64).max) != 0
    pressures_by_instant: Entries = by_precedence[last_of_instant]
    return pressures_by_instant


def _join_heart_rates(pressures: Entries, heart_rates: Entries) -> None:
    """Write each joining heart rate into its reading, the best claim last so that it stands."""
    claims = []
    for heart_rate in heart_rates:
        distance_us = np.abs(pressures["effective_us"] - heart_rate["effective_us"])
        if len(distance_us) and distance_us.min() <= HEART_RATE_REACH_US:
            nearest = int(distance_us.argmin())
            claims.append((-int(distance_us[nearest]), int(heart_rate["offset"]), nearest, heart_rate["heart_rate"]))
    lacking = np.isnan(pressures["heart_rate"])
    for _, _, nearest, value in sorted(claims, key=lambda claim: claim[:2]):
        if lacking[nearest]:
            pressures["heart_rate"][nearest] = value


def fold(entries: Entries, rows: Rows) -> tuple[Entries, Rows]:
    """Fold the entries of many patients; `rows[i]` is the patient of `entries[i]`, patients one after the other.

    Returns readings, oldest first within each patient, and their patients; a patient without readings has none.
    """
    ordered = np.lexsort((entries["offset"], entries["effective_us"], rows))
    entries, rows = entries[ordered], rows[ordered]
    claims = _claims(entries, rows)
    irregular = np.isin(rows, _irregular_rows(entries, rows, claims))
    joined = claims[(claims >= 0) & ~irregular]
    claimants = np.flatnonzero((claims >= 0) & ~irregular)
    lacking = np.isnan(entries["heart_rate"][joined])
    entries["heart_rate"][joined[lacking]] = entries["heart_rate"][claimants[lacking]]

    regular = ~irregular & (entries["kind"] == Kind.PRESSURE)
    if not irregular.any():
        return entries[regular], rows[regular]
    return _with_folded(entries[regular], rows[regular], entries[irregular], rows[irregular])


def _with_folded(entries: Entries, rows: Rows, irregular: Entries, irregular_rows: Rows) -> tuple[Entries, Rows]:
    """Add to the regular readings what the irregular patients fold to, each patient in its place."""
    starts = np.flatnonzero(np.diff(irregular_rows, prepend=-1))
    folded = [fold_patient(group) for group in np.split(irregular, starts[1:])]
    folded_rows = np.repeat(irregular_rows[starts], [len(group) for group in folded])
    all_entries, all_rows = np.concatenate([entries, *folded]), np.concatenate([rows, folded_rows])
    by_row = np.argsort(all_rows, kind="stable")
    return all_entries[by_row], all_rows[by_row]


def _irregular_rows(entries: Entries, rows: Rows, claims: Rows) -> Rows:
    """Patients for whom the vectorised fold does not do: rules 1 to 3 apply, or two heart rates claim one reading."""
    special = (entries["kind"] == Kind.RETRACTION) | (entries["corrected"] == 1)
    repeated = (np.diff(rows) == 0) & (np.diff(entries["effective_us"]) == 0)
    same_kind = repeated & (np.diff(entries["kind"].astype(np.int8)) == 0)
    thrice = repeated[1:] & repeated[:-1]
    joined = np.sort(claims[claims >= 0])
    twice_claimed = joined[1:][np.diff(joined) == 0]
    return np.concatenate([rows[special], rows[1:][same_kind], rows[2:][thrice], rows[twice_claimed]])


def _claims(entries: Entries, rows: Rows) -> Rows:
    """For each entry the position of the reading its heart rate joins; -1 where it is none or joins none."""
    claims = np.full(len(entries), -1, dtype=np.intp)
    pressures = np.flatnonzero(entries["kind"] == Kind.PRESSURE)
    heart_rates = np.flatnonzero(entries["kind"] == Kind.HEART_RATE)
    if not len(pressures) or not len(heart_rates):
        return claims
    after = np.searchsorted(pressures, heart_rates)
    before = after - 1
    distances = np.stack([_distance_us(entries, rows, pressures, heart_rates, side) for side in (before, after)])
    nearest = distances.argmin(axis=0)
    near_enough = distances.min(axis=0) <= HEART_RATE_REACH_US
    targets = pressures[np.clip(np.where(nearest == 0, before, after), 0, len(pressures) - 1)]
    claims[heart_rates[near_enough]] = targets[near_enough]
    return claims


def _distance_us(entries: Entries, rows: Rows, pressures: Rows, heart_rates: Rows, side: Rows) -> NDArray[np.int64]:
    neighbours = pressures[np.clip(side, 0, len(pressures) - 1)]
    distance_us = np.abs(entries["effective_us"][neighbours] - entries["effective_us"][heart_rates])
    usable = (side >= 0) & (side < len(pressures)) & (rows[neighbours] == rows[heart_rates])
    return np.where(usable, distance_us, np.iinfo(np.int64).max)


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
    by_arrival = np.lexsort((entries["offset"], rows))
    ends = np.searchsorted(rows[by_arrival], present, side="right") - 1
    return entries[by_arrival[ends]]


def _is_disturbed(last: Entries, windows: Windows) -> NDArray[np.bool_]:
    behind_us = windows.effective_us[:, -1] - last["effective_us"]
    revised = (last["kind"] == Kind.RETRACTION) | (last["corrected"] == 1)
    disturbed: NDArray[np.bool_] = revised | (behind_us > HEART_RATE_REACH_US)
    return disturbed
