from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ml.evaluation.recalibration import calibration_errors, fit_curve, fit_logistic, intercept, logits, slope
from tests.support.outcomes import Floats, distorted, draw_outcomes

ROWS = 40_000
OUTCOMES = draw_outcomes(ROWS, patients=4000)
TRUE = np.sort(OUTCOMES.true)
EVENTS = OUTCOMES.target[np.argsort(OUTCOMES.true)][None, :].astype(np.float64)
ONE = np.ones_like(EVENTS)


def test_the_fit_equals_an_independent_logistic_regression() -> None:
    risk = distorted(TRUE, slope=1.6, shift=0.4)
    columns = np.stack([np.ones(ROWS), logits(risk)], axis=1)
    rival = LogisticRegression(C=1e8, tol=1e-8, max_iter=500).fit(columns[:, 1:], EVENTS[0])
    found = fit_logistic(columns, EVENTS, ONE)
    assert found[0] == pytest.approx([rival.intercept_[0], rival.coef_[0, 0]], abs=1e-3)


@pytest.mark.parametrize("made", [0.5, 1.0, 2.0])
def test_the_slope_undoes_a_known_distortion(made: float) -> None:
    found = slope(logits(distorted(TRUE, slope=made)), EVENTS, ONE)
    assert found[0] == pytest.approx(1 / made, rel=0.05)


@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.7])
def test_the_intercept_undoes_a_known_shift(shift: float) -> None:
    found = intercept(logits(distorted(TRUE, shift=shift)), EVENTS, ONE)
    assert found[0] == pytest.approx(-shift, abs=0.05)


@pytest.mark.parametrize(("made", "shift"), [(1.0, 0.0), (1.0, 1.0), (2.0, 0.0), (0.4, -0.5)])
def test_ici_is_the_mean_distance_to_the_true_risk(made: float, shift: float) -> None:
    risk = distorted(TRUE, slope=made, shift=shift)
    found = calibration_errors(risk, logits(risk), EVENTS, ONE)
    distance = np.abs(risk - TRUE)
    assert found["ici"][0] == pytest.approx(distance.mean(), abs=0.004)
    assert found["e50"][0] == pytest.approx(np.median(distance), abs=0.006)
    assert found["e90"][0] == pytest.approx(np.quantile(distance, 0.9), abs=0.012)


def test_miscalibration_that_no_line_describes_is_found() -> None:
    bent = np.where(TRUE > 0.3, 0.3 + (TRUE - 0.3) / 3, TRUE)
    found = calibration_errors(bent, logits(bent), EVENTS, ONE)
    assert found["ici"][0] == pytest.approx(np.abs(bent - TRUE).mean(), abs=0.006)


def test_every_resample_is_fitted_as_if_it_were_alone() -> None:
    random = np.random.default_rng(4)
    log_odds = np.linspace(-4, 1, 30)
    rows = random.integers(50, 200, (5, 30)).astype(np.float64)
    events = random.binomial(rows.astype(int), 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    together = slope(log_odds, events, rows)
    alone = [slope(log_odds, events[[number]], rows[[number]])[0] for number in range(5)]
    assert together == pytest.approx(alone, abs=1e-6)


def test_few_different_risks_are_compared_with_their_own_rates() -> None:
    risk, rows = np.array([0.1, 0.5]), np.array([[80.0, 20.0]])
    found = calibration_errors(risk, logits(risk), np.array([[16.0, 8.0]]), rows)
    assert found["ici"][0] == pytest.approx(0.8 * 0.1 + 0.2 * 0.1)


def test_one_risk_for_all_has_no_slope() -> None:
    assert np.isnan(slope(logits(np.array([0.2])), np.array([[30.0]]), np.array([[100.0]]))).all()


def test_separated_classes_stay_finite() -> None:
    log_odds = np.linspace(-3, 3, 40)
    events: Floats = (log_odds > 0).astype(np.float64)[None, :] * 20
    curve = fit_curve(log_odds, events, np.full((1, 40), 20.0)).at(log_odds)
    assert np.isfinite(curve).all()
    assert curve[0, 0] < 0.01
    assert curve[0, -1] > 0.99
