from __future__ import annotations

import json

import numpy as np
import pytest

from ml.evaluation.stability import MOST_POINTS, spread
from tests.support.outcomes import Floats, draw_outcomes, make_data, three

ROWS = 1000
OUTCOMES = draw_outcomes(ROWS)
CALM = make_data(OUTCOMES)
RISK = three(OUTCOMES.true)


def test_a_fit_that_gives_everybody_the_same_risk_has_no_spread() -> None:
    found = spread(CALM, RISK, [RISK, RISK])
    assert (found["fits"], found["windows"], found["levels_changed"]) == (2, ROWS, 0)
    for judged in found["horizons"].values():
        assert (judged["mean_distance"], judged["wide_distance"]) == (0, 0)
        assert judged["auroc"][0] == judged["auroc"][1]


def test_the_distance_of_a_window_is_the_mean_over_the_fits() -> None:
    moved = RISK.copy()
    moved[: ROWS // 10] += 0.3  # a tenth of the windows, in one of two fits
    judged = spread(CALM, RISK, [RISK, moved])["horizons"]["6h"]
    assert judged["mean_distance"] == pytest.approx(0.3 / 2 / 10)
    assert judged["wide_distance"] == pytest.approx(0.15)


def test_levels_are_compared_where_the_version_has_one_above_low() -> None:
    ours: Floats = three(np.array([0.1, 0.25, 0.45, 0.65]))
    moved: Floats = three(np.array([0.9, 0.25, 0.65, 0.65]))  # the first is LOW in this version
    data = CALM.where(np.arange(4))
    assert spread(data, ours, [moved])["levels_changed"] == pytest.approx(1 / 3, abs=1e-5)
    assert spread(data, ours, [moved, ours])["levels_changed"] == pytest.approx(1 / 6, abs=1e-5)
    assert spread(data, three(np.full(4, 0.1)), [moved])["levels_changed"] is None


def test_windows_in_crisis_are_left_out() -> None:
    data = make_data(OUTCOMES, np.where(np.arange(ROWS) < 400, 185.0, 140.0))
    moved = RISK.copy()
    moved[:400] = 1.0
    found = spread(data, RISK, [moved])
    assert (found["windows"], found["horizons"]["6h"]["mean_distance"]) == (600, 0)


def test_points_are_a_sample_of_windows_the_same_for_all_fits() -> None:
    points = spread(CALM, RISK, [RISK, RISK * 0.5])["horizons"]["24h"]["points"]
    assert len(points["ours"]) == MOST_POINTS
    assert points["refits"][0] == points["ours"]
    np.testing.assert_allclose(points["refits"][1], np.array(points["ours"]) / 2, atol=1e-4)


def test_what_is_found_is_strict_json_whatever_outcomes_there_are() -> None:
    for target in (0.0, 1.0, np.nan):
        data = make_data(OUTCOMES)
        data.targets[:] = target
        found = spread(data, RISK, [RISK])
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert found["horizons"]["1h"]["auroc"] == []
