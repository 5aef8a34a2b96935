"""Training and evaluation data: one row per window, its targets, and the part of the data that it belongs to.

A row is a window as it was known at t, the effective time of its newest reading. Each patient belongs to one part for
ever, decided by a hash of the patient's id: a later retraining never trains on the patients that judged an earlier one.
The last stretch of time is held out (`block`) for the patients that a model is otherwise fitted on. Their rows before
it whose follow-up reaches into it belong to no part: what they teach would be judged again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import HOUR_US
from ml.labels import FOLLOW_UP_H, Flags

# Shares of the patients. `test` holds windows at random times; `track` holds every window of its patients, as alarm
# burden and lead times need them.
TRAIN: Final = "train"
EARLY_STOPPING: Final = "early_stopping"
CALIBRATION: Final = "calibration"
SPLIT_SHARES: Final = {TRAIN: 0.60, EARLY_STOPPING: 0.10, CALIBRATION: 0.15, "test": 0.12, "track": 0.03}
BLOCK: Final = "block"  # the last stretch of time of patients that are otherwise trained on
EXTERNAL: Final = "external"  # patients of a shifted generator
SPLITS: Final = (*SPLIT_SHARES, BLOCK, EXTERNAL)
FITTED: Final = (TRAIN, EARLY_STOPPING, CALIBRATION)  # on whose patients a model is fitted
TEST: Final = "test"
TRACK: Final = "track"

Texts = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Dataset:
    """m rows.

    `features` has shape (m, 120). `targets` has shape (m, 3), in the order of the horizons: 1 if a crisis follows
    within the horizon, 0 if none does, NaN where the follow-up does not tell (censored). The others have shape (m,):
    `newest_us` is t in microseconds since the epoch, UTC; `group` the patient's simulated group, "" for real patients;
    `hour` the hour of the day (0 to 24) that the clock of the place shows at t. `confirmed`, shape (m, 3), are the
    targets of confirmed crises (`ml.labels`), which nothing is fitted on.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    patient_id: Texts
    newest_us: NDArray[np.int64]
    group: Texts
    hour: NDArray[np.float32]
    confirmed: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)

    @property
    def is_simulated(self) -> bool:
        """Tell whether any of the patients is simulated."""
        return bool((self.group != "").any())

    def where(self, chosen: Flags | NDArray[np.intp]) -> Dataset:
        """Return the chosen rows, by flags or by places in the order wanted."""
        return Dataset(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def by_time(self) -> NDArray[np.intp]:
        """Return the places of the rows, sorted by patient and time."""
        return np.lexsort((self.newest_us, self.patient_id))

    def for_horizon(self, column: int) -> Dataset:
        """Return the rows whose target of this horizon (0, 1, 2) is known."""
        return self.where(~np.isnan(self.targets[:, column]))


def split_of(patient_id: str) -> str:
    """Return the part that a patient belongs to, always the same."""
    digest = hashlib.blake2b(patient_id.encode(), digest_size=8, person=b"split").digest()
    place = int.from_bytes(digest, "big") / 2**64
    ends = np.cumsum(list(SPLIT_SHARES.values()))
    return list(SPLIT_SHARES)[int(np.searchsorted(ends, place, side="right").clip(max=len(ends) - 1))]


def parts_of(sides: Texts, newest_us: NDArray[np.int64], block_from_us: int) -> Texts:
    """Return the part of rows at t = `newest_us` of patients on these `sides` (`split_of`); shapes broadcast."""
    return np.where(np.isin(sides, FITTED) & (newest_us >= block_from_us), BLOCK, sides)


def are_purged(sides: Texts, newest_us: NDArray[np.int64], block_from_us: int) -> Flags:
    """Tell which rows belong to no part; shapes broadcast."""
    ends_us = newest_us + FOLLOW_UP_H * HOUR_US
    purged: Flags = np.isin(sides, FITTED) & (newest_us < block_from_us) & (ends_us >= block_from_us)
    return purged
