from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.bootstrap import draw_weights
from ml.evaluation.curves import (
    DECISION_THRESHOLDS,
    HISTOGRAM_EDGES,
    calibration_points,
    model_curves,
    net_benefit,
    treat_all,
)
from ml.evaluation.metrics import RiskBins, make_bins
from ml.evaluation.recalibration import logits
from tests.support.outcomes import Outcomes, draw_outcomes

OUTCOMES = draw_outcomes(5000)


def bins_of(outcomes: Outcomes) -> RiskBins:
    patients, patient = np.unique(outcomes.patient_id, return_inverse=True)
    weights = draw_weights(len(patients), 100, seed=1)
    return make_bins(weights, patient, outcomes.target, outcomes.true, logits(outcomes.true))


def at(threshold: float) -> int:
    return int(np.argmin(np.abs(DECISION_THRESHOLDS - threshold)))


def test_net_benefit_is_the_one_computed_by_hand() -> None:
    target = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=np.float32)
    risk = np.array([0.9, 0.1, 0.8, 0.5, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    found = net_benefit(target, risk)
    assert found[at(0.5)] == pytest.approx(1 / 10 - 2 / 10 * 1.0)  # the crisis at 0.9, false alerts at 0.8 and 0.5
    assert found[at(0.2)] == pytest.approx(1 / 10 - 3 / 10 * 0.25)  # a risk equal to the threshold is acted on
    assert found[at(0.05)] == pytest.approx(2 / 10 - 8 / 10 * 0.05 / 0.95)


def test_acting_for_everybody_is_a_model_that_is_always_sure() -> None:
    found = net_benefit(OUTCOMES.target, np.ones(5000))
    assert found == pytest.approx(treat_all(float(OUTCOMES.target.mean(dtype=np.float64))))


def test_a_model_that_never_alerts_has_no_benefit() -> None:
    assert (net_benefit(OUTCOMES.target, np.zeros(5000)) == 0).all()


def test_points_of_calibration_hold_every_row_and_lie_near_the_ideal_for_true_risks() -> None:
    points = calibration_points(bins_of(OUTCOMES))
    assert sum(point["rows"] for point in points) == 5000
    assert [point["risk"] for point in points] == sorted(point["risk"] for point in points)
    near = [point["low"] <= point["risk"] <= point["high"] for point in points]
    assert sum(near) >= len(points) - 2  # of ten 95 % intervals, three missing the truth would be one in 80


def test_histograms_count_every_row_once() -> None:
    curves = model_curves(bins_of(OUTCOMES), OUTCOMES.target, OUTCOMES.true)
    assert sum(curves["histogram"]["event"]) == OUTCOMES.target.sum()
    assert sum(curves["histogram"]["no_event"]) == (OUTCOMES.target == 0).sum()
    assert len(curves["histogram"]["event"]) == len(HISTOGRAM_EDGES) - 1


def test_the_smooth_curve_follows_the_diagonal_for_true_risks() -> None:
    smooth = model_curves(bins_of(OUTCOMES), OUTCOMES.target, OUTCOMES.true)["smooth"]
    inside = [
        low <= risk <= high for risk, low, high in zip(smooth["risk"], smooth["low"], smooth["high"], strict=True)
    ]
    assert np.mean(inside) > 0.8
    assert len(smooth["risk"]) == len(smooth["observed"])


def test_without_enough_events_there_is_no_curve_of_calibration() -> None:
    curves = model_curves(None, OUTCOMES.target, OUTCOMES.true)
    assert (curves["calibration"], curves["smooth"]) == ([], None)
