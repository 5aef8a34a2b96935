"""The simple reference models that ours must beat: each maps rows to risks after a look at the training rows.

Logistic regression is there twice, on nine summaries and on all that the boosters see (`ml.linear`). The newest reading
in a logistic map is the one to fear: in published work on hypotension it was as good as the models (Anesthesiology
141(3):443). All are fitted per horizon on the rows whose target is known.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from conf.clinical import HORIZONS_H
from ml import linear
from ml.dataset import Dataset
from ml.evaluation.names import CLIMATOLOGY, LAST_VALUE, LOGISTIC_ON_INPUTS, LOGISTIC_REGRESSION, THRESHOLD_RULE
from ml.features import measures_of, newest_pressures
from ml.inputs import booster_inputs
from ml.labels import Flags

Features = NDArray[np.float32]
Summaries = NDArray[np.float64]
Risks = NDArray[np.float64]

RULE_SYSTOLIC: Final = 160  # mmHg, the bedside rule
RULE_DIASTOLIC: Final = 100
EXTRAPOLATED_READINGS: Final = 8
RECENT_READINGS: Final = 4  # about the last hour
LATER_READINGS: Final = 12
MOST_ITERATIONS: Final = 1000

SUMMARY_NAMES: Final = (
    *("newest_systolic", "newest_diastolic", "mean_systolic", "greatest_systolic", "spread_systolic"),
    *("mean_diastolic", "greatest_diastolic", "recent_systolic", "rise_systolic"),
)


def fit_reference_models(train: Dataset) -> Callable[[Dataset], dict[str, Risks]]:
    """Fit each of them once; the result maps m rows to risks of shape (m, 3) by model."""
    climatology = np.nanmean(train.targets, axis=0, dtype=np.float64)
    rule = _fit_threshold_rule(train)
    maps = {name: _fit_logistic(summarise, train) for name, summarise in LOGISTIC.items()}
    straight = linear.fit(booster_inputs(train.features, train.hour), train.targets)

    def risks(rows: Dataset) -> dict[str, Risks]:
        log_odds = straight.margins(booster_inputs(rows.features, rows.hour)).astype(np.float64)
        return {
            CLIMATOLOGY: np.tile(climatology, (len(rows), 1)),
            THRESHOLD_RULE: rule(rows.features),
            **{name: logistic(rows.features) for name, logistic in maps.items()},
            LOGISTIC_ON_INPUTS: 1 / (1 + np.exp(-log_odds)),
        }

    return risks


def window_summaries(features: Features) -> Summaries:
    """Return what a person would compute from a window, shape (m, 9), columns `SUMMARY_NAMES`, in mmHg.

    `recent` is the mean of the last four readings, `rise` the mean of the last twelve less that of those before.
    """
    systolic, diastolic, _, _ = measures_of(features).astype(np.float64)
    later, earlier = systolic[:, -LATER_READINGS:], systolic[:, :-LATER_READINGS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a short window has no earlier part: no rise is known
        rise = np.nan_to_num(np.nanmean(later, axis=1) - np.nanmean(earlier, axis=1))
    return np.column_stack(
        [
            *(systolic[:, -1], diastolic[:, -1]),
            *(np.nanmean(systolic, axis=1), np.nanmax(systolic, axis=1), np.nanstd(systolic, axis=1)),
            *(np.nanmean(diastolic, axis=1), np.nanmax(diastolic, axis=1)),
            *(np.nanmean(systolic[:, -RECENT_READINGS:], axis=1), rise),
        ]
    )


def _extrapolation(features: Features, horizon_h: int) -> Summaries:
    """Return both pressures where the straight line through the last readings reaches at the end of the horizon."""
    systolic, diastolic, _, hours = measures_of(features)[:, :, -EXTRAPOLATED_READINGS:].astype(np.float64)
    centre_h = np.nanmean(hours, axis=1, keepdims=True)
    before_centre_h = hours - centre_h
    spread = np.maximum(np.nansum(before_centre_h**2, axis=1), 1e-9)
    ahead_h = horizon_h + centre_h[:, 0]
    slopes = [-np.nansum(before_centre_h * pressure, axis=1) / spread for pressure in (systolic, diastolic)]
    levels = [np.nanmean(pressure, axis=1) for pressure in (systolic, diastolic)]
    return np.column_stack([level + slope * ahead_h for level, slope in zip(levels, slopes, strict=True)])


def _max_mean(features: Features, _: int) -> Summaries:
    """Return of both pressures the highest and the mean of the window, shape (n, 4)."""
    systolic, diastolic, _, _ = measures_of(features).astype(np.float64)
    return np.column_stack([f(values, axis=1) for values in (systolic, diastolic) for f in (np.nanmax, np.nanmean)])


LOGISTIC: Final[dict[str, Callable[[Features, int], Summaries]]] = {
    LAST_VALUE: lambda features, _: newest_pressures(features).T.astype(np.float64),
    "extrapolation": _extrapolation,
    "window_max_mean": _max_mean,
    LOGISTIC_REGRESSION: lambda features, _: window_summaries(features),
}


def _fit_logistic(summarise: Callable[[Features, int], Summaries], train: Dataset) -> Callable[[Features], Risks]:
    models = []
    for column, horizon_h in enumerate(HORIZONS_H):
        known = train.for_horizon(column)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=MOST_ITERATIONS))
        models.append(model.fit(summarise(known.features, horizon_h), known.targets[:, column]))

    def risks(features: Features) -> Risks:
        by_horizon = zip(models, HORIZONS_H, strict=True)
        columns = [model.predict_proba(summarise(features, horizon_h))[:, 1] for model, horizon_h in by_horizon]
        return np.stack(columns, axis=1)

    return risks


def _fit_threshold_rule(train: Dataset) -> Callable[[Features], Risks]:
    """Return the share of crises in training on either side of the bedside rule."""
    above = _above_rule(train.features)
    below_share, above_share = (np.nanmean(train.targets[side], axis=0, dtype=np.float64) for side in (~above, above))
    return lambda features: np.where(_above_rule(features)[:, None], above_share, below_share)


def _above_rule(features: Features) -> Flags:
    systolic, diastolic = newest_pressures(features)
    above: Flags = (systolic >= RULE_SYSTOLIC) | (diastolic >= RULE_DIASTOLIC)
    return above
