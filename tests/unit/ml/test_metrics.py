from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, mean_absolute_error, roc_auc_score

from ml.features import FEATURE_NAMES
from ml.metrics import (
    auroc,
    average_precision,
    binary_metrics,
    count_by_risk,
    evaluate,
    last_value_baseline,
    row_losses,
)
from ml.strata import in_crisis
from tests.unit.ml.outcomes import draw_outcomes

TARGET = np.array([0, 0, 0, 1], dtype=np.float32)


def rows(*newest: tuple[float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    features = np.full((len(newest), len(FEATURE_NAMES)), np.nan, dtype=np.float32)
    features[:, -4:-2] = newest
    return features


def test_perfect_risks_discriminate_fully_and_have_no_error() -> None:
    found = binary_metrics(TARGET, TARGET.astype(np.float64))
    assert (found["auroc"], found["auprc"], found["brier"], found["brier_skill"]) == (1.0, 1.0, 0.0, 1.0)


def test_predicting_the_prevalence_has_no_skill() -> None:
    found = binary_metrics(TARGET, np.full(4, 0.25))
    assert found["brier_skill"] == pytest.approx(0)
    assert (found["auroc"], found["prevalence"], found["events"], found["rows"]) == (0.5, 0.25, 1, 4)


def test_risks_turned_round_have_negative_skill() -> None:
    found = binary_metrics(TARGET, 1 - TARGET.astype(np.float64))
    assert found["auroc"] == 0.0
    assert found["brier_skill"] is not None
    assert found["brier_skill"] < 0


@pytest.mark.parametrize("target", [[], [0, 0], [1, 1]])
def test_what_needs_both_classes_is_none_when_one_is_absent(target: list[int]) -> None:
    found = binary_metrics(np.array(target, dtype=np.float32), np.full(len(target), 0.3))
    assert found["auroc"] is found["auprc"] is found["brier_skill"] is None


def test_a_row_is_in_crisis_by_its_newest_reading_alone() -> None:
    features = rows((180, 80), (179, 119), (150, 120), (179, 80))
    features[3, 0] = 200
    assert in_crisis(features).tolist() == [True, False, True, False]


def test_the_calm_stratum_leaves_out_rows_in_crisis_at_t() -> None:
    targets = np.array([[0, 0, 1], [1, 1, 1]], dtype=np.float32)
    found = evaluate(rows((150, 90), (190, 90)), targets, {"model": np.full((2, 3), 0.5)})
    assert found["all"]["24h"]["model"]["rows"] == 2
    assert found["not_in_crisis_at_t"]["24h"]["model"]["rows"] == 1
    assert found["not_in_crisis_at_t"]["1h"]["model"]["events"] == 0


def test_the_baseline_rises_with_the_last_pressure() -> None:
    random = np.random.default_rng(1)
    systolic = random.normal(140, 20, 400)
    features = rows(*((value, 85.0) for value in systolic))
    labels = (systolic + random.normal(0, 15, 400) > 165).astype(np.float32)
    targets = np.stack([labels] * 3, axis=1)
    risks = last_value_baseline(features, targets, rows((120, 85), (150, 85), (179, 85)))
    assert risks.shape == (3, 3)
    assert (np.diff(risks, axis=0) > 0).all()


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
