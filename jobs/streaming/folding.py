"""How entries fold into readings: the rule, written down once and used by stream and batch alike.

Before a window takes the last 30 readings (`jobs.streaming.windows`), a patient's entries fold:

1. A retraction (`entered-in-error`) takes out every entry with its Observation id; one without an id takes out what
   arrived before it for the same instant.
2. A corrected or amended reading replaces the other readings with its Observation id.
3. One instant is one reading: a correction stands, otherwise the later arrival. A resend of the same pressures that
   lacks the heart rate does not take it away.
4. A heart rate of its own joins the nearest reading within two minutes (the earlier of two equally near) if that one
   has no heart rate. Of several that claim one reading, the nearest joins, then the later arrival.

`fold_patient` is that rule, word for word. `fold` does the same for many patients at once with numpy, and hands it
only the patients on whom rules 1 to 3, or a double claim of rule 4, have work to do.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.streaming.entries import NO_OBSERVATION, Entries, Kind

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
    standing: Entries = by_precedence[last_of_instant]
    for reading in standing[np.isnan(standing["heart_rate"]) & (standing["corrected"] == 0)]:
        _keep_heart_rate(standing, reading, by_precedence)
    return standing


def _keep_heart_rate(standing: Entries, reading: np.void, pressures: Entries) -> None:
    """Give a reading the heart rate that the latest arrival of the same instant and pressures had."""
    same = np.logical_and.reduce(
        [pressures[name] == reading[name] for name in ("effective_us", "systolic", "diastolic")]
    )
    known = pressures["heart_rate"][same & ~np.isnan(pressures["heart_rate"])]
    if len(known):
        standing["heart_rate"][standing["effective_us"] == reading["effective_us"]] = known[-1]


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
    entries, rows = _in_order(entries, rows)
    claims = _claims(entries, rows)
    irregular = _are_among(_irregular_rows(entries, rows, claims), rows)
    joined = claims[(claims >= 0) & ~irregular]
    claimants = np.flatnonzero((claims >= 0) & ~irregular)
    lacking = np.isnan(entries["heart_rate"][joined])
    entries["heart_rate"][joined[lacking]] = entries["heart_rate"][claimants[lacking]]

    regular = ~irregular & (entries["kind"] == Kind.PRESSURE)
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
