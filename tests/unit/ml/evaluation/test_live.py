from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conf.clinical import ALERT_LEVELS
from ml.evaluation.live import live_figures, risk_groups


def draw(rows: int, seed: int = 1, exponent: float = 1.0) -> tuple[Any, Any, Any]:
    """Return outcomes, risks (right if `exponent` is 1) and levels."""
    random = np.random.default_rng(seed)
    risk = random.beta(1, 4, rows)
    target = (random.random(rows) < risk**exponent).astype(np.float32)
    return target, risk, random.choice(np.array(ALERT_LEVELS), rows)


def test_figures_are_those_of_a_plain_computation() -> None:
    target, risk, level = draw(400)
    told = live_figures(target, risk, level)
    pairs = [(high > low) + (high == low) / 2 for high in risk[target == 1] for low in risk[target == 0]]
    assert told["auroc"] == pytest.approx(np.mean(pairs), rel=1e-5)
    assert told["brier"] == pytest.approx(np.mean((risk - target) ** 2), rel=1e-5)
    assert (told["rows"], told["events"]) == (400, target.sum())
    assert told["observed_rate"] == pytest.approx(target.mean(), rel=1e-5)
    assert told["mean_risk"] == pytest.approx(risk.mean(), rel=1e-5)
    for name in ALERT_LEVELS:
        assert told["ppv"][name] == pytest.approx(target[level == name].mean(), rel=1e-5)
        assert told["level_rows"][name] == (level == name).sum()
        assert told["level_events"][name] == target[level == name].sum()


@pytest.mark.parametrize("seed", range(5))
def test_brier_score_estimated_from_right_risks_comes_true_within_a_tenth(seed: int) -> None:
    told = live_figures(*draw(4_000, seed))
    assert told["estimated_brier"] == pytest.approx(told["brier"], rel=0.1)


def test_brier_score_estimated_from_wrong_risks_does_not_come_true() -> None:
    told = live_figures(*draw(4_000, exponent=0.5))
    assert told["estimated_brier"] < 0.7 * told["brier"]


def test_calibrated_risks_are_told_from_others() -> None:
    right, wrong = (live_figures(*draw(20_000, exponent=exponent)) for exponent in (1.0, 3.0))
    assert right["ici"] < 0.01 < 0.05 < wrong["ici"]
    assert right["slope"] == pytest.approx(1, abs=0.05)


def test_points_hold_all_rows_in_groups_of_rising_risk() -> None:
    target, risk, _ = draw(1003)
    points = risk_groups(target, risk)
    assert sum(point["rows"] for point in points) == 1003
    assert [point["mean_risk"] for point in points] == sorted(point["mean_risk"] for point in points)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_what_one_outcome_cannot_tell_is_not_told(outcome: float) -> None:
    _, risk, level = draw(30)
    told = live_figures(np.full(30, outcome, dtype=np.float32), risk, level)
    assert [told[name] for name in ("auroc", "brier_skill", "ici", "slope")] == [None] * 4
    assert told["observed_rate"] == outcome


def test_calibration_needs_more_than_a_handful_of_crises() -> None:
    _, risk, level = draw(500)
    for events, known in ((19, False), (20, True)):
        target = (np.arange(500) < events).astype(np.float32)
        assert (live_figures(target, risk, level)["ici"] is not None) == known


def test_level_that_did_not_occur_has_no_ppv() -> None:
    target, risk, _ = draw(20)
    told = live_figures(target, risk, np.full(20, "LOW"))
    assert told["ppv"]["CRITICAL"] is None
    assert told["level_rows"] == {"LOW": 20, "MEDIUM": 0, "HIGH": 0, "CRITICAL": 0}
