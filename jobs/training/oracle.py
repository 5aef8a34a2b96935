"""The Monte-Carlo oracle: what somebody who knew the simulator and the patient's true state could predict at best.

From the state at t (slow terms, the day's draws, episodes under way, all hidden from the model) many futures are
simulated, and the share of them with a crisis is the risk. No model of 30 readings can reach it; it is the limit.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import HOUR_US
from jobs.training.simulated import Design, Rhythm, by_tick, patient_ids, rhythm, simulate_rows, start_simulation
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
    measuring = rhythm(design, chunk)
    for present in np.unique(tick).tolist():
        simulation.skip_to(present + 1)
        here = tick == present
        futures = simulation.fork(patient[here], copies, seed=present)
        own = Rhythm(measuring.begins[patient[here]], measuring.every[patient[here]])
        risks[here] = _crisis_shares(futures, own, rows.newest_us[here])
    return rows, risks


def _crisis_shares(futures: Simulation, measuring: Rhythm, newest_us: NDArray[np.int64]) -> Floats:
    """Return the share of each patient's futures, which lie side by side, in which a crisis follows, shape (n, 3)."""
    first = futures.next_tick
    ticks = [futures.step() for _ in range(FOLLOW_UP_H * HOUR_US // futures.plan.interval_us)]
    copies = len(futures.patients) // len(newest_us)
    patient = np.repeat(np.arange(len(newest_us)), copies)
    targets = crisis_targets(
        newest_us=np.repeat(newest_us, copies),
        effective_us=by_tick(ticks, "effective_us"),
        systolic=by_tick(ticks, "systolic"),
        diastolic=by_tick(ticks, "diastolic"),
        measured=by_tick(ticks, "accepted") & measuring.measures(patient[:, None], first + np.arange(len(ticks))),
        end_us=ENDLESS_US,
        interval_us=measuring.every[patient] * futures.plan.interval_us,
    ).shown.reshape(len(newest_us), copies, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of who measures too seldom, no future tells
        shares: Floats = np.nanmean(targets, axis=1, dtype=np.float64)
    return shares
