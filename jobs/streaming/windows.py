"""Windows: a patient's last 30 readings by *effective time*, with what a prediction tells of them.

Late readings land in their place, whatever the order of arrival. What stands of several statements is decided by
`fhir.precedence`: `fold_patient` applies it to one patient. `fold` does the same for many patients at once with numpy,
and hands `fold_patient` only those on whom retractions, corrections, several versions, several statements of one
instant or a double claim of a heart rate have work to do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conf.times import HOUR_US
from fhir.precedence import HEART_RATE_REACH_US, Statement, StatementKind, readings_of
from jobs.streaming.window_state import CORRECTED, NO_OBSERVATION, SITE_SHIFT, STATEMENT, Statements
from ml.features import WINDOW_LENGTH, Windows

Numbers = NDArray[np.intp]  # of patients, or positions


@dataclass(frozen=True, slots=True)
class Scorable:
    """The windows of n patients with what a prediction tells of them; every array has n rows.

    `patients` are the patients' numbers, as given to `build_windows`. `last_offset` and `last_partition` say which
    message arrived last, `disturbed` whether that message was not the newest reading but a late one, a correction or a
    retraction: only then may an earlier prediction of the same instant have been replaced.
    """

    patients: Numbers
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
        """Return the chosen patients alone."""
        windows = Windows(*(getattr(self.windows, field.name)[which] for field in fields(Windows)))
        kept = {field.name: getattr(self, field.name)[which] for field in fields(self) if field.name != "windows"}
        return Scorable(windows=windows, **kept)


def build_windows(statements: Statements, patients: Numbers, until_us: int | None = None) -> Scorable:
    """Return the windows of all patients that have a reading, from the statements of many (see `fold`).

    Readings after `until_us`, which lie in the future, are left out once all statements are folded: a correction that
    moves a reading into the future has taken it away from the present.
    """
    folded, folded_patients = fold(statements, patients)
    if until_us is not None:
        has_come = folded["effective_us"] <= until_us
        folded, folded_patients = folded[has_come], folded_patients[has_come]
    present = np.unique(folded_patients)
    slots = _right_aligned(folded, folded_patients, present)
    windows = Windows(slots["effective_us"], slots["systolic"], slots["diastolic"], slots["heart_rate"])
    gaps_hours = _gaps_hours(windows)
    last = _last_arrivals(statements, patients, present)
    return Scorable(
        patients=present,
        windows=windows,
        readings=windows.filled.sum(axis=1),
        hours=gaps_hours.sum(axis=1),
        largest_gap_hours=gaps_hours.max(axis=1),
        heart_rates=(~np.isnan(windows.heart_rate)).sum(axis=1),
        late_readings=_late_readings(slots["offset"], windows.filled),
        last_partition=last["partition"],
        last_offset=last["offset"],
        disturbed=_is_disturbed(last, windows) | np.isin(present, several_versions(statements, patients)),
    )


def _right_aligned(folded: Statements, patients: Numbers, present: Numbers) -> Statements:
    """Lay the last 30 readings of each patient into an (n, 30) array, newest in the last column."""
    slots = np.zeros((len(present), WINDOW_LENGTH), dtype=folded.dtype)
    for measure in ("systolic", "diastolic", "heart_rate"):
        slots[measure] = np.nan
    row = np.searchsorted(present, patients)
    ends = np.searchsorted(row, np.arange(len(present)), side="right")
    column = WINDOW_LENGTH - (ends[row] - np.arange(len(patients)))
    kept = column >= 0
    slots[row[kept], column[kept]] = folded[kept]
    return slots


def _gaps_hours(windows: Windows) -> NDArray[np.float64]:
    """Return the hours between neighbouring readings, shape (n, 29), 0 where one of the two slots is empty."""
    both = windows.filled[:, 1:] & windows.filled[:, :-1]
    return np.where(both, np.diff(windows.effective_us, axis=1) / HOUR_US, 0.0)


def _late_readings(offset: NDArray[np.int64], filled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count readings that arrived after a newer one of the same window had arrived."""
    arrived = np.where(filled, offset, np.iinfo(np.int64).max)
    earliest_of_newer = np.minimum.accumulate(arrived[:, ::-1], axis=1)[:, ::-1][:, 1:]
    late: NDArray[np.bool_] = filled[:, :-1] & (arrived[:, :-1] > earliest_of_newer)
    count: NDArray[np.int64] = late.sum(axis=1)
    return count


