"""Calibrators: from a booster's own probability to the share of such windows that a crisis followed.

One per horizon, fitted on patients used nowhere else. Every calibrator is monotone: it never changes which of two
windows is at the higher risk. This module needs numpy only, except for fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from conf.errors import UserError

# Below this many rows of the rarer outcome two parameters are all that the data can carry: measured on simulated risks
# with six rows a patient, isotonic does worse than the sigmoid there, even where the truth is no line on the logit.
MIN_ISOTONIC_EVENTS: Final = 1_000
MOST_GROUPS: Final = 100
FOLDS: Final = 5
MOST_LOG_ODDS: Final = 16.0  # a float32 probability tells no more

STEPS_OF_A_PIECE: Final = 16  # of a piecewise linear map, on which a line on the logit is no straight line

Method = Literal["none", "sigmoid", "isotonic"]
Floats = NDArray[np.float64]
Targets = NDArray[np.floating[Any]]
Texts = NDArray[np.str_]


class CalibrationError(UserError):
    """The calibration rows cannot tell how often a crisis follows."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A monotone map of risks (0..1).

    `sigmoid` is a line on the logit (`slope` >= 0). `isotonic` is piecewise linear through the points
    (`raw`, `calibrated`), flat beyond its ends. `rows` and `events` tell how much it was fitted on.
    """

    method: Method
    slope: float = 1.0
    intercept: float = 0.0
    raw: tuple[float, ...] = ()
    calibrated: tuple[float, ...] = ()
    rows: int = 0
    events: int = 0

    def apply(self, risk: Floats) -> Floats:
        """Return the calibrated risks, of the same shape."""
        if self.method == "none":
            return risk
        if self.method == "sigmoid":
            return _expit(self.slope * logit(risk) + self.intercept)
        return np.interp(risk, self.raw, self.calibrated)

    def then(self, line: Calibrator) -> Calibrator:
        """Return the map that does what this one does, and then `line`, which is a sigmoid; its data are the line's."""
        if self.method != "isotonic":  # the slope of "none" is 1
            intercept = line.slope * self.intercept + line.intercept
            return replace(line, slope=line.slope * self.slope, intercept=intercept)
        pieces = np.linspace(self.raw[:-1], self.raw[1:], STEPS_OF_A_PIECE, endpoint=False).T.ravel()
        raw = np.unique(np.append(pieces, self.raw[-1]))
        points = tuple(raw.tolist()), tuple(line.apply(self.apply(raw)).tolist())
        return Calibrator("isotonic", raw=points[0], calibrated=points[1], rows=line.rows, events=line.events)

    def describe(self) -> dict[str, object]:
        """Return what a model card tells: the method and how much data it rests on."""
        told: dict[str, object] = {"method": self.method, "rows": self.rows, "events": self.events}
        if self.method == "sigmoid":
            return told | {"slope": self.slope, "intercept": self.intercept}
        return told | ({"points": len(self.raw)} if self.method == "isotonic" else {})

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``calibrators.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibrator:
        """Read what `to_json` wrote; raise ValueError, TypeError or KeyError for anything that is no monotone map."""
        points = {name: tuple(float(number) for number in value[name]) for name in ("raw", "calibrated")}
        calibrator = cls(**{**value, **points})
        if not _is_sound(calibrator):
            raise ValueError("not a monotone map of risks")
        return calibrator


