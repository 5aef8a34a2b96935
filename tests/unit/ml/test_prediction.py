from __future__ import annotations

import pickle

import numpy as np
import pytest

from ml.prediction import Predictor
from tests.unit.ml.bundles import make_bundle, make_features


def test_risk_never_falls_from_a_shorter_to_a_longer_horizon() -> None:
    values = Predictor(make_bundle()).risks(make_features(500)).values
    assert values.shape == (500, 3)
    assert values.dtype == np.float64
    assert (np.diff(values, axis=1) >= 0).all()
    assert ((values > 0) & (values < 1)).all()


def test_exactly_the_rows_whose_boosters_contradict_each_other_are_reported_as_repaired() -> None:
    predictor, features = Predictor(make_bundle()), make_features(500)
    contradicting = (np.diff(predictor.raw_risks(features), axis=1) < 0).any(axis=1)
    risks = predictor.risks(features)
    assert 0 < contradicting.sum() < 500
    assert (risks.repaired == contradicting).all()
    assert (risks.values[~contradicting] == predictor.raw_risks(features)[~contradicting]).all()


def test_a_row_scores_the_same_alone_and_among_others() -> None:
    predictor, features = Predictor(make_bundle()), make_features(20)
    alone = np.concatenate([predictor.risks(features[row : row + 1]).values for row in range(20)])
    assert (alone == predictor.risks(features).values).all()


def test_a_missing_value_is_not_a_zero() -> None:
    predictor = Predictor(make_bundle())
    missing = np.full((1, 120), np.nan, dtype=np.float32)
    assert (predictor.raw_risks(missing) != predictor.raw_risks(np.zeros_like(missing))).any()


def test_no_rows_give_no_risks() -> None:
    assert Predictor(make_bundle()).risks(make_features(0)).values.shape == (0, 3)


def test_another_number_of_features_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(n, 120\), not \(1, 119\)"):
        Predictor(make_bundle()).risks(make_features(1)[:, :119])


def test_a_bundle_travels_by_pickle_to_a_worker() -> None:
    bundle, features = make_bundle(), make_features()
    copy = pickle.loads(pickle.dumps(bundle))  # noqa: S301 our own bytes
    assert (Predictor(copy).risks(features).values == Predictor(bundle).risks(features).values).all()
