"""Synthetic risks with known properties, and data that carry them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.dataset import Dataset
from ml.features import FEATURE_NAMES

Floats = NDArray[np.float64]
HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Outcomes:
    """Rows whose events happen with the chance `true`; rows of one patient share part of their risk."""

    patient_id: NDArray[np.str_]
    true: Floats
    target: NDArray[np.float32]


def draw_outcomes(
    rows: int, *, patients: int = 200, base: float = -2.0, spread: float = 1.2, seed: int = 1
) -> Outcomes:
    random = np.random.default_rng(seed)
    patient = random.integers(0, patients, rows)
    level = random.normal(0, spread, patients)[patient]
    true = sigmoid(base + level + random.normal(0, 0.7, rows))
    return Outcomes(np.char.add("p", patient.astype(str)), true, (random.random(rows) < true).astype(np.float32))


def sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)


def distorted(risk: Floats, slope: float = 1.0, shift: float = 0.0) -> Floats:
    return sigmoid(slope * np.log(risk / (1 - risk)) + shift)


def make_data(outcomes: Outcomes, systolic: Floats | float = 140.0) -> Dataset:
    """Return data with the same outcome at each horizon; every window holds one reading."""
    rows = len(outcomes.target)
    features = np.full((rows, len(FEATURE_NAMES)), np.nan, dtype=np.float32)
    features[:, -4] = systolic
    features[:, -3:] = (80, 70, 0)
    targets = np.repeat(outcomes.target[:, None], 3, axis=1)
    newest_us = np.arange(rows, dtype=np.int64) * HOUR_US
    hours = (np.arange(rows) % 24).astype(np.float32)
    return Dataset(features, targets, outcomes.patient_id, newest_us, np.full(rows, ""), hours, targets)


def three(risk: Floats) -> Floats:
    """Return one risk for all horizons."""
    return np.repeat(risk[:, None], 3, axis=1)
