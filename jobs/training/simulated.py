"""Rows from simulated patients: windows as the stream would see them, and the crises that followed.

Windows and targets hold what the intake accepts of what the device showed, artefacts among it, failed measurements left
out. Records begin at any hour of the first day, so that a short window does not tell the hour. Groups, episodes and
other latent state never reach the features. A design is made in chunks of patients that are independent of each other,
so that any number of them fits into bounded memory. All SIMULATED.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import timedelta, timezone
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.times import HOUR_US, MINUTE_US
from ml.dataset import EXTERNAL, TRACK, Dataset, Texts, are_purged, parts_of, split_of
from ml.features import WINDOW_LENGTH, Windows, feature_matrix, hours_of_day
from ml.labels import FOLLOW_UP_H, Flags, Targets, crisis_targets
from producer.simulation.patients import PLACE_OFFSET_MINUTES, draw_patients
from producer.simulation.readings import Readings, Simulation
from producer.simulation.scenario import SHIFTED, USUAL, Scenario

START_US: Final = 1_735_689_600_000_000  # 2025-01-01; any day would do, the simulator knows no seasons
PLACE_ZONE: Final = timezone(timedelta(minutes=PLACE_OFFSET_MINUTES))
CHUNK_PATIENTS: Final = 1_000
BEGIN_H: Final = 24  # within the first so many hours of a design a patient's record begins
BLOCK_H: Final = 24  # the last day of usable time (a whole one: risks follow the clock), held out

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Design:
    """How rows are made; it goes into the model card as it stands.

    `track_h` is how long a stretch of the patients of part `track` gives a row for every reading; with 0 they give
    `windows_per_patient` random ones like all others. A shifted design is the external set.
    """

    patients: int = 5_000
    seed: int = 7
    windows_per_patient: int = 12
    min_readings: int = 10
    record_h: int = 144
    track_h: int = 24
    episode_factor: float = 10.0  # natural episodes are too rare to learn from a few days of a few thousand patients
    shifted: bool = False

    def __post_init__(self) -> None:
        least = BEGIN_H + FOLLOW_UP_H + max(BLOCK_H + FOLLOW_UP_H, self.track_h)
        if self.record_h < least:
            raise ValueError(f"record_h must be at least {least}")

    @property
    def usable_h(self) -> int:
        """Return the hours of the record in which t may lie: all but the follow-up."""
        return self.record_h - FOLLOW_UP_H

    @property
    def scenario(self) -> Scenario:
        """Return who is observed and how."""
        return SHIFTED if self.shifted else USUAL

    def describe(self) -> dict[str, object]:
        """Return the design as plain values, with what it does not say itself."""
        observed = {field.name: getattr(self.scenario, field.name) for field in fields(Scenario)}
        observed |= {"mixture": dict(self.scenario.mixture), "every": dict(self.scenario.every)}
        return {"source": "SIMULATED patients, no real person", **asdict(self), "scenario": observed}


@dataclass(frozen=True, slots=True)
class Records:
    """Readings of n patients at T ticks each, shape (n, T).

    `shown` is True where the patient measured and the intake accepts what the device showed: systolic, diastolic and
    heart rate (NaN if that alone is missing or refused).
    """

    effective_us: NDArray[np.int64]
    systolic: NDArray[np.int16]
    diastolic: NDArray[np.int16]
    heart_rate: NDArray[np.float32]
    shown: Flags


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When n patients measure: from tick `begins` (n,) on, at every so many ticks, `every` (n,)."""

    begins: Places
    every: Places

    def measures(self, patient: Places, tick: Places) -> Flags:
        """Tell whether a patient measures at a tick; shapes broadcast."""
        since = tick - self.begins[patient]
        due: Flags = (since >= 0) & (since % self.every[patient] == 0)
        return due


