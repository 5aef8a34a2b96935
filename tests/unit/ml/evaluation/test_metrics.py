from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, mean_absolute_error, roc_auc_score

from ml.evaluation.bootstrap import draw_weights
from ml.evaluation.metrics import (
    CUTS,
    RiskBins,
    auroc,
    average_precision,
    count_by_risk,
    make_bins,
    row_losses,
)
from ml.evaluation.recalibration import calibration_errors, logits, slope
from tests.support.outcomes import Floats, Outcomes, distorted, draw_outcomes


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


def bins_of(outcomes: Outcomes, risk: Floats, replicates: int = 2) -> RiskBins:
    patients, patient = np.unique(outcomes.patient_id, return_inverse=True)
    weights = draw_weights(len(patients), replicates, seed=1)
    return make_bins(weights, patient, outcomes.target, risk, logits(risk))


@pytest.mark.parametrize("digits", [1, 2, 12])  # fewer digits: many equal risks
@pytest.mark.parametrize("base", [-5.0, -2.0])
def test_bins_change_auroc_by_less_than_a_thousandth(digits: int, base: float) -> None:
    outcomes = draw_outcomes(60_000, patients=5000, base=base)
    risk = np.round(outcomes.true, digits)
    bins = bins_of(outcomes, risk, replicates=1)
    found = auroc(bins.events, bins.rows)[0]
    assert abs(found - roc_auc_score(outcomes.target, risk)) < 3e-4 < 1 / CUTS


def test_a_resample_on_bins_equals_one_on_its_rows() -> None:
    outcomes = draw_outcomes(20_000, patients=300)
    patients, patient = np.unique(outcomes.patient_id, return_inverse=True)
    weight = draw_weights(len(patients), 1, seed=1)[:, 1]
    rows = np.repeat(np.arange(20_000), weight[patient].astype(int))
    bins = bins_of(outcomes, outcomes.true, replicates=1)
    target, risk = outcomes.target[rows], outcomes.true[rows]
    assert auroc(bins.events, bins.rows)[1] == pytest.approx(roc_auc_score(target, risk), abs=3e-4)
    assert average_precision(bins.events, bins.rows)[1] == pytest.approx(
        average_precision_score(target, risk), abs=2e-3
    )


def test_few_rows_keep_a_bin_for_each_different_risk() -> None:
    outcomes = draw_outcomes(600)
    bins = bins_of(outcomes, np.round(outcomes.true, 2))
    assert bins.risk == pytest.approx(np.unique(np.round(outcomes.true, 2)))


def test_merging_bins_keeps_calibration_and_loses_no_row() -> None:
    outcomes = draw_outcomes(60_000, patients=5000)
    bins = bins_of(outcomes, distorted(outcomes.true, slope=1.5))
    merged = bins.merged(100)
    assert len(merged.risk) <= 100
    assert (merged.rows.sum(axis=1) == bins.rows.sum(axis=1)).all()
    fine, coarse = ((c.log_odds, c.events, c.rows) for c in (bins, merged))
    assert slope(*coarse) == pytest.approx(slope(*fine), abs=5e-3)
    assert calibration_errors(merged.risk, *coarse)["ici"] == pytest.approx(
        calibration_errors(bins.risk, *fine)["ici"], abs=5e-4
    )