def _last_arrivals(statements: Statements, patients: Numbers, present: Numbers) -> Statements:
    """Return the statement of each present patient that arrived last."""
    starts = np.flatnonzero(np.diff(patients, prepend=-1))
    counts = np.diff(starts, append=len(patients))
    last_offset = np.repeat(np.maximum.reduceat(statements["offset"], starts), counts) if len(patients) else patients
    candidates = np.flatnonzero(statements["offset"] == last_offset)
    ends = np.searchsorted(patients[candidates], present, side="right") - 1
    return statements[candidates[ends]]


def _is_disturbed(last: Statements, windows: Windows) -> NDArray[np.bool_]:
    """Tell where the last arrival revised a reading, or is older than the newest by more than a heart rate may be."""
    behind_us = windows.effective_us[:, -1] - last["effective_us"]
    disturbed: NDArray[np.bool_] = takes_back(last) | (behind_us > HEART_RATE_REACH_US)
    return disturbed


def takes_back(statements: Statements) -> NDArray[np.bool_]:
    """Tell which statements take something back, whatever their version: retractions, withdrawals, corrections."""
    back: NDArray[np.bool_] = (statements["kind"] >= StatementKind.RETRACTION) | (
        (statements["corrected"] & CORRECTED) > 0
    )
    return back


