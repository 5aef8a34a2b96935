"""Rows from simulated patients: windows as the stream would see them, and the crises that followed.

Windows hold what the device showed, failed measurements left out. Targets come from the true pressures at the instants
that were measured. Groups, episodes and other latent state never reach the features. A design is made in chunks of
patients that are independent of each other, so that any number of them fits into bounded memory. All SIMULATED.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.dataset import BLOCK, EXTERNAL, Dataset, Texts, split_of
from ml.features import MICROSECONDS_PER_HOUR, WINDOW_LENGTH, Windows, feature_matrix
from ml.labels import FOLLOW_UP_H, crisis_targets
from producer.patient_profile import MIXTURE, draw_patients
from producer.simulation import GAP_SHARE, Plan, Simulation

EPOCH_US: Final = 1_735_689_600_000_000  # 2025-01-01; any day would do, the simulator knows no seasons
CHUNK_PATIENTS: Final = 1_000
BLOCK_H: Final = 12  # the last hours of usable time, held out for patients that are otherwise trained on
FITTED: Final = ("train", "early_stopping", "calibration")
TRACK: Final = "track"

Flags = NDArray[np.bool_]
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
    record_h: int = 96
    interval_minutes: int = 15
    track_h: int = 24
    episode_factor: float = 10.0  # natural episodes are too rare to learn from a few days of a few thousand patients
    mixture: Mapping[str, float] = field(default_factory=lambda: dict(MIXTURE))
    shifted: bool = False

    def __post_init__(self) -> None:
        if self.usable_h < BLOCK_H + FOLLOW_UP_H or self.usable_h < self.track_h:
            raise ValueError(f"record_h must be at least {FOLLOW_UP_H + max(BLOCK_H + FOLLOW_UP_H, self.track_h)}")

    @property
    def usable_h(self) -> int:
        """Hours of the record in which t may lie: all but the follow-up."""
        return self.record_h - FOLLOW_UP_H

    def describe(self) -> dict[str, object]:
        """The design as plain values, with what it does not say itself."""
        return {"source": "SIMULATED patients, no real person", **asdict(self), "failed_measurements": GAP_SHARE}


@dataclass(frozen=True, slots=True)
class Records:
    """Readings of n patients at T ticks each, shape (n, T).

    `measured` is False where the device failed. The true values are what it would have shown without artefacts.
    """

    effective_us: NDArray[np.int64]
    systolic: NDArray[np.int16]
    diastolic: NDArray[np.int16]
    heart_rate: NDArray[np.int16]
    true_systolic: NDArray[np.int16]
    true_diastolic: NDArray[np.int16]
    measured: Flags


def chunks(design: Design) -> int:
    """The number of chunks of a design."""
    return -(-design.patients // CHUNK_PATIENTS)


def simulate_rows(design: Design, chunk: int) -> tuple[Dataset, Texts]:
    """The rows of one chunk of patients and the part (`ml.dataset.SPLITS`) of each, shape (m,); repeatable."""
    seed = _seed(design, chunk)
    names = _patient_ids(design, chunk)
    patients = draw_patients(len(names), seed, design.mixture)
    plan = Plan(seed, EPOCH_US, _interval_us(design), design.episode_factor)
    records = _simulate(Simulation(patients, plan), design)
    sides = np.array([split_of(name) for name in names])
    patient, tick = _choose(records, sides, design, np.random.default_rng(seed))
    newest_us = records.effective_us[patient, tick]
    rows = Dataset(
        features=feature_matrix(windows_at(records, patient, tick)),
        targets=_targets_at(records, patient, tick, design),
        patient_id=names[patient],
        newest_us=newest_us,
        group=np.array(patients.group)[patient],
    )
    return rows, _parts(sides[patient], newest_us, design)


def windows_at(records: Records, patient: Places, tick: Places) -> Windows:
    """The last 30 measured readings up to and including `tick` of each named patient, right-aligned."""
    ordered = np.argsort(~records.measured, axis=1, kind="stable")  # ticks of measured readings first, in order
    newest = np.cumsum(records.measured, axis=1)[patient, tick] - 1
    place = newest[:, None] + np.arange(1 - WINDOW_LENGTH, 1)
    chosen = ordered[patient[:, None], place.clip(0)]

    def pick(values: NDArray[np.int16]) -> NDArray[np.float32]:
        return np.where(place >= 0, values[patient[:, None], chosen], np.nan).astype(np.float32)

    effective_us = records.effective_us[patient[:, None], chosen]
    return Windows(effective_us, pick(records.systolic), pick(records.diastolic), pick(records.heart_rate))


def _seed(design: Design, chunk: int) -> int:
    """One seed per chunk; a shifted design never repeats the random numbers of another one of the same seed."""
    words = np.random.SeedSequence([design.seed, chunk, int(design.shifted)]).generate_state(1, np.uint64)
    return int(words[0])


def _patient_ids(design: Design, chunk: int) -> Texts:
    count = min(CHUNK_PATIENTS, design.patients - chunk * CHUNK_PATIENTS)
    prefix = "shifted" if design.shifted else "sim"
    return np.array([f"{prefix}{design.seed}-{chunk}-{index}" for index in range(count)])


def _interval_us(design: Design) -> int:
    return design.interval_minutes * MICROSECONDS_PER_HOUR // 60


def _simulate(simulation: Simulation, design: Design) -> Records:
    ticks = [simulation.step() for _ in range(design.record_h * 60 // design.interval_minutes)]

    def column(name: str) -> NDArray[Any]:
        return np.stack([getattr(readings, name) for readings in ticks], axis=1)

    systolic, diastolic = column("systolic"), column("diastolic")
    return Records(
        effective_us=column("effective_us"),
        systolic=systolic,
        diastolic=diastolic,
        heart_rate=column("heart_rate"),
        true_systolic=systolic,
        true_diastolic=diastolic,
        measured=column("measured"),
    )


def _choose(records: Records, sides: Texts, design: Design, random: np.random.Generator) -> tuple[Places, Places]:
    """The (patient, tick) pairs that become rows: measured, with enough readings behind them, at a usable time."""
    hours = _hours(records.effective_us)
    enough = np.cumsum(records.measured, axis=1) >= design.min_readings
    eligible = records.measured & enough & (hours < design.usable_h)
    if not design.shifted:
        fitted = np.isin(sides, FITTED)[:, None]
        eligible &= ~fitted | (hours < _purged_from_h(design)) | (hours >= _block_from_h(design))
    tracked = (sides == TRACK) & (design.track_h > 0) & (not design.shifted)
    in_stretch = hours >= design.usable_h - design.track_h
    chosen = _sample(eligible, design.windows_per_patient, random)
    patient, tick = np.nonzero(np.where(tracked[:, None], eligible & in_stretch, chosen))
    return patient, tick


def _sample(eligible: Flags, count: int, random: np.random.Generator) -> Flags:
    """Choose `count` eligible ticks of each patient at random, all if there are fewer."""
    keys = np.where(eligible, random.random(eligible.shape), np.inf)
    chosen = np.zeros_like(eligible)
    np.put_along_axis(chosen, keys.argsort(axis=1)[:, :count], True, axis=1)
    return chosen & eligible


def _targets_at(records: Records, patient: Places, tick: Places, design: Design) -> NDArray[np.float32]:
    ticks_after = FOLLOW_UP_H * 60 // design.interval_minutes
    after = tick[:, None] + np.arange(1, ticks_after + 1)
    rows = patient[:, None]
    return crisis_targets(
        newest_us=records.effective_us[patient, tick],
        effective_us=records.effective_us[rows, after],
        systolic=records.true_systolic[rows, after],
        diastolic=records.true_diastolic[rows, after],
        measured=records.measured[rows, after],
        end_us=EPOCH_US + design.record_h * MICROSECONDS_PER_HOUR,
    )


def _parts(sides: Texts, newest_us: NDArray[np.int64], design: Design) -> Texts:
    """The part of each row, from the side of its patient and from its time."""
    if design.shifted:
        return np.full(len(sides), EXTERNAL)
    held_out = np.isin(sides, FITTED) & (_hours(newest_us) >= _block_from_h(design))
    return np.where(held_out, BLOCK, sides)


def _hours(effective_us: NDArray[np.int64]) -> NDArray[np.float64]:
    return (effective_us - EPOCH_US) / MICROSECONDS_PER_HOUR


def _block_from_h(design: Design) -> int:
    return design.usable_h - BLOCK_H


def _purged_from_h(design: Design) -> int:
    """From here on the follow-up of a row reaches into the block."""
    return _block_from_h(design) - FOLLOW_UP_H
