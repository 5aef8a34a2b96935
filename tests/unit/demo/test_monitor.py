"""When the monitor job runs beside the demo, and what becomes of one that fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.figures import Figures
from demo.monitor import AGAIN_AFTER_S, Monitor
from demo.processes import Child

DUE_S = 60.0
READ = Figures(predictions=900, patients_by_level={"LOW": 200}, lag=3)


@dataclass
class Starts:
    """Starts programs that end at once, as the job that they stand for."""

    code: int = 0
    made: list[Child] = field(default_factory=list)

    def __call__(self) -> Child:
        process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({self.code})"])
        self.made.append(Child("monitor", process, Path("monitor.log")))
        return self.made[-1]


@pytest.mark.parametrize(
    ("figures", "elapsed_s"),
    [
        (READ, DUE_S - 1),  # the past still goes by
        (Figures(predictions=900, patients_by_level={"LOW": 200}, lag=4_000), DUE_S),
        (Figures(predictions=900, patients_by_level={"LOW": 200}), DUE_S),
        (Figures(lag=0), DUE_S),
    ],
)
def test_the_job_waits_until_the_past_has_been_scored(figures: Figures, elapsed_s: float) -> None:
    starts = Starts()
    Monitor(starts, DUE_S).step(figures, elapsed_s)

    assert starts.made == []


def test_the_job_runs_once_and_again_after_an_hour() -> None:
    starts = Starts()
    monitor = Monitor(starts, DUE_S)

    monitor.step(READ, DUE_S)
    starts.made[0].process.wait()
    for elapsed_s in (DUE_S + 1, DUE_S + 2, DUE_S + AGAIN_AFTER_S - 1):
        monitor.step(READ, elapsed_s)
    assert len(starts.made) == 1

    monitor.step(READ, DUE_S + AGAIN_AFTER_S)
    assert len(starts.made) == 2
    starts.made[1].process.wait()


def test_a_run_that_fails_is_told_until_the_next_one_succeeds() -> None:
    starts = Starts(code=1)
    monitor = Monitor(starts, DUE_S)

    monitor.step(READ, DUE_S)
    starts.made[0].process.wait()
    monitor.step(READ, DUE_S + 1)
    assert "monitor.log" in str(monitor.trouble)

    starts.code = 0
    monitor.step(READ, DUE_S + AGAIN_AFTER_S)
    starts.made[1].process.wait()
    monitor.step(READ, DUE_S + AGAIN_AFTER_S + 1)
    assert monitor.trouble is None
