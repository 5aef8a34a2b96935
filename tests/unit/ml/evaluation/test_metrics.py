from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, mean_absolute_error, roc_auc_score

from ml.evaluation.metrics import auroc, average_precision, count_by_risk, row_losses
from tests.support.outcomes import draw_outcomes


@pytest.mark.parametrize("digits", [1, 15])  # 1: many equal risks
def test_areas_on_all_different_risks_equal_those_of_sklearn(digits: int) -> None:
    outcomes = draw_outcomes(2000)
    risk = np.round(outcomes.true, digits)
    counts = count_by_risk(outcomes.target, risk)
    assert auroc(*counts) == pytest.approx(roc_auc_score(outcomes.target, risk), abs=1e-12)
    assert average_precision(*counts) == pytest.approx(average_precision_score(outcomes.target, risk), abs=1e-12)


def test_losses_of_rows_average_to_the_errors_of_sklearn() -> None:
    outcomes = draw_outcomes(2000)
    absolute, squared, logarithmic, risk = row_losses(outcomes.target, outcomes.true).mean(axis=0)
    assert absolute == pytest.approx(mean_absolute_error(outcomes.target, outcomes.true))
    assert squared == pytest.approx(brier_score_loss(outcomes.target, outcomes.true))
    assert logarithmic == pytest.approx(log_loss(outcomes.target, outcomes.true))
    assert risk == pytest.approx(outcomes.true.mean())


def test_a_certain_risk_that_was_wrong_has_a_finite_log_loss() -> None:
    assert row_losses(np.array([1], dtype=np.float32), np.array([0.0]))[0, 2] == pytest.approx(-np.log(1e-5))


def test_areas_without_an_event_do_not_exist() -> None:
    counts = count_by_risk(np.zeros(3, dtype=np.float32), np.array([0.1, 0.2, 0.3]))
    assert np.isnan(auroc(*counts))
    assert np.isnan(average_precision(*counts))
