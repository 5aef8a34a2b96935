from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.bootstrap import anchored, draw_weights, gap_closed, interval, weighted_counts, weighted_sums
from tests.support.outcomes import distorted, draw_outcomes


def test_the_first_column_is_the_data_and_the_others_draw_as_many_patients() -> None:
    weights = draw_weights(50, 20, seed=3)
    assert (weights[:, 0] == 1).all()
    assert (weights.sum(axis=0) == 50).all()
    assert (weights[:, 1:] != 1).any(axis=0).all()


def test_the_same_seed_draws_the_same_patients() -> None:
    assert (draw_weights(30, 5, seed=1) == draw_weights(30, 5, seed=1)).all()
    assert (draw_weights(30, 5, seed=1) != draw_weights(30, 5, seed=2)).any()


def test_weighted_sums_and_counts_equal_a_loop_over_the_drawn_rows() -> None:
    random = np.random.default_rng(0)
    patient, cell = random.integers(0, 12, 200), random.integers(0, 4, 200)
    values = random.normal(size=(200, 2))
    weights = draw_weights(12, 6, seed=0)
    sums, counts = weighted_sums(weights, patient, values), weighted_counts(weights, patient, cell, 4)
    for replicate, weight in enumerate(weights.T):
        rows = np.repeat(np.arange(200), weight[patient].astype(int))
        np.testing.assert_allclose(sums[replicate], values[rows].sum(axis=0), rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(counts[replicate], np.bincount(cell[rows], minlength=4))


def test_the_interval_has_the_width_of_a_plain_bootstrap_over_patients() -> None:
    outcomes = draw_outcomes(3000, patients=60, seed=2)
    _, patient = np.unique(outcomes.patient_id, return_inverse=True)
    sums = weighted_sums(draw_weights(60, 2000, seed=1), patient, np.stack([outcomes.target, np.ones(3000)], axis=1))
    found = interval(sums[:, 0] / sums[:, 1])
    random, rates = np.random.default_rng(5), []
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(patient == drawn) for drawn in random.integers(0, 60, 60)])
        rates.append(outcomes.target[rows].mean())
    low, high = np.percentile(rates, (2.5, 97.5))
    assert found["low"] is not None
    assert found["high"] is not None
    assert found["high"] - found["low"] == pytest.approx(high - low, rel=0.1)  # 2000 draws place the ends within 5 %
    by_rows = 2 * 1.96 * np.sqrt(outcomes.target.var() / 3000)
    assert high - low > 1.5 * by_rows  # rows of a patient are alike: a bootstrap over rows would be too sure


def test_an_interval_is_absent_where_too_few_resamples_have_a_value() -> None:
    assert interval(np.array([0.5, *[0.4] * 90, *[np.nan] * 10])) == {"value": 0.5, "low": None, "high": None}
    assert interval(np.array([np.nan, 0.4])) == {"value": None, "low": None, "high": None}


def test_an_anchored_statistic_keeps_its_spread() -> None:
    assert anchored(np.array([0.5, 0.4, 0.7]), 0.52) == pytest.approx([0.52, 0.42, 0.72])


def test_the_gap_is_open_for_the_baseline_and_closed_for_the_oracle() -> None:
    outcomes = draw_outcomes(4000)
    base, oracle = np.full(4000, outcomes.target.mean(), dtype=np.float64), outcomes.true
    between = (base + oracle) / 2

    def closed(model: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
        return gap_closed(outcomes.target, base, model, oracle, outcomes.patient_id, replicates=200)

    assert closed(base) == {"value": 0, "low": 0, "high": 0}
    assert closed(oracle) == {"value": 1, "low": 1, "high": 1}
    assert closed(between)["value"] == pytest.approx(0.75, abs=0.05)  # squared error: half way closes three quarters
    worse = closed(distorted(oracle, shift=3.0))
    assert worse["high"] < 0


def test_rows_without_outcome_say_nothing_about_the_gap() -> None:
    outcomes = draw_outcomes(500)
    base, oracle = np.full(500, 0.1), outcomes.true
    model = (base + oracle) / 2
    censored = np.append(outcomes.target, np.nan).astype(np.float32)
    ids = np.append(outcomes.patient_id, "p0")
    longer = [np.append(values, 0.9) for values in (base, model, oracle)]
    found = gap_closed(censored, longer[0], longer[1], longer[2], ids, 50)
    assert found == gap_closed(outcomes.target, base, model, oracle, outcomes.patient_id, 50)
