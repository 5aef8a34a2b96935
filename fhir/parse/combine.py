"""What the Observations of one message say together: halves paired, repeats dropped, one reading per instant."""

from __future__ import annotations

from collections import defaultdict
from typing import cast

from msgspec.structs import replace

from fhir.parse.observation import Draft
from fhir.parse.values import Measured
from fhir.precedence import Standing, Statement, StatementKind, in_force, stands_at
from fhir.readings import CONFLICTING_VALUES, CORRECTIONS, HEART_RATE_ONLY, Reading, Reject
from fhir.reasons import Reason

Key = tuple[str, int]  # patient, instant in microseconds


def pair_halves(drafts: list[Draft]) -> tuple[list[Draft], list[Reject]]:
    """Join a lone systolic and a lone diastolic of equal patient and time, if each is the only one there.

    An unpaired half is handed on as it is: its other pressure will be found missing. A literal repeat is a `DUPLICATE`.
    """
    whole: list[Draft] = []
    halves: dict[Key, list[Draft]] = defaultdict(list)
    for draft in drafts:
        (halves[draft.patient_id, draft.effective_us] if draft.is_half else whole).append(draft)
    rejects: list[Reject] = []
    for group in halves.values():
        unique, repeats = _without_repeats(group)
        rejects += map(_duplicate, repeats)
        systolics = [half for half in unique if half.measured.systolics]
        diastolics = [half for half in unique if half.measured.diastolics]
        only_one_each = len(systolics) == 1 and len(diastolics) == 1
        whole += [_join_halves(systolics[0], diastolics[0])] if only_one_each else unique
    order = {draft.entry: number for number, draft in enumerate(drafts)}  # a history is not told in that of its entries
    return sorted(whole, key=lambda draft: order[draft.entry]), rejects


def _without_repeats(group: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    unique: dict[str, Draft] = {}
    repeats: list[Draft] = []
    for half in group:
        carriers = half.measured.systolics + half.measured.diastolics
        said = repr((bool(half.measured.systolics), carriers[0].get("valueQuantity")))
        if unique.setdefault(said, half) is not half:
            repeats.append(half)
    return list(unique.values()), repeats


def _join_halves(systolic: Draft, diastolic: Draft) -> Draft:
    base, other = (diastolic, systolic) if diastolic.status in CORRECTIONS else (systolic, diastolic)
    measured = Measured(
        systolic.measured.systolics,
        diastolic.measured.diastolics,
        systolic.measured.heart_rates + diastolic.measured.heart_rates,
    )
    entry = min(systolic.entry, diastolic.entry)
    return replace(base, measured=measured, flags=_union(base.flags, other.flags), entry=entry)


def merge_readings(readings: list[Reading]) -> tuple[list[Reading], list[Reject]]:
    """Return one reading per patient and instant, and the rejects of repeats.

    Conflicts are settled, and a heart rate is joined to the pressure of its instant.
    """
    if len(readings) < 2:
        return readings, []
    pressures: dict[Key, Reading] = {}
    heart_rates: dict[Key, Reading] = {}
    versions: set[tuple[str, str, str]] = set()
    rejects: list[Reject] = []
    for reading in readings:
        slots = heart_rates if reading.systolic is None else pressures
        key = (reading.patient_id, reading.effective_us)
        if _is_known_version(reading, versions) or (key in slots and _values(slots[key]) == _values(reading)):
            rejects.append(_duplicate(reading))
        else:
            slots[key] = _settle(slots[key], reading) if key in slots else reading
    for key, heart_rate in heart_rates.items():
        pressures[key] = _settle(pressures[key], heart_rate) if key in pressures else heart_rate
    return sorted(pressures.values(), key=lambda reading: reading.entry), rejects


def _is_known_version(reading: Reading, versions: set[tuple[str, str, str]]) -> bool:
    if reading.observation_id is None or reading.version_id is None:
        return False
    version = (reading.patient_id, reading.observation_id, reading.version_id)
    known = version in versions
    versions.add(version)
    return known


def _values(reading: Reading) -> tuple[float | None, ...]:
    return reading.systolic, reading.diastolic, reading.heart_rate


def _settle(earlier: Reading, later: Reading) -> Reading:
    """Return what stands of two readings of one instant, flagged if they differ in more than a missing heart rate."""
    both = earlier, later
    statements = in_force(_statement(reading, number) for number, reading in enumerate(both))
    standing = cast(Standing, stands_at(statements))  # there is no retraction among them
    reading, source = both[standing.reading.number], both[standing.heart_rate_from.number]
    flags = reading.flags
    if source is not reading:
        flags = _union(flags, tuple(flag for flag in source.flags if flag != HEART_RATE_ONLY))
    if _conflict(earlier, later):
        flags = _union(flags, (CONFLICTING_VALUES,))
    return replace(reading, heart_rate=source.heart_rate, flags=flags)


def _statement(reading: Reading, number: int) -> Statement:
    return Statement(
        StatementKind.HEART_RATE if reading.systolic is None else StatementKind.PRESSURE,
        reading.effective_us,
        number,
        reading.observation_id,
        reading.status in CORRECTIONS,
        reading.systolic,
        reading.diastolic,
        reading.heart_rate,
        number,
    )


def _conflict(reading: Reading, other: Reading) -> bool:
    """Tell whether values differ that both readings have; pressures alone and a heart rate alone do not."""
    if (reading.systolic is None) != (other.systolic is None):
        return False
    rates = {reading.heart_rate, other.heart_rate} - {None}
    return _values(reading)[:2] != _values(other)[:2] or len(rates) > 1


def _union(flags: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flags + more))


def _duplicate(repeat: Draft | Reading) -> Reject:
    detail = f"repeats {repeat.observation_id or 'another entry'} in the same message"
    return Reject(Reason.DUPLICATE, detail, repeat.entry, repeat.patient_id, repeat.device_id, repeat.effective_us)
