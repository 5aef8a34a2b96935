from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from benchmarks import throughput
from benchmarks.draining import Drained, steady_rate
from benchmarks.throughput import QUIX, STREAM, TUNED, plot, require_agreement
from conf.errors import UserError
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS

STORED: dict[str, dict[str, Any]] = {"p1-1": {"critical_risk_1h": 0.1}, "p1-2": {"critical_risk_1h": 0.2}}


def drained(readings: int) -> Drained:
    counts = {OBSERVATIONS: readings, PREDICTIONS: readings, LATEST: 1}
    return Drained(readings, 2.0, 1.0, 10.0, {"python": 3.0}, {}, counts, dict(STORED))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> dict[str, Drained]:
    """Let all agree, one of them on the first half of the topic only."""
    monkeypatch.setattr(throughput, "predictions", lambda _client, ids: {id_: STORED[id_] for id_ in ids})
    return {QUIX: drained(1), TUNED: drained(2), STREAM: drained(2)}


def test_contenders_that_write_the_same_agree(run: dict[str, Drained]) -> None:
    require_agreement(run, Mock())


def test_a_contender_that_lost_a_prediction_is_refused(run: dict[str, Drained]) -> None:
    lost = replace(run[QUIX], counts=run[QUIX].counts | {PREDICTIONS: 0})
    with pytest.raises(UserError, match=r"Quix Streams wrote .* of 1 readings"):
        require_agreement(run | {QUIX: lost}, Mock())


@pytest.mark.parametrize("name", [QUIX, TUNED])
def test_a_contender_that_predicts_otherwise_is_refused(run: dict[str, Drained], name: str) -> None:
    other = replace(run[name], sample={"p1-1": {"critical_risk_1h": 0.3}})
    with pytest.raises(UserError, match=f"{name} and the stream do not predict the same"):
        require_agreement(run | {name: other}, Mock())


def test_another_number_of_patients_is_refused(run: dict[str, Drained]) -> None:
    fewer = replace(run[TUNED], counts=run[TUNED].counts | {LATEST: 0})
    with pytest.raises(UserError, match="do not agree"):
        require_agreement(run | {TUNED: fewer}, Mock())


def test_processor_time_is_told_for_a_million_readings() -> None:
    assert (drained(2).cpu_s_a_million("python"), drained(2).cpu_s_a_million("java")) == (1_500_000, 0)


def test_the_steady_rate_leaves_out_the_start_and_the_wait_at_the_end() -> None:
    found = [(0.0, 0), (30.0, 10), (40.0, 50), (50.0, 100), (60.0, 100)]
    assert steady_rate(found, 100) == 5.0


def test_the_plot_shows_the_rate_of_every_contender(run: dict[str, Drained]) -> None:
    speed, _cost = plot([run]).axes
    assert [label.get_text() for label in speed.get_yticklabels()] == [QUIX, TUNED, STREAM]
    assert [text.get_text() for text in speed.texts] == ["10", "10", "10"]
