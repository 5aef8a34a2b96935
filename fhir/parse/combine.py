"""What the Observations of one message say together: halves paired, repeats dropped, one reading per instant."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, cast

from msgspec.structs import replace

from conf.times import MINUTE_US
from fhir.parse.observation import Draft
from fhir.parse.values import Measured
from fhir.precedence import Standing, Statement, StatementKind, in_force, stands_at
from fhir.readings import CONFLICTING_VALUES, CORRECTIONS, HEART_RATE_ONLY, TWO_SITES, Reading, Reject
from fhir.reasons import Reason

HALVES_APART_US: Final = MINUTE_US

Key = tuple[str, int]  # patient, instant in microseconds


def pair_halves(drafts: list[Draft | Reading]) -> tuple[list[Draft | Reading], list[Reject]]:
    """Join each lone systolic with the lone diastolic of its patient that belongs to it.

    That is the only one of its instant and site; else, since some servers stamp each half as it is filed, the only half
    within a minute. An unpaired half is handed on as it is: its other pressure will be found missing. A literal repeat
    is a `DUPLICATE`.
    """
    whole: list[Draft | Reading] = []
    halves: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if isinstance(draft, Draft) and draft.is_half:
            halves[draft.patient_id].append(draft)
        else:
            whole.append(draft)
    if not halves:
        return whole, []
    rejects: list[Reject] = []
    for group in halves.values():
        unique, repeats = _without_repeats(group)
        rejects += map(_duplicate, repeats)
        whole += _paired(unique)
    order = {draft.entry: number for number, draft in enumerate(drafts)}  # a history is not told in that of its entries
    return sorted(whole, key=lambda draft: order[draft.entry]), rejects


def _without_repeats(group: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    unique: dict[str, Draft] = {}
    repeats: list[Draft] = []
    for half in group:
        carriers = half.measured.systolics + half.measured.diastolics
        what = bool(half.measured.systolics), carriers[0].get("valueQuantity")
        if unique.setdefault(repr((half.effective_us, half.body_site, what)), half) is not half:
            repeats.append(half)
    return list(unique.values()), repeats


def _paired(halves: list[Draft]) -> list[Draft]:
    """Return a patient's halves joined by instant and site, then by nearness, and those that are left over."""
    at_instant: dict[tuple[int, str | None], list[Draft]] = defaultdict(list)
    for half in halves:
        at_instant[half.effective_us, half.body_site].append(half)
    joined: list[Draft] = []
    near: list[list[Draft]] = []  # runs of halves of which none is further than a minute from the next
    for _, group in sorted(at_instant.items(), key=lambda item: item[0][0]):
        if _make_a_pair(group):
            joined.append(_join_halves(*group))
        elif near and group[0].effective_us - near[-1][-1].effective_us <= HALVES_APART_US:
            near[-1] += group
        else:
            near.append(list(group))
    for run in near:
        joined += [_join_halves(*run)] if _make_a_pair(run) else run
    return joined


def _make_a_pair(halves: list[Draft]) -> bool:
    """Tell whether these are one systolic and one diastolic, not of two sites of the body."""
    kinds = sorted(bool(half.measured.systolics) for half in halves)
    return kinds == [False, True] and len({half.body_site for half in halves} - {None}) <= 1


def _join_halves(half: Draft, other: Draft) -> Draft:
    """Return a pair under both names: complete at the later time, and no newer than the older of the two versions."""
    systolic, diastolic = (half, other) if half.measured.systolics else (other, half)
    base, partner = (diastolic, systolic) if diastolic.status in CORRECTIONS else (systolic, diastolic)
    later = max(systolic, diastolic, key=lambda draft: draft.effective_us)
    measured = Measured(
        systolic.measured.systolics,
        diastolic.measured.diastolics,
        systolic.measured.heart_rates + diastolic.measured.heart_rates,
    )
    return replace(
        base,
        effective_us=later.effective_us,
        utc_offset_minutes=later.utc_offset_minutes,
        measured=measured,
        flags=_union(base.flags, partner.flags),
        entry=min(systolic.entry, diastolic.entry),
        partner_entry=max(systolic.entry, diastolic.entry),
        version=min(systolic.version, diastolic.version),
        partner_id=partner.observation_id,
        body_site=base.body_site or partner.body_site,
    )


