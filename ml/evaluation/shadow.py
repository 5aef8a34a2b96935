"""Champion and challenger on the same stored predictions, once the truth is known: which one is nearer, how surely.

Sums by patient are all that it takes, so that months of predictions are compared in the memory of a few columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.bootstrap import draw_weights, interval, plain, squared_error, weighted_sums

SUMS: Final = ("rows", "events", "expected", "shadow_expected", "loss", "shadow_loss")  # columns, of each patient
REPLICATES: Final = 1000
MOST_DRAWN: Final = 10_000_000  # patients times replicates: 40 MB
LEAST_REPLICATES: Final = 200
FITTING: Final = (0.67, 1.5)  # expected by observed crises; outside, beyond chance, the risks do not fit any more

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Needed:
    """What a challenger must have been judged on before it may go into service: days, and patients with a crisis."""

    days: int
    event_patients: int

    def is_met(self, days: int, event_patients: int) -> bool:
        """Tell whether that much was judged."""
        return days >= self.days and event_patients >= self.event_patients


def row_sums(target: NDArray[np.float32], risk: Floats, shadow_risk: Floats) -> Floats:
    """Return what each of m predictions with an outcome adds to the columns of `SUMS`, shape (m, 6)."""
    losses = squared_error(target, risk), squared_error(target, shadow_risk)
    return np.stack([np.ones(len(target)), target.astype(np.float64), risk, shadow_risk, *losses], axis=1)


def compare(sums: Floats, seed: int = 0) -> dict[str, Any]:
    """Return plain figures from the sums (n, 6) of n patients, with 95 % intervals by bootstrap over patients.

    `brier_difference` below 0 says that the challenger is nearer. Expected by observed crises above 1 say that risks
    are too high; without a crisis they are unknown.
    """
    replicates = int(np.clip(MOST_DRAWN // len(sums), LEAST_REPLICATES, REPLICATES))
    weights = draw_weights(len(sums), replicates, seed)
    rows, events, expected, shadow_expected, loss, shadow_loss = weighted_sums(weights, np.arange(len(sums)), sums).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "patients": len(sums),
            "event_patients": int((sums[:, SUMS.index("events")] > 0).sum()),
            "rows": int(rows[0]),
            "events": int(events[0]),
            "brier": plain(loss[0] / rows[0]),
            "shadow_brier": plain(shadow_loss[0] / rows[0]),
            "brier_difference": interval((shadow_loss - loss) / rows),
            "expected_observed": interval(expected / events),
            "shadow_expected_observed": interval(shadow_expected / events),
        }


def is_off(expected_observed: Mapping[str, float | None]) -> bool:
    """Tell whether risks are further from what happens than `FITTING` allows, and not by chance."""
    value, low, high = (expected_observed[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return False
    return (value < FITTING[0] and high < 1) or (value > FITTING[1] and low > 1)