def chunks(design: Design) -> int:
    """Return the number of chunks of a design."""
    return -(-design.patients // CHUNK_PATIENTS)


def patient_ids(design: Design, chunk: int) -> Texts:
    """Return the patients of one chunk, in the order in which its simulation has them."""
    count = min(CHUNK_PATIENTS, design.patients - chunk * CHUNK_PATIENTS)
    prefix = "shifted" if design.shifted else "sim"
    return np.array([f"{prefix}{design.seed}-{chunk}-{index}" for index in range(count)])


def start_simulation(design: Design, chunk: int) -> Simulation:
    """Return the simulation of one chunk before its first tick, which is at `START_US`."""
    seed = _seed(design, chunk)
    patients = draw_patients(len(patient_ids(design, chunk)), seed, design.scenario.mixture)
    return Simulation(patients, design.scenario.plan(seed, START_US, design.episode_factor))


def rhythm(design: Design, chunk: int) -> Rhythm:
    """Return when the patients of one chunk measure."""
    random, count = np.random.default_rng([_seed(design, chunk), 1]), len(patient_ids(design, chunk))
    shares = design.scenario.every
    every = random.choice(list(shares), count, p=list(shares.values()))
    return Rhythm(random.integers(0, _ticks(design, BEGIN_H), count), every)


def simulate_rows(design: Design, chunk: int) -> tuple[Dataset, Texts]:
    """Return the rows of one chunk of patients and the part (`ml.dataset.SPLITS`) of each, shape (m,); repeatable."""
    simulation = start_simulation(design, chunk)
    measuring = rhythm(design, chunk)
    records = _records([simulation.step() for _ in range(_ticks(design, design.record_h))], measuring)
    names = patient_ids(design, chunk)
    sides = np.array([split_of(name) for name in names])
    patient, tick = _choose(records, sides, design, np.random.default_rng(_seed(design, chunk)))
    newest_us = records.effective_us[patient, tick]
    targets = _targets_at(records, measuring, patient, tick, design)
    rows = Dataset(
        features=feature_matrix(windows_at(records, patient, tick)),
        targets=targets.shown,
        patient_id=names[patient],
        newest_us=newest_us,
        group=np.array(simulation.patients.group)[patient],
        hour=hours_of_day(newest_us, PLACE_ZONE),
        confirmed=targets.confirmed,
    )
    if design.shifted:
        return rows, np.full(len(rows), EXTERNAL)
    return rows, parts_of(sides[patient], newest_us, _block_from_us(design))


def windows_at(records: Records, patient: Places, tick: Places) -> Windows:
    """Return the last 30 shown readings up to and including `tick` of each named patient, right-aligned."""
    ordered = np.argsort(~records.shown, axis=1, kind="stable")  # ticks of shown readings first, in order
    newest = np.cumsum(records.shown, axis=1)[patient, tick] - 1
    place = newest[:, None] + np.arange(1 - WINDOW_LENGTH, 1)
    chosen = ordered[patient[:, None], place.clip(0)]

    def pick(values: NDArray[Any]) -> NDArray[np.float32]:
        return np.where(place >= 0, values[patient[:, None], chosen], np.nan).astype(np.float32)

    effective_us = records.effective_us[patient[:, None], chosen]
    return Windows(effective_us, pick(records.systolic), pick(records.diastolic), pick(records.heart_rate))


def _seed(design: Design, chunk: int) -> int:
    """Return the seed of a chunk; a shifted design never repeats the random numbers of another one of the same seed."""
    words = np.random.SeedSequence([design.seed, chunk, int(design.shifted)]).generate_state(1, np.uint64)
    return int(words[0])


def _ticks(design: Design, hours: int) -> int:
    return hours * 60 // design.scenario.interval_minutes


def by_tick(ticks: list[Readings], name: str) -> NDArray[Any]:
    """Return a measure of n patients at T ticks, shape (n, T)."""
    return np.stack([getattr(readings, name) for readings in ticks], axis=1)


def _records(ticks: list[Readings], measuring: Rhythm) -> Records:
    everyone = np.arange(len(measuring.every))[:, None]
    heart_rate = np.where(by_tick(ticks, "heart_rate_accepted"), by_tick(ticks, "heart_rate"), np.nan)
    return Records(
        effective_us=by_tick(ticks, "effective_us"),
        systolic=by_tick(ticks, "systolic"),
        diastolic=by_tick(ticks, "diastolic"),
        heart_rate=heart_rate.astype(np.float32),
        shown=by_tick(ticks, "accepted") & measuring.measures(everyone, np.arange(len(ticks))),
    )


def _choose(records: Records, sides: Texts, design: Design, random: np.random.Generator) -> tuple[Places, Places]:
    """Choose the (patient, tick) pairs that become rows: shown, with enough readings behind them, at a usable time."""
    enough = np.cumsum(records.shown, axis=1) >= design.min_readings
    eligible = records.shown & enough & (records.effective_us < _instant(design.usable_h))
    if not design.shifted:
        eligible &= ~are_purged(sides[:, None], records.effective_us, _block_from_us(design))
    tracked = (sides == TRACK) & (design.track_h > 0) & (not design.shifted)
    in_stretch = records.effective_us >= _instant(design.usable_h - design.track_h)
    chosen = _sample(eligible, design.windows_per_patient, random)
    patient, tick = np.nonzero(np.where(tracked[:, None], eligible & in_stretch, chosen))
    return patient, tick


def _sample(eligible: Flags, count: int, random: np.random.Generator) -> Flags:
    """Choose `count` eligible ticks of each patient at random, all if there are fewer."""
    keys = np.where(eligible, random.random(eligible.shape), np.inf)
    chosen = np.zeros_like(eligible)
    np.put_along_axis(chosen, keys.argsort(axis=1)[:, :count], True, axis=1)
    return chosen & eligible


def _targets_at(records: Records, measuring: Rhythm, patient: Places, tick: Places, design: Design) -> Targets:
    after = tick[:, None] + np.arange(1, _ticks(design, FOLLOW_UP_H) + 1)
    rows = patient[:, None]
    return crisis_targets(
        newest_us=records.effective_us[patient, tick],
        effective_us=records.effective_us[rows, after],
        systolic=records.systolic[rows, after],
        diastolic=records.diastolic[rows, after],
        measured=records.shown[rows, after],
        end_us=_instant(design.record_h),
        interval_us=measuring.every[patient] * design.scenario.interval_minutes * MINUTE_US,
    )


def _block_from_us(design: Design) -> int:
    return _instant(design.usable_h - BLOCK_H)


def _instant(hours: int) -> int:
    """Return the instant so many hours into a record."""
    return START_US + hours * HOUR_US
