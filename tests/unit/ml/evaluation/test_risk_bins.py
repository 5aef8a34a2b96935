from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.evaluation.bootstrap import draw_weights
from ml.evaluation.metrics import auroc, average_precision
from ml.evaluation.recalibration import calibration_errors, logits, slope
from ml.evaluation.risk_bins import CUTS, Cells, make_cells
from tests.support.outcomes import Floats, Outcomes, distorted, draw_outcomes


def cells_of(outcomes: Outcomes, risk: Floats, replicates: int = 2) -> Cells:
    patients, patient = np.unique(outcomes.patient_id, return_inverse=True)
    weights = draw_weights(len(patients), replicates, seed=1)
    return make_cells(weights, patient, outcomes.target, risk, logits(risk))


@pytest.mark.parametrize("digits", [1, 2, 12])  # fewer digits: many equal risks
@pytest.mark.parametrize("base", [-5.0, -2.0])
def test_cells_change_auroc_by_less_than_a_thousandth(digits: int, base: float) -> None:
    outcomes = draw_outcomes(60_000, patients=5000, base=base)
    risk = np.round(outcomes.true, digits)
    cells = cells_of(outcomes, risk, replicates=1)
    found = auroc(cells.events, cells.rows)[0]
    assert abs(found - roc_auc_score(outcomes.target, risk)) < 3e-4 < 1 / CUTS


def test_a_resample_on_cells_equals_one_on_its_rows() -> None:
    outcomes = draw_outcomes(20_000, patients=300)
    patients, patient = np.unique(outcomes.patient_id, return_inverse=True)
    weight = draw_weights(len(patients), 1, seed=1)[:, 1]
    rows = np.repeat(np.arange(20_000), weight[patient].astype(int))
    cells = cells_of(outcomes, outcomes.true, replicates=1)
    target, risk = outcomes.target[rows], outcomes.true[rows]
    assert auroc(cells.events, cells.rows)[1] == pytest.approx(roc_auc_score(target, risk), abs=3e-4)
    assert average_precision(cells.events, cells.rows)[1] == pytest.approx(
        average_precision_score(target, risk), abs=2e-3
    )


def test_few_rows_keep_a_cell_for_each_different_risk() -> None:
    outcomes = draw_outcomes(600)
    cells = cells_of(outcomes, np.round(outcomes.true, 2))
    assert cells.risk == pytest.approx(np.unique(np.round(outcomes.true, 2)))


def test_merging_cells_keeps_calibration_and_loses_no_row() -> None:
    outcomes = draw_outcomes(60_000, patients=5000)
    cells = cells_of(outcomes, distorted(outcomes.true, slope=1.5))
    merged = cells.merged(100)
    assert len(merged.risk) <= 100
    assert (merged.rows.sum(axis=1) == cells.rows.sum(axis=1)).all()
    fine, coarse = ((c.log_odds, c.events, c.rows) for c in (cells, merged))
    assert slope(*coarse) == pytest.approx(slope(*fine), abs=5e-3)
    assert calibration_errors(merged.risk, *coarse)["ici"] == pytest.approx(
        calibration_errors(cells.risk, *fine)["ici"], abs=5e-4
    )
