"""The loop carries out requests at once, monitors every hour, and has a challenger trained when it is time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from elastic.names import MODEL_MONITORING
from elastic.search.promotions import Request, ask
from jobs.loop import MONITOR_EVERY, Loop, Process, submission
from ml.registry.bundles import current_version
from ml.registry.challenger import appoint
from tests.support.bundles import CREATED_AT, publish_small, save_small_bundle
from tests.support.fake_search import FakeSearch

TRAIN_EVERY = timedelta(days=5)
LATER = CREATED_AT + TRAIN_EVERY + timedelta(days=1)


class Job:
    """A submitted job, which ends when a test says so."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


class House:
    """A loop with a model in service, and the jobs that it has started."""

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir
        self.champion = save_small_bundle(model_dir)
        publish_small(model_dir, self.champion)
        self.search = FakeSearch()
        self.jobs: list[Job] = []
        self.loop = self.another_copy()

    def another_copy(self) -> Loop:
        return Loop(self.search, self.model_dir, self._start, TRAIN_EVERY, LATER)

    def _start(self, words: Sequence[str]) -> Process:
        self.jobs.append(Job(words))
        return cast(Process, self.jobs[-1])

    def started(self) -> list[str]:
        return [job.words[0] for job in self.jobs]

    def finds(self, kind: str = "calibration", **found: Any) -> None:
        common = {"kind": kind, "model_version": self.champion, "judged_at": LATER.isoformat()}
        self.search.put(MODEL_MONITORING, common | {"@timestamp": LATER.isoformat()} | found)

    def monitors(self, now: datetime = LATER) -> None:
        """Let the monitor run to its end."""
        self.loop.step(now)
        self.jobs[-1].returncode = 0
        self.loop.step(now)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_monitor_runs_every_hour_one_job_at_a_time(house: House) -> None:
    house.loop.step(LATER)
    house.loop.step(LATER + 2 * MONITOR_EVERY)
    assert house.started() == ["monitor"]
    house.jobs[0].returncode = 1  # a failure is no reason to end
    for minutes in (30, 59, 61):
        house.loop.step(LATER + timedelta(minutes=minutes))
    assert house.started() == ["monitor", "monitor"]


def test_requests_are_carried_out_while_a_job_runs(house: House, tmp_path: Path) -> None:
    challenger = save_small_bundle(tmp_path, seed=2)
    appoint(tmp_path, challenger, by="ada", why="a test", at=CREATED_AT)
    house.loop.step(LATER)
    versions: dict[str, Any] = {"version": challenger, "instead_of": house.champion}
    ask(house.search, Request(asked_at=LATER, **versions, by="dr.roy", role="admin", why="nearer", ready=True))
    house.loop.step(LATER)
    assert (current_version(tmp_path), house.started()) == (challenger, ["monitor"])


def test_risks_that_fit_no_more_have_a_challenger_trained_on_what_is_stored(house: House) -> None:
    house.finds("calibration", horizon_h=24, is_off=True)
    house.finds("cusum", horizon_h=6, is_off=True)
    house.monitors()
    words = house.jobs[-1].words
    assert list(words[:4]) == ["retrain", "--source", "elasticsearch", "--appoint"]
    assert words[-1] == f"The risks of {house.champion} do not fit what happened (6 h, 24 h)."


def test_patients_who_are_others_than_at_the_training_have_one_trained(house: House) -> None:
    figures = {"complete": True, "psi": 0.4, "feature": "mean_systolic", "drift": "strong"}
    house.finds("drift", **figures)
    house.finds("drift", **figures | {"feature": "critical_risk_6h"})
    house.finds("drift", **figures | {"feature": "mean_heart_rate", "drift": "moderate"})
    house.monitors()
    why = f"Patients are others than those that {house.champion} was trained on (critical_risk_6h, mean_systolic)."
    assert house.jobs[-1].words[-1] == why


@pytest.mark.parametrize(
    "drifted",
    [
        {"feature": "mean_systolic", "drift": "moderate", "complete": True},
        {"feature": "interval_minutes", "drift": "strong", "complete": True},
        {"feature": "mean_systolic", "drift": "strong", "complete": False},
    ],
)
def test_nothing_is_trained_while_risks_fit_and_nothing_has_moved_for_a_whole_day(
    house: House, drifted: dict[str, Any]
) -> None:
    house.finds("calibration", horizon_h=6, is_off=False)
    house.finds("cusum", horizon_h=6, is_off=False)
    house.finds("drift", psi=0.4, **drifted)
    house.monitors()
    assert house.started() == ["monitor"]


def test_nothing_is_trained_while_a_challenger_scores(house: House, tmp_path: Path) -> None:
    house.finds(horizon_h=6, is_off=True)
    appoint(tmp_path, save_small_bundle(tmp_path, seed=2), by="ada", why="a test", at=CREATED_AT)
    house.monitors()
    assert house.started() == ["monitor"]


def test_nothing_is_trained_again_before_a_challenger_could_be_judged(house: House, tmp_path: Path) -> None:
    house.finds(horizon_h=6, is_off=True)
    save_small_bundle(tmp_path, seed=2, created_at=LATER - TRAIN_EVERY + timedelta(hours=1))
    house.monitors()
    assert house.started() == ["monitor"]


@pytest.mark.parametrize("is_another_copy", [False, True])
def test_after_a_training_that_left_no_version_there_is_as_long_a_pause(house: House, is_another_copy: bool) -> None:
    house.finds(horizon_h=6, is_off=True)
    house.monitors()
    house.jobs[-1].returncode = 1
    if is_another_copy:
        house.loop = house.another_copy()
    house.monitors(LATER + TRAIN_EVERY - timedelta(hours=1))
    assert house.started() == ["monitor", "retrain", "monitor"]
    house.monitors(LATER + TRAIN_EVERY + timedelta(hours=1))
    assert house.started() == ["monitor", "retrain", "monitor", "monitor", "retrain"]


def test_while_elasticsearch_is_away_the_loop_waits(house: House) -> None:
    house.search.fake.is_away = True
    house.loop.step(LATER)
    house.search.fake.is_away = False
    house.loop.step(LATER)
    assert house.started() == ["monitor"]


def test_jobs_are_submitted_by_the_script_that_prepares_where_nothing_says_that_all_is_prepared(tmp_path: Path) -> None:
    script = tmp_path / "spark-submit.sh"
    directly = ["nice", sys.executable, "-m", "deploy.submit"]
    assert submission(None, script) == directly  # a container has no script
    script.touch()
    assert submission(None, script) == ["nice", str(script)]
    assert submission("/opt/java", script) == directly
