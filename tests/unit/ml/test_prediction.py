from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.features import FEATURE_NAMES
from ml.inputs import INPUT_NAMES, RISING, booster_inputs
from ml.prediction import Bundle, Predictor, booster_bytes
from tests.support.bundles import make_bundle, make_calibrators, make_features, make_hours, make_linear

HOURS = make_hours(500)
NEWEST = [FEATURE_NAMES.index(name) for name in ("systolic_lag00", "diastolic_lag00")]


def at(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an hour of the day for each row."""
    return HOURS[: len(features)]


@cache
def monotone_predictor() -> Predictor:
    """Return boosters that may only rise with the newest pressures, and a calibrator of each kind."""
    return _fitted(1)


@cache
def falling_predictor() -> Predictor:
    """Return boosters that may only fall with the newest pressures."""
    return _fitted(-1)


def _fitted(direction: int) -> Predictor:
    features = make_features(300)
    inputs = booster_inputs(features, HOURS[:300])
    constraints = tuple(direction * (name in RISING) for name in INPUT_NAMES)
    parameters = {"objective": "reg:logistic", "max_depth": 3, "nthread": 1, "monotone_constraints": constraints}
    newest = np.nan_to_num(features[:, NEWEST[0]], nan=130)
    boosters = {}
    for horizon_h in HORIZONS_H:
        labels = np.random.default_rng(horizon_h).random(300) < 1 / (1 + np.exp(-direction * (newest - 130) / 20))
        boosters[horizon_h] = xgboost.train(parameters, xgboost.DMatrix(inputs, labels), 8)
    linear = make_linear()
    linear = replace(linear, coefficients=np.where(np.isin(INPUT_NAMES, RISING), direction, 1) * linear.coefficients)
    return Predictor(Bundle("monotone", {}, booster_bytes(boosters), make_calibrators(), linear))


def test_risk_never_falls_from_a_shorter_to_a_longer_horizon() -> None:
    values = Predictor(make_bundle()).risks(make_features(500), make_hours(500)).values
    assert values.shape == (500, 3)
    assert values.dtype == np.float64
    assert (np.diff(values, axis=1) >= 0).all()
    assert ((values > 0) & (values < 1)).all()


def test_exactly_the_rows_whose_boosters_contradict_each_other_are_reported_as_repaired() -> None:
    predictor, features = Predictor(make_bundle()), make_features(500)
    contradicting = (np.diff(predictor.raw_risks(features, at(features)), axis=1) < 0).any(axis=1)
    risks = predictor.risks(features, at(features))
    assert 0 < contradicting.sum() < 500
    assert (risks.repaired == contradicting).all()
    assert (risks.values[~contradicting] == predictor.raw_risks(features, at(features))[~contradicting]).all()


def test_risks_are_calibrated_first_and_made_coherent_afterwards() -> None:
    calibrators, features = make_calibrators(), make_features(500)
    predictor = Predictor(make_bundle(calibrators=calibrators))
    calibrated = calibrators.apply(predictor.raw_risks(features, at(features)))
    risks = predictor.risks(features, at(features))
    assert (risks.values == np.maximum.accumulate(calibrated, axis=1)).all()
    assert (risks.repaired == (np.diff(calibrated, axis=1) < 0).any(axis=1)).all()
    assert (
        predictor.raw_risks(features, at(features)) == Predictor(make_bundle()).raw_risks(features, at(features))
    ).all()


@given(st.integers(0, 2**32), st.floats(0.1, 80))
def test_raising_the_newest_pressure_never_lowers_a_final_probability(seed: int, rise: float) -> None:
    """Boosters that are monotone stay so through calibrators and repair, whatever kind the calibrators are."""
    random = np.random.default_rng(seed)
    predictor, features = monotone_predictor(), make_features(20, seed)
    higher = features.copy()
    higher[:, NEWEST] += rise * random.random((20, 2), dtype=np.float32)
    change = predictor.risks(higher, at(higher)).values - predictor.risks(features, at(features)).values
    assert change.min() >= -1e-12


def test_the_property_above_can_fail() -> None:
    predictor, features = falling_predictor(), make_features(200)
    higher = features.copy()
    higher[:, NEWEST] += 20
    assert (predictor.risks(higher, at(higher)).values - predictor.risks(features, at(features)).values).min() < -0.01


def test_a_row_scores_the_same_alone_and_among_others() -> None:
    predictor, features = Predictor(make_bundle()), make_features(20)
    alone = np.concatenate([predictor.risks(features[row : row + 1], HOURS[row : row + 1]).values for row in range(20)])
    assert (alone == predictor.risks(features, at(features)).values).all()


def test_a_missing_value_is_not_a_zero() -> None:
    predictor = Predictor(make_bundle())
    missing = np.full((1, 120), np.nan, dtype=np.float32)
    assert (predictor.raw_risks(missing, HOURS[:1]) != predictor.raw_risks(np.zeros_like(missing), HOURS[:1])).any()


def test_no_rows_give_no_risks() -> None:
    assert Predictor(make_bundle()).risks(make_features(0), make_hours(0)).values.shape == (0, 3)


def test_another_number_of_features_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(n, 120\) and \(n,\), not \(1, 119\) and \(1,\)"):
        Predictor(make_bundle()).risks(make_features(1)[:, :119], HOURS[:1])


def test_a_bundle_travels_by_pickle_to_a_worker() -> None:
    bundle, features = make_bundle(), make_features()
    copy = pickle.loads(pickle.dumps(bundle))  # noqa: S301 our own bytes
    assert (
        Predictor(copy).risks(features, at(features)).values == Predictor(bundle).risks(features, at(features)).values
    ).all()
