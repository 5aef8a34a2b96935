from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.dataset import Dataset
from ml.evaluation.reference_models import SUMMARY_NAMES, fit_reference_models, window_summaries
from ml.features import WINDOW_LENGTH, Windows, feature_matrix

QUARTER_US = 900_000_000


def features_of(systolic: NDArray[np.float64], filled: int = WINDOW_LENGTH) -> NDArray[np.float32]:
    """Return windows with a reading every 15 minutes; the diastolic is 50 mmHg lower."""
    values = np.array(systolic, dtype=np.float32)
    values[:, : WINDOW_LENGTH - filled] = np.nan
    times = np.broadcast_to(np.arange(WINDOW_LENGTH) * QUARTER_US, values.shape).astype(np.int64)
    return feature_matrix(Windows(times, values, values - 50, np.full_like(values, 70)))


def walks(count: int, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(140, 15, (count, 1)) + random.normal(0, 8, (count, WINDOW_LENGTH))


def dataset(count: int = 2000, seed: int = 1) -> Dataset:
    """Return rows with more crises the higher the patient's mean; targets of the second horizon are partly unknown."""
    systolic, random = walks(count, seed), np.random.default_rng(seed + 1)
    chance = 1 / (1 + np.exp(-(systolic.mean(axis=1) - 150) / 6))
    targets = (random.random((count, len(HORIZONS_H))) < chance[:, None]).astype(np.float32)
    targets[::3, 1] = np.nan
    ids = np.array([f"p-{number}" for number in range(count)])
    return rows_of(features_of(systolic), targets, ids)


def rows_of(
    features: NDArray[np.float32], targets: NDArray[np.float32] | None = None, ids: NDArray[np.str_] | None = None
) -> Dataset:
    count = len(features)
    known = np.zeros((count, 3), np.float32) if targets is None else targets
    names = np.full(count, "p") if ids is None else ids
    hours = np.full(count, 12, np.float32)
    return Dataset(features, known, names, np.zeros(count, np.int64), np.full(count, ""), hours, known)


def test_every_baseline_gives_a_probability_for_every_row_and_horizon() -> None:
    risks = fit_reference_models(dataset())(rows_of(features_of(walks(50, seed=9), filled=12)))
    assert set(risks) == {
        *("climatology", "threshold_rule", "last_value", "extrapolation", "window_max_mean", "logistic_regression"),
        "logistic_on_inputs",
    }
    for values in risks.values():
        assert values.shape == (50, len(HORIZONS_H))
        assert ((values >= 0) & (values <= 1)).all()


def test_climatology_is_the_share_of_crises_among_the_rows_whose_target_is_known() -> None:
    train = dataset()
    known = train.targets[~np.isnan(train.targets[:, 1]), 1]
    assert fit_reference_models(train)(train)["climatology"][0, 1] == pytest.approx(known.mean())


def test_the_rule_gives_two_risks_and_the_higher_one_from_160_mmhg_on() -> None:
    rows = features_of(np.full((2, WINDOW_LENGTH), 120.0))
    rows[:, -4] = (159, 160)
    rows[:, -3] = 80
    below, above = fit_reference_models(dataset())(rows_of(rows))["threshold_rule"][:, 0]
    assert below < above


def test_what_sees_the_whole_window_beats_the_newest_reading_where_the_mean_decides() -> None:
    test = dataset(seed=5)
    risks = fit_reference_models(dataset())(test)
    brier = {name: np.mean((values[:, 0] - test.targets[:, 0]) ** 2) for name, values in risks.items()}
    assert brier["logistic_regression"] < brier["last_value"] < brier["climatology"]
    assert brier["window_max_mean"] < brier["last_value"]
    assert brier["logistic_on_inputs"] < brier["last_value"]


def test_extrapolation_reaches_further_up_for_a_rising_window_than_for_a_falling_one() -> None:
    rising = np.linspace(130, 150, WINDOW_LENGTH)
    falling = rising[::-1] + (rising[-1] - rising[::-1][-1])  # the same newest value
    up, down = fit_reference_models(dataset())(rows_of(features_of(np.stack([rising, falling]))))["extrapolation"][:, 0]
    assert up != down


def test_summaries_are_those_of_the_filled_slots() -> None:
    values = np.full((1, WINDOW_LENGTH), 100.0)
    values[0, -12:] = 140
    values[0, -1] = 160
    summary = dict(zip(SUMMARY_NAMES, window_summaries(features_of(values, filled=24))[0], strict=True))
    assert summary["newest_systolic"] == 160
    assert summary["greatest_diastolic"] == 110
    assert summary["mean_systolic"] == pytest.approx((12 * 100 + 11 * 140 + 160) / 24)
    assert summary["recent_systolic"] == 145
    assert summary["rise_systolic"] == pytest.approx((11 * 140 + 160) / 12 - 100)


def test_a_window_without_an_earlier_part_has_no_rise() -> None:
    summary = window_summaries(features_of(walks(3, seed=2), filled=10))
    assert np.isfinite(summary).all()
    assert (summary[:, SUMMARY_NAMES.index("rise_systolic")] == 0).all()
