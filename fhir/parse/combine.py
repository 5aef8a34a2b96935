"""What the Observations of one message say together: halves paired, repeats dropped, one reading per instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from fhir.parse.observation import Draft
from fhir.parse.values import Measured
from fhir.readings import CORRECTIONS, Reading, Reject
from fhir.reasons import Reason

Key = tuple[str, int]  # patient, instant in microseconds


def pair_halves(drafts: Iterable[Draft]) -> tuple[list[Draft], list[Reject]]:
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
    return sorted(whole, key=_entry), rejects


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
        pressures[key] = _join(pressures[key], heart_rate) if key in pressures else heart_rate
    return sorted(pressures.values(), key=_entry), rejects


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
    """Return the correction, else the later one; pressures that only differ in a missing heart rate do not conflict."""
    earlier_wins = earlier.status in CORRECTIONS and later.status not in CORRECTIONS
    winner, loser = (earlier, later) if earlier_wins else (later, earlier)
    if _values(winner)[:2] == _values(loser)[:2] and None in (winner.heart_rate, loser.heart_rate):
        return _join(winner, loser)
    return replace(winner, flags=_union(winner.flags, ("conflicting_values",)))


def _join(pressure: Reading, heart_rate: Reading) -> Reading:
    """Add a separate heart rate to a pressure; the one measured with it comes first."""
    if pressure.heart_rate is not None or heart_rate.heart_rate is None:
        return pressure
    flags = tuple(flag for flag in heart_rate.flags if flag != "heart_rate_only")
    return replace(pressure, heart_rate=heart_rate.heart_rate, flags=_union(pressure.flags, flags))


def _union(flags: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flags + more))


def _duplicate(repeat: Draft | Reading) -> Reject:
    return Reject(
        Reason.DUPLICATE, f"repeats {repeat.observation_id or 'another entry'} in the same message", repeat.entry
    )


def _entry(item: Draft | Reading) -> int:
    return item.entry
