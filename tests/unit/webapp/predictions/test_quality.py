"""Days of judged predictions put together."""

from __future__ import annotations

from typing import Any

import pytest

from webapp.predictions.quality import by_horizon, summarise


def day(number: int = 1, rows: int = 100, auroc: float | None = 0.8, **changes: Any) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-03-0{number}T00:00:00.000Z",
        "horizon_h": 6,
        "complete": True,
        "rows": rows,
        "events": rows // 10,
        "observed_rate": 0.1,
        "mean_risk": 0.12,
        "auroc": auroc,
        "brier": 0.04,
        "estimated_brier": 0.05,
        "brier_skill": 0.3,
        "ici": 0.01,
        "calibration": [{"mean_risk": 0.05 * number, "observed_rate": 0.1, "rows": rows}],
        "level_rows": {"LOW": rows - 10, "MEDIUM": 0, "HIGH": 5, "CRITICAL": 5},
        "level_events": {"LOW": 1, "MEDIUM": 0, "HIGH": 2, "CRITICAL": 4},
        **changes,
    }


def test_counts_add_up_and_means_are_weighted_by_predictions() -> None:
    found = summarise([day(2, rows=300, auroc=0.9), day(1, rows=100, auroc=0.7)])
    assert found
    assert (found.first_day, found.last_day, found.rows, found.events) == ("2026-03-01", "2026-03-02", 400, 40)
    assert found.auroc == pytest.approx(0.85)
    assert found.points[0].mean_risk == pytest.approx(0.0875)
    assert found.brier == pytest.approx(0.04)
    assert found.estimated_brier == pytest.approx(0.05)


def test_predictive_values_are_those_of_all_days_and_none_for_a_level_that_did_not_occur() -> None:
    found = summarise([day(1), day(2)])
    assert found
    assert found.ppv["CRITICAL"] == pytest.approx(0.8)
    assert found.ppv["MEDIUM"] is None


def test_a_figure_that_a_day_lacks_is_taken_from_the_others() -> None:
    found = summarise([day(1, auroc=None), day(2, auroc=0.9)])
    assert found
    assert found.auroc == pytest.approx(0.9)
    lacking = summarise([day(1, auroc=None)])
    assert lacking
    assert lacking.auroc is None


def test_one_open_day_leaves_the_whole_open() -> None:
    found = summarise([day(1), day(2, complete=False)])
    assert found
    assert not found.is_complete


def test_horizons_are_told_apart() -> None:
    assert [quality.horizon_h for quality in by_horizon([day(horizon_h=24), day(horizon_h=1), day()])] == [1, 6, 24]
    assert by_horizon([]) == []
    assert summarise([day(rows=0, events=0)]) is None