def several_versions(statements: Statements, patients: Numbers) -> Numbers:
    """Return the patients with statements that share a name and may be versions of one Observation, some repeatedly.

    Among short statements alone there are none: they tell no version, or all the first.
    """
    if statements.dtype == STATEMENT:
        return patients[:0]
    names = np.concatenate([statements["observation"], statements["partner"]])
    bearers = np.tile(patients, 2)[names != NO_OBSERVATION]
    mixed = names[names != NO_OBSERVATION] ^ (bearers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    ordered = np.sort(mixed)
    repeated: Numbers = bearers[np.isin(mixed, ordered[1:][ordered[1:] == ordered[:-1]])]
    return repeated


def fold_patient(statements: Statements) -> Statements:
    """Return a patient's readings from statements in any order: one per instant, oldest first, heart rates joined."""
    readings = readings_of(map(_statement, statements.tolist(), range(len(statements))))
    folded: Statements = statements[[reading.reading.number for reading in readings]]
    folded["heart_rate"] = statements["heart_rate"][[reading.heart_rate_from.number for reading in readings]]
    return folded


def _statement(statement: tuple[Any, ...], number: int) -> Statement:
    effective_us, offset, observation, systolic, diastolic, heart_rate, _, kind, marks, *versioned = statement
    version, partner = versioned or (0, NO_OBSERVATION)
    return Statement(
        StatementKind(kind),
        effective_us,
        offset,
        None if observation == NO_OBSERVATION else observation,
        bool(marks & CORRECTED),
        _known(systolic),
        _known(diastolic),
        _known(heart_rate),
        number,
        version,
        None if partner == NO_OBSERVATION else partner,
        marks >> SITE_SHIFT or None,
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def fold(statements: Statements, patients: Numbers) -> tuple[Statements, Numbers]:
    """Fold the statements of many patients; `patients[i]` is the patient of `statements[i]`, each patient's together.

    Return readings, oldest first within each patient, and their patients; a patient without readings has none.
    """
    statements, patients = _in_order(statements, patients)
    claims = _claims(statements, patients)
    irregular = _are_among(_irregular_patients(statements, patients, claims), patients)
    joined = claims[(claims >= 0) & ~irregular]
    claimants = np.flatnonzero((claims >= 0) & ~irregular)
    lacking = np.isnan(statements["heart_rate"][joined])
    statements["heart_rate"][joined[lacking]] = statements["heart_rate"][claimants[lacking]]

    regular = ~irregular & (statements["kind"] == StatementKind.PRESSURE)
    if not irregular.any():
        return statements[regular], patients[regular]
    return _with_folded(statements[regular], patients[regular], statements[irregular], patients[irregular])


def _in_order(statements: Statements, patients: Numbers) -> tuple[Statements, Numbers]:
    """Sort by patient, effective time and arrival, unless the state has brought them in that order already."""
    rising = (np.diff(patients) > 0) | ((np.diff(patients) == 0) & (np.diff(statements["effective_us"]) > 0))
    if rising.all():
        return statements.copy(), patients
    ordered = np.lexsort((statements["offset"], statements["effective_us"], patients))
    return statements[ordered], patients[ordered]


def _are_among(some: Numbers, patients: Numbers) -> NDArray[np.bool_]:
    """Tell which of the ascending `patients` are among `some`."""
    named = np.zeros(int(patients[-1]) + 1 if len(patients) else 0, dtype=bool)
    named[some] = True
    among: NDArray[np.bool_] = named[patients]
    return among


def _with_folded(
    statements: Statements, patients: Numbers, irregular: Statements, irregular_patients: Numbers
) -> tuple[Statements, Numbers]:
    """Add to the regular readings what the irregular patients fold to, each patient in its place."""
    starts = np.flatnonzero(np.diff(irregular_patients, prepend=-1))
    folded = [fold_patient(group) for group in np.split(irregular, starts[1:])]
    folded_patients = np.repeat(irregular_patients[starts], [len(group) for group in folded])
    all_statements, all_patients = np.concatenate([statements, *folded]), np.concatenate([patients, folded_patients])
    by_patient = np.argsort(all_patients, kind="stable")
    return all_statements[by_patient], all_patients[by_patient]


def _irregular_patients(statements: Statements, patients: Numbers, claims: Numbers) -> Numbers:
    """Return the patients whom the vectorised fold does not do: rules 1 to 3 apply, or a reading is claimed twice."""
    repeated = (np.diff(patients) == 0) & (np.diff(statements["effective_us"]) == 0)
    same_kind = repeated & (np.diff(statements["kind"].astype(np.int8)) == 0)
    thrice = repeated[1:] & repeated[:-1]
    joined = np.sort(claims[claims >= 0])
    twice_claimed = joined[1:][np.diff(joined) == 0]
    special = [patients[takes_back(statements)], several_versions(statements, patients)]
    return np.concatenate([*special, patients[1:][same_kind], patients[2:][thrice], patients[twice_claimed]])


def _claims(statements: Statements, patients: Numbers) -> Numbers:
    """Return for each statement the position of the reading its heart rate joins; -1 where it is none or joins none."""
    claims = np.full(len(statements), -1, dtype=np.intp)
    pressures = np.flatnonzero(statements["kind"] == StatementKind.PRESSURE)
    heart_rates = np.flatnonzero(statements["kind"] == StatementKind.HEART_RATE)
    if not len(pressures) or not len(heart_rates):
        return claims
    after = np.searchsorted(pressures, heart_rates)
    before = after - 1
    distances = np.stack([_distance_us(statements, patients, pressures, heart_rates, side) for side in (before, after)])
    nearest = distances.argmin(axis=0)
    near_enough = distances.min(axis=0) <= HEART_RATE_REACH_US
    targets = pressures[np.clip(np.where(nearest == 0, before, after), 0, len(pressures) - 1)]
    claims[heart_rates[near_enough]] = targets[near_enough]
    return claims


def _distance_us(
    statements: Statements, patients: Numbers, pressures: Numbers, heart_rates: Numbers, side: Numbers
) -> NDArray[np.int64]:
    """Return how far each heart rate is from the patient's pressures on one side; without any, the greatest number."""
    neighbours = pressures[np.clip(side, 0, len(pressures) - 1)]
    distance_us = np.abs(statements["effective_us"][neighbours] - statements["effective_us"][heart_rates])
    usable = (side >= 0) & (side < len(pressures)) & (patients[neighbours] == patients[heart_rates])
    return np.where(usable, distance_us, np.iinfo(np.int64).max)
