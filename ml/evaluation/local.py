"""Recalibration on local patients: is a line on the log odds of each horizon worth having, and what does it change?

A model that comes from elsewhere mostly still ranks well, and is off in its level. Two numbers a horizon mend that, and
need far fewer patients than a training: but some of them with a crisis, and proof on patients left out of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from conf.errors import UserError
from ml.calibration import UNCALIBRATED, Calibrator, Calibrators, fit_line, is_better, out_of_fold
from ml.evaluation.bootstrap import plain
from ml.evaluation.comparison import NOTICEABLE
from ml.evaluation.gates import MOST_ICI_RISE, MOST_REPAIRED, Check
from ml.evaluation.live import live_figures

LEAST_PATIENTS: Final = 50  # with a crisis that followed, for each horizon
IN_CARD: Final = ("rows", "events", "brier", "ici", "slope", "observed_to_expected")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocalWindows:
    """m windows of local patients: risks (m, 3) as calibrated until now, before repair; targets (m, 3) or NaN."""

    risks: Floats
    targets: NDArray[np.float32]
    patient_id: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """One horizon: its `line`, None where it keeps what it has, and why, in a sentence.

    `after` (m,) are the risks of patients left out of the fit, before repair.
    """

    line: Calibrator | None
    patients: int
    why: str
    after: Floats


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The three horizons, and the windows that they rest on."""

    windows: LocalWindows
    horizons: tuple[Recalibrated, ...]

    @property
    def is_change(self) -> bool:
        """Tell whether any horizon is changed."""
        return any(horizon.line for horizon in self.horizons)

    def calibrators(self, before: Calibrators) -> Calibrators:
        """Return the calibrators with the lines after them."""
        pairs = zip(before.by_horizon, self.horizons, strict=True)
        return Calibrators(tuple(old.then(made.line) if made.line else old for old, made in pairs))

    def served(self) -> tuple[Floats, Floats]:
        """Return the coherent risks (m, 3) before and after."""
        after = np.stack([horizon.after for horizon in self.horizons], axis=1)
        return np.maximum.accumulate(self.windows.risks, axis=1), np.maximum.accumulate(after, axis=1)

    def to_come(self) -> Floats:
        """Return the coherent risks (m, 3) that the windows will be given: by lines fitted on all of them."""
        return np.maximum.accumulate(self.calibrators(UNCALIBRATED).apply(self.windows.risks), axis=1)

    def describe(self) -> dict[str, Any]:
        """Return plain values for the card: each horizon before and after, by patients left out of the fit."""
        before, after = self.served()
        return {
            f"{horizon_h}h": {
                "changed": made.line is not None,
                "patients_with_a_crisis": made.patients,
                "why": made.why,
                **({"slope": made.line.slope, "intercept": made.line.intercept} if made.line else {}),
                "before": local_figures(before[:, column], self.windows.targets[:, column]),
                "after": local_figures(after[:, column], self.windows.targets[:, column]),
            }
            for column, (horizon_h, made) in enumerate(zip(HORIZONS_H, self.horizons, strict=True))
        }

    def checks(self) -> list[Check]:
        """Return the conditions under which a recalibration goes into service."""
        told = self.describe()
        made = [_calibration_check(horizon, found) for horizon, found in told.items()]
        _, after = self.served()
        unrepaired = np.stack([horizon.after for horizon in self.horizons], axis=1)
        share = float((after - unrepaired >= NOTICEABLE).any(axis=1).mean())
        detail = (
            f"The horizons noticeably contradict each other in {share:.1%} of windows, {MOST_REPAIRED:.0%} is allowed."
        )
        return [*made, Check("coherence", share <= MOST_REPAIRED, detail)]


def recalibrate(windows: LocalWindows) -> Recalibration:
    """Fit a line for each horizon that has patients enough and gains by it.

    Raises `UserError`, which says how many patients there are, if no horizon has enough.
    """
    horizons = tuple(_recalibrate(windows, column) for column in range(len(HORIZONS_H)))
    if all(horizon.patients < LEAST_PATIENTS for horizon in horizons):
        counts = ", ".join(
            f"{horizon.patients} within {horizon_h} h" for horizon_h, horizon in zip(HORIZONS_H, horizons, strict=True)
        )
        raise UserError(
            f"Too few patients with a crisis after a prediction: {counts}; {LEAST_PATIENTS} are needed. Nothing was "
            "changed. Wait for more readings, or look further back with --days."
        )
    return Recalibration(windows, horizons)


def _recalibrate(windows: LocalWindows, column: int) -> Recalibrated:
    known = ~np.isnan(windows.targets[:, column])
    risk, target, patient_id = windows.risks[known, column], windows.targets[known, column], windows.patient_id[known]
    patients, before = len(np.unique(patient_id[target > 0])), windows.risks[:, column]
    name = f"{HORIZONS_H[column]} h"
    if patients < LEAST_PATIENTS:
        return Recalibrated(
            None, patients, f"{name}: {patients} patients with a crisis, {LEAST_PATIENTS} are needed.", before
        )
    calibrated = out_of_fold(risk, target, patient_id, fit_line)
    if calibrated is None or not is_better(calibrated, risk, target, patient_id):
        return Recalibrated(None, patients, f"{name}: a line does not help patients left out of its fit.", before)
    after = before.copy()
    after[known] = calibrated
    line = fit_line(risk, target)
    after[~known] = line.apply(before[~known])
    said = f"{name}: log odds times {line.slope:.2f} {line.intercept:+.2f}, by {patients} patients with a crisis."
    return Recalibrated(line, patients, said, after)


def local_figures(risk: Floats, target: NDArray[np.float32]) -> dict[str, Any]:
    """Return the figures of windows whose outcome is known; None for what cannot be told."""
    known = ~np.isnan(target)
    if not known.any():
        return dict.fromkeys(IN_CARD)
    found = live_figures(target[known], risk[known], np.full(int(known.sum()), ""))
    ratio = plain(found["observed_rate"] / found["mean_risk"]) if found["mean_risk"] else None
    return {name: {**found, "observed_to_expected": ratio}[name] for name in IN_CARD}


def _calibration_check(horizon: str, found: Mapping[str, Any]) -> Check:
    """Demand a smaller calibration error of a changed horizon, and no noticeably larger one of another."""
    before, after = found["before"]["ici"], found["after"]["ici"]
    allowed = 0.0 if found["changed"] else MOST_ICI_RISE
    if before is None or after is None:
        return Check(f"calibration error {horizon}", not found["changed"], f"{horizon}: calibration cannot be judged.")
    detail = f"{horizon}: ICI {after:.3g} after {before:.3g}, on patients left out of the fit. {found['why']}"
    return Check(f"calibration error {horizon}", after - before <= allowed, detail)
