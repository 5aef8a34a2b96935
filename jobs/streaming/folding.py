"""The window rule for many patients at once, with numpy.

`fold_patient` is the rule of `fhir.precedence` itself. `fold` does the same for many patients, and hands it only those
on whom retractions, corrections, several statements of one instant or a double claim of a heart rate have work to do.
"""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhir.precedence import HEART_RATE_REACH_US, Statement, StatementKind, readings_of
from jobs.streaming.entries import NO_OBSERVATION, Entries

Rows = NDArray[np.intp]


def fold_patient(entries: Entries) -> Entries:
    """Return one patient's readings from entries in any order: one per instant, oldest first, heart rates joined."""
    readings = readings_of(map(_statement, entries.tolist(), range(len(entries))))
    folded: Entries = entries[[reading.reading.place for reading in readings]]
    folded["heart_rate"] = entries["heart_rate"][[reading.heart_rate_from.place for reading in readings]]
    return folded


def _statement(entry: tuple[Any, ...], place: int) -> Statement:
    effective_us, offset, observation, systolic, diastolic, heart_rate, _, kind, corrected = entry
    return Statement(
        StatementKind(kind),
        effective_us,
        offset,
        None if observation == NO_OBSERVATION else observation,
        bool(corrected),
        _known(systolic),
        _known(diastolic),
        _known(heart_rate),
        place,
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def fold(entries: Entries, rows: Rows) -> tuple[Entries, Rows]:
    """Fold the entries of many patients; `rows[i]` is the patient of `entries[i]`, patients one after the other.

    Returns readings, oldest first within each patient, and their patients; a patient without readings has none.
    """
    entries, rows = _in_order(entries, rows)
    claims = _claims(entries, rows)
    irregular = _are_among(_irregular_rows(entries, rows, claims), rows)
    joined = claims[(claims >= 0) & ~irregular]
    claimants = np.flatnonzero((claims >= 0) & ~irregular)
    lacking = np.isnan(entries["heart_rate"][joined])
    entries["heart_rate"][joined[lacking]] = entries["heart_rate"][claimants[lacking]]

    regular = ~irregular & (entries["kind"] == StatementKind.PRESSURE)
    if not irregular.any():
        return entries[regular], rows[regular]
    return _with_folded(entries[regular], rows[regular], entries[irregular], rows[irregular])


def _in_order(entries: Entries, rows: Rows) -> tuple[Entries, Rows]:
    """Sort by patient, effective time and arrival, unless the state has brought them in that order already."""
    rising = (np.diff(rows) > 0) | ((np.diff(rows) == 0) & (np.diff(entries["effective_us"]) > 0))
    if rising.all():
        return entries.copy(), rows
    ordered = np.lexsort((entries["offset"], entries["effective_us"], rows))
    return entries[ordered], rows[ordered]


def _are_among(some: Rows, rows: Rows) -> NDArray[np.bool_]:
    """Which of the ascending `rows` are named in `some`."""
    named = np.zeros(int(rows[-1]) + 1 if len(rows) else 0, dtype=bool)
    named[some] = True
    among: NDArray[np.bool_] = named[rows]
    return among


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
    special = (entries["kind"] == StatementKind.RETRACTION) | (entries["corrected"] == 1)
    repeated = (np.diff(rows) == 0) & (np.diff(entries["effective_us"]) == 0)
    same_kind = repeated & (np.diff(entries["kind"].astype(np.int8)) == 0)
    thrice = repeated[1:] & repeated[:-1]
    joined = np.sort(claims[claims >= 0])
    twice_claimed = joined[1:][np.diff(joined) == 0]
    return np.concatenate([rows[special], rows[1:][same_kind], rows[2:][thrice], rows[twice_claimed]])


def _claims(entries: Entries, rows: Rows) -> Rows:
    """For each entry the position of the reading its heart rate joins; -1 where it is none or joins none."""
    claims = np.full(len(entries), -1, dtype=np.intp)
    pressures = np.flatnonzero(entries["kind"] == StatementKind.PRESSURE)
    heart_rates = np.flatnonzero(entries["kind"] == StatementKind.HEART_RATE)
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