@dataclass(frozen=True, slots=True)
class Calibrators:
    """One calibrator per horizon, in the order of `HORIZONS_H`."""

    by_horizon: tuple[Calibrator, ...]

    def apply(self, risks: Floats) -> Floats:
        """Calibrate each column of risks of shape (m, 3); the columns may contradict each other afterwards."""
        columns = zip(self.by_horizon, risks.T, strict=True)
        return np.stack([calibrator.apply(column) for calibrator, column in columns], axis=1)

    def describe(self) -> dict[str, object]:
        """Return what a model card tells, by horizon."""
        by_horizon = zip(HORIZONS_H, self.by_horizon, strict=True)
        return {f"{horizon_h}h": calibrator.describe() for horizon_h, calibrator in by_horizon}

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``calibrators.json``."""
        by_horizon = zip(HORIZONS_H, self.by_horizon, strict=True)
        return {f"{horizon_h}h": calibrator.to_json() for horizon_h, calibrator in by_horizon}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibrators:
        """Read what `to_json` wrote; raise ValueError, TypeError or KeyError otherwise."""
        return cls(tuple(Calibrator.from_json(value[f"{horizon_h}h"]) for horizon_h in HORIZONS_H))


UNCALIBRATED: Final = Calibrators((Calibrator("none"),) * len(HORIZONS_H))


def fit_all(risks: Floats, targets: Targets, patient_id: Texts) -> Calibrators:
    """Fit each horizon on raw risks and targets of shape (m, 3) where that helps; NaN targets are left out."""
    columns = zip(risks.T, targets.T, strict=True)
    return Calibrators(tuple(fit_if_better(risk, target, patient_id) for risk, target in columns))


def fit_if_better(risk: Floats, target: Targets, patient_id: Texts) -> Calibrator:
    """Fit as `fit` does if patients left out of the fit show that it helps; else leave the risks as they are.

    Crises of few patients teach a calibrator the level of those patients.
    """
    fitted = fit(risk, target)
    known = ~np.isnan(target)
    risk, target, patient_id = risk[known].astype(np.float64), target[known], patient_id[known]
    calibrated = out_of_fold(risk, target, patient_id, fit)
    helps = calibrated is not None and is_better(calibrated, risk, target, patient_id)
    return fitted if helps else Calibrator("none", rows=fitted.rows, events=fitted.events)


def out_of_fold(risk: Floats, target: Targets, patient_id: Texts, fit: Callable[..., Calibrator]) -> Floats | None:
    """Return each fifth of the patients as calibrated by the others; None where an outcome is lacking among those.

    Targets are all known.
    """
    fold = np.unique(patient_id, return_inverse=True)[1] % FOLDS
    calibrated = np.zeros(len(risk))
    for place in range(FOLDS):
        inside, others = fold == place, fold != place
        if not 0 < target[others].sum() < others.sum():
            return None
        calibrated[inside] = fit(risk[others], target[others]).apply(risk[inside])
    return calibrated


def is_better(calibrated: Floats, risk: Floats, target: Targets, patient_id: Texts) -> bool:
    """Tell whether the squared error falls by more than the standard error of its change between patients."""
    patient = np.unique(patient_id, return_inverse=True)[1]
    by_patient = np.bincount(patient, (calibrated - target) ** 2 - (risk - target) ** 2)
    return bool(by_patient.sum() < -by_patient.std() * np.sqrt(len(by_patient)))


def fit(risk: Floats, target: Targets) -> Calibrator:
    """Fit on raw risks and targets (0, 1, or NaN for censored) of shape (m,).

    A sigmoid where crises (or calm windows) are few, isotonic where there are plenty. Risks that do not rise with the
    truth get a flat map, which gives everybody the same risk. Raises `CalibrationError` if an outcome is lacking.
    """
    known = ~np.isnan(target)
    rows, events = int(known.sum()), int(target[known].sum())
    if not 0 < events < rows:
        raise CalibrationError("The calibration rows lack crises or calm windows. Use more patients.")
    fit_method = _fit_isotonic if min(events, rows - events) >= MIN_ISOTONIC_EVENTS else fit_line
    return fit_method(risk[known].astype(np.float64), target[known].astype(np.float64))


def logit(risk: Floats) -> Floats:
    """Return log odds, kept within what a float32 probability can tell."""
    with np.errstate(divide="ignore"):
        odds: Floats = np.log(risk) - np.log1p(-risk)
    return np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS)


def _expit(log_odds: Floats) -> Floats:
    """Return probabilities; what is too low for a float64 is 0, without a warning."""
    with np.errstate(over="ignore"):  # infinity below the line is the right zero
        probability: Floats = 1 / (1 + np.exp(-log_odds))
    return probability


def fit_line(risk: Floats, target: Targets) -> Calibrator:
    """Fit a line on the logit to known targets of both kinds; risks that fall with the truth get a flat one."""
    from sklearn.linear_model import LogisticRegression  # slow to import, and the stream's workers never fit

    line = LogisticRegression(C=np.inf).fit(logit(risk)[:, None], target)
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    if slope <= 0:
        slope, intercept = 0.0, float(logit(target.mean(keepdims=True))[0])
    return Calibrator("sigmoid", slope=slope, intercept=intercept, rows=len(target), events=int(target.sum()))


def _fit_isotonic(risk: Floats, target: Floats) -> Calibrator:
    """Isotonic regression on groups of equal size, its level stretches drawn together to their centres.

    Groups, each with its mean raw risk as one further row, keep the ends from 0 and 1; the centres (Oron and Flournoy
    2017) keep the map from making windows of different risk equal.
    """
    from sklearn.isotonic import IsotonicRegression

    groups = np.array_split(np.argsort(risk, kind="stable"), MOST_GROUPS)
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    centres = np.array([risk[group].mean() for group in groups])
    shares = (np.array([target[group].sum() for group in groups]) + centres) / (sizes + 1)
    rising = IsotonicRegression().fit(centres, shares, sample_weight=sizes).predict(centres)
    levels, level_of = np.unique(rising, return_inverse=True)
    raw = np.bincount(level_of, sizes * centres) / np.bincount(level_of, sizes)
    points = tuple(raw.tolist()), tuple(levels.tolist())
    return Calibrator("isotonic", raw=points[0], calibrated=points[1], rows=len(target), events=int(target.sum()))


def _is_sound(calibrator: Calibrator) -> bool:
    if calibrator.method == "none":
        return True
    if calibrator.method == "sigmoid":
        return bool(calibrator.slope >= 0 and np.isfinite([calibrator.slope, calibrator.intercept]).all())
    raw, calibrated = np.array(calibrator.raw), np.array(calibrator.calibrated)
    return (
        calibrator.method == "isotonic"
        and 0 < len(raw) == len(calibrated)
        and bool((np.diff(raw) > 0).all() and (np.diff(calibrated) >= 0).all())
        and bool(calibrated[0] >= 0 and calibrated[-1] <= 1)
    )