def merge_readings(readings: list[Reading]) -> tuple[list[Reading], list[Reject]]:
    """Return one reading per patient and instant, and the rejects of repeats and of what a newer version replaces.

    Conflicts are settled, and a heart rate is joined to the pressure of its instant.
    """
    if len(readings) < 2:
        return readings, []
    unique, rejects = _without_known_versions(readings)
    standing = {statement.number for statement in in_force(map(_statement, unique, range(len(unique))))}
    of_instant: dict[Key, list[Reading]] = defaultdict(list)
    for number, reading in enumerate(unique):
        said = of_instant[reading.patient_id, reading.effective_us]
        if number not in standing:
            rejects.append(_duplicate(reading, "is replaced by a newer version of itself"))
        elif said and _repeats(reading, said):
            rejects.append(_duplicate(reading))
        else:
            said.append(reading)
    settled = (_settle(said) for said in of_instant.values() if said)
    return sorted(settled, key=lambda reading: reading.entry), rejects


def _without_known_versions(readings: list[Reading]) -> tuple[list[Reading], list[Reject]]:
    unique: list[Reading] = []
    rejects: list[Reject] = []
    known: set[tuple[str, str, str]] = set()
    for reading in readings:
        if reading.observation_id is None or reading.version_id is None:
            unique.append(reading)
            continue
        version = (reading.patient_id, reading.observation_id, reading.version_id)
        if version in known:
            rejects.append(_duplicate(reading))
        else:
            unique.append(reading)
        known.add(version)
    return unique, rejects


def _repeats(reading: Reading, said: list[Reading]) -> bool:
    """Tell whether a reading says the same as the last one of its kind and site."""
    alike = [other for other in said if _kind(other) is _kind(reading) and other.body_site == reading.body_site]
    return bool(alike) and _values(alike[-1]) == _values(reading)


def _values(reading: Reading) -> tuple[float | None, ...]:
    return reading.systolic, reading.diastolic, reading.heart_rate


def _kind(reading: Reading) -> StatementKind:
    return StatementKind.HEART_RATE if reading.systolic is None else StatementKind.PRESSURE


def _settle(said: list[Reading]) -> Reading:
    """Return what stands of the readings of one instant, flagged if others of their kind say something else."""
    if len(said) == 1:
        return said[0]
    standing = cast(Standing, stands_at(map(_statement, said, range(len(said)))))  # there are only readings
    reading, source = said[standing.reading.number], said[standing.heart_rate_from.number]
    flags = reading.flags
    if source is not reading:
        flags = _union(flags, tuple(flag for flag in source.flags if flag != HEART_RATE_ONLY))
    for judged in (reading, source):
        flags = _union(flags, _contradictions(judged, said))
    return replace(reading, heart_rate=source.heart_rate, flags=flags)


def _contradictions(reading: Reading, said: list[Reading]) -> tuple[str, ...]:
    """Return the flags of a reading of which others of its kind differ: in a value both have, or in the site."""
    alike = [other for other in said if _kind(other) is _kind(reading)]
    here = [other for other in alike if len({other.body_site, reading.body_site} - {None}) < 2]
    rates = {other.heart_rate for other in here} - {None}
    differ = len({_values(other)[:2] for other in here}) > 1 or len(rates) > 1
    return ((TWO_SITES,) if len(here) < len(alike) else ()) + ((CONFLICTING_VALUES,) if differ else ())


def _statement(reading: Reading, number: int) -> Statement:
    return Statement(
        _kind(reading),
        reading.effective_us,
        number,
        reading.observation_id,
        reading.status in CORRECTIONS,
        reading.systolic,
        reading.diastolic,
        reading.heart_rate,
        number,
        reading.version,
        reading.partner_id,
        reading.body_site,
    )


def _union(flags: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flags + more))


def _duplicate(repeat: Draft | Reading, why: str = "repeats another entry") -> Reject:
    detail = f"{repeat.observation_id or 'it'} {why} in the same message"
    return Reject(Reason.DUPLICATE, detail, repeat.entry, repeat.patient_id, repeat.device_id, repeat.effective_us)
