"""The Monte-Carlo oracle: what somebody who knew the simulator and the patient's true state could predict at best.

From the state at t (slow terms, the day's draws, episodes under way, all hidden from the model) many futures are
simulated, and the share of them with a crisis is the risk. No model of 30 readings can reach it; it is the limit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import HOUR_US
from jobs.training.simulated import Design, by_tick, patient_ids, simulate_rows, start_simulation
from ml.dataset import Dataset
from ml.labels import FOLLOW_UP_H, crisis_targets
from producer.simulation.readings import Simulation

COPIES: Final = 1_000  # the standard error of a risk is at most 0.016
ENDLESS_US: Final = int(np.iinfo(np.int64).max)

Floats = NDArray[np.float64]


def oracle_rows(design: Design, chunk: int, copies: int = COPIES) -> tuple[Dataset, Floats]:
    """Return the rows of one chunk as `simulate_rows` makes them, and the oracle's risks for them, shape (m, 3).

    Futures are labelled by the same rule as the rows, censored ones left out.
    """
    rows, _ = simulate_rows(design, chunk)
    simulation = start_simulation(design, chunk)
    place = {name: index for index, name in enumerate(patient_ids(design, chunk).tolist())}
    patient = np.array([place[name] for name in rows.patient_id.tolist()], dtype=np.intp)
    tick = (rows.newest_us - simulation.plan.epoch_us) // simulation.plan.interval_us
    risks = np.empty(rows.targets.shape)
    for present in np.unique(tick).tolist():
        simulation.skip_to(present + 1)
        here = tick == present
        risks[here] = _crisis_shares(simulation.fork(patient[here], copies, seed=present), rows.newest_us[here])
    return rows, risks


def _crisis_shares(futures: Simulation, newest_us: NDArray[np.int64]) -> Floats:
    """Return the share of each patient's futures, which lie side by side, in which a crisis follows, shape (n, 3)."""
    ticks = [futures.step() for _ in range(FOLLOW_UP_H * HOUR_US // futures.plan.interval_us)]
    copies = len(futures.patients) // len(newest_us)
    targets = crisis_targets(
        newest_us=np.repeat(newest_us, copies),
        effective_us=by_tick(ticks, "effective_us"),
        systolic=by_tick(ticks, "true_systolic"),
        diastolic=by_tick(ticks, "true_diastolic"),
        measured=by_tick(ticks, "measured"),
        end_us=ENDLESS_US,
    )
    shares: Floats = np.nanmean(targets.reshape(len(newest_us), copies, -1), axis=1, dtype=np.float64)
    return shares
