"""Training data from simulated patients: windows as the stream would see them, and what happened afterwards.

The windows hold what arrived, failed measurements left out; the targets look at every reading the patient would have
had, so that a missing reading never counts as "no crisis". All readings are SIMULATED.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H
from ml.features import MICROSECONDS_PER_HOUR, WINDOW_LENGTH, Windows, feature_matrix
from producer.patient_profile import MIXTURE, draw_patients
from producer.simulation import GAP_SHARE, Plan, Simulation

EPOCH_US: Final = 1_735_689_600_000_000  # 2025-01-01; any day would do, the simulator knows no seasons
FOLLOW_UP_H: Final = max(HORIZONS_H)
SPLIT_SHARES: Final = {"train": 0.70, "validation": 0.15, "test": 0.15}


@dataclass(frozen=True, slots=True)
class Design:
    """How training data are made; it goes into the model card as it stands."""

    patients: int = 4000
    seed: int = 7
    min_readings: int = 10
    record_h: int = 72
    interval_minutes: int = 15
    windows_per_patient: int = 12
    episode_factor: float = 10.0  # natural episodes are too rare to learn from a few days of a few thousand patients
    mixture: dict[str, float] = field(default_factory=lambda: dict(MIXTURE))

    def describe(self) -> dict[str, object]:
        """The design as plain values, with what it does not say itself."""
        return {"source": "SIMULATED patients, no real person", **asdict(self), "failed_measurements": GAP_SHARE}


@dataclass(frozen=True, slots=True)
class Records:
    """Readings of n patients at T ticks each, shape (n, T); `measured` is False where the device failed."""

    effective_us: NDArray[np.int64]
    systolic: NDArray[np.int16]
    diastolic: NDArray[np.int16]
    heart_rate: NDArray[np.int16]
    measured: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dataset:
    """m rows: features (m, 120), targets (m, 3) of 0 and 1 in the order of the horizons, the row's patient (m,)."""

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    patient: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_]) -> Dataset:
        """The chosen rows."""
        return Dataset(self.features[chosen], self.targets[chosen], self.patient[chosen])


def make_dataset(design: Design) -> Dataset:
    """Simulate, take windows at random ticks with full follow-up, and label them."""
    records = simulate_records(design)
    patient, tick = _choose_windows(records.measured, design)
    windows = windows_at(records, patient, tick)
    enough = windows.filled.sum(axis=1) >= design.min_readings
    features = feature_matrix(windows)[enough]
    targets = _targets_at(records, patient[enough], tick[enough])
    return Dataset(features, targets, patient[enough])


def split_by_patient(dataset: Dataset, seed: int) -> dict[str, Dataset]:
    """Split into train, validation and test so that each patient is in exactly one of them."""
    patients = np.random.default_rng(seed).permutation(np.unique(dataset.patient))
    ends = np.cumsum(list(SPLIT_SHARES.values()))[:-1] * len(patients)
    parts = np.split(patients, np.rint(ends).astype(int))
    return {name: dataset.where(np.isin(dataset.patient, part)) for name, part in zip(SPLIT_SHARES, parts, strict=True)}


def simulate_records(design: Design) -> Records:
    """Records of `design.record_h` hours of all patients, failed measurements marked."""
    interval_us = design.interval_minutes * MICROSECONDS_PER_HOUR // 60
    patients = draw_patients(design.patients, design.seed, design.mixture)
    simulation = Simulation(patients, Plan(design.seed, EPOCH_US, interval_us, design.episode_factor))
    ticks = [simulation.step() for _ in range(design.record_h * 60 // design.interval_minutes)]
    return Records(
        effective_us=np.stack([readings.effective_us for readings in ticks], axis=1),
        systolic=np.stack([readings.systolic for readings in ticks], axis=1),
        diastolic=np.stack([readings.diastolic for readings in ticks], axis=1),
        heart_rate=np.stack([readings.heart_rate for readings in ticks], axis=1),
        measured=np.stack([readings.measured for readings in ticks], axis=1),
    )


def windows_at(records: Records, patient: NDArray[np.intp], tick: NDArray[np.intp]) -> Windows:
    """The last 30 measured readings up to and including `tick` of each named patient, right-aligned."""
    ordered = np.argsort(~records.measured, axis=1, kind="stable")  # ticks of measured readings first, in order
    newest = np.cumsum(records.measured, axis=1)[patient, tick] - 1
    place = newest[:, None] + np.arange(1 - WINDOW_LENGTH, 1)
    chosen = ordered[patient[:, None], place.clip(0)]

    def pick(values: NDArray[np.int16]) -> NDArray[np.float32]:
        return np.where(place >= 0, values[patient[:, None], chosen], np.nan).astype(np.float32)

    effective_us = records.effective_us[patient[:, None], chosen]
    return Windows(effective_us, pick(records.systolic), pick(records.diastolic), pick(records.heart_rate))


def crisis_targets(
    newest_us: NDArray[np.int64],
    effective_us: NDArray[np.int64],
    systolic: NDArray[np.int16],
    diastolic: NDArray[np.int16],
) -> NDArray[np.float32]:
    """Whether a crisis reading lies in (t, t + h], shape (m, 3), for t = `newest_us` (m,) and readings of shape (m, k).

    The reading at t itself never counts, one exactly h hours later does. The readings must reach to t + 24 h.
    """
    hours_after = (effective_us - newest_us[:, None]) / MICROSECONDS_PER_HOUR
    crisis = (systolic >= CRISIS_SYSTOLIC) | (diastolic >= CRISIS_DIASTOLIC)
    by_horizon = [(crisis & (hours_after > 0) & (hours_after <= horizon_h)).any(axis=1) for horizon_h in HORIZONS_H]
    return np.stack(by_horizon, axis=1).astype(np.float32)


def _choose_windows(measured: NDArray[np.bool_], design: Design) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Random (patient, tick) pairs at measured readings that are followed for 24 h."""
    last = measured.shape[1] - _follow_up_ticks(design.interval_minutes)
    if last <= 0:
        raise ValueError(f"record_h must exceed the follow-up of {FOLLOW_UP_H} h")
    random = np.random.default_rng([design.seed, 0])
    order = random.random((len(measured), last)).argsort(axis=1)[:, : design.windows_per_patient]
    patient, tick = np.repeat(np.arange(len(measured)), order.shape[1]), order.ravel()
    at_reading = measured[patient, tick]
    return patient[at_reading], tick[at_reading]


def _targets_at(records: Records, patient: NDArray[np.intp], tick: NDArray[np.intp]) -> NDArray[np.float32]:
    interval_us = int(records.effective_us[0, 1] - records.effective_us[0, 0])
    after = tick[:, None] + np.arange(1, FOLLOW_UP_H * MICROSECONDS_PER_HOUR // interval_us + 1)
    rows = patient[:, None]
    readings = (records.effective_us, records.systolic, records.diastolic)
    return crisis_targets(records.effective_us[patient, tick], *(values[rows, after] for values in readings))


def _follow_up_ticks(interval_minutes: int) -> int:
    return FOLLOW_UP_H * 60 // interval_minutes
