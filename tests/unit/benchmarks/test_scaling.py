from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.draining import Drained
from benchmarks.scaling import kept_to, placed, plot, ratios, require_same
from conf.errors import UserError

RUN = Drained(100, 40.0, 10.0, 5.0, {}, {}, {"predictions": 100}, {"p1": {"critical_risk_1h": 0.1}})
RUNS = {1: [RUN, replace(RUN, seconds=80.0)], 2: [replace(RUN, seconds=20.0, steady_rate=9.0)] * 2}


def test_ratios_compare_the_runs_of_one_turn() -> None:
    assert ratios(RUNS, 2) == (3.0, 1.8)
    assert ratios(RUNS, 1) == (1.0, 1.0)


def test_runs_that_predict_otherwise_are_refused() -> None:
    require_same(RUNS)
    with pytest.raises(UserError, match="do not agree"):
        require_same(RUNS | {2: [replace(RUN, sample={})]})


def test_a_core_is_a_task_of_a_local_master_and_an_executor_of_a_cluster() -> None:
    assert placed(2, None) == ("local[2]", ())
    assert placed(2, "spark://host:7077") == ("spark://host:7077", ("spark.executor.cores=1", "spark.cores.max=2"))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_the_cores_are_given_back(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    with kept_to(1, tmp_path):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_the_plot_shows_the_median_rate_of_each_number_of_cores() -> None:
    (axes,) = plot(RUNS).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2"]
    assert [text.get_text() for text in axes.texts] == ["5", "9"]
