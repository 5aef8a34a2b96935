"""The loop that keeps a model right: promotions within seconds, the monitor every hour, a challenger when it is time.

Run it with ``python -m jobs.loop`` where the folder of the models may be written; BP_SPARK_MASTER=local[1] leaves the
other cores to the stream beside it. Of several copies on that folder one works, and another takes over when it ends.
When the monitor finds that the risks in service fit no longer what happens, or that patients are others than at the
training, a model is trained on what the stream has stored and, if it passes the checks of a promotion, scores beside
the one in service: nobody but a person (or the rule, where BP_PROMOTE_BY_RULE is set) puts it there.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from conf import cli
from conf.files import one_at_a_time, write_whole
from conf.settings import PROJECT_ROOT, load_settings
from elastic.client import Search, SearchUnavailable, connect
from elastic.search import monitoring
from jobs.training.promoting import carry_out
from ml.registry.bundles import current_version, versions
from ml.registry.challenger import read_challenger

LOCK: Final = ".loop.lock"
TRAINED: Final = ".loop-trained"  # in the folder of the models, too: when a copy has last begun a training
LOOK_S: Final = 5.0
MONITOR_EVERY: Final = timedelta(hours=1)
VERSION_TIME: Final = "%Y%m%dT%H%M%SZ"  # with which the names of versions begin
SCRIPT: Final = PROJECT_ROOT / "spark-submit.sh"
RETRAIN: Final = ("retrain", "--source", "elasticsearch", "--appoint", "--by", "loop", "--why")

Process = subprocess.Popen[bytes]

log = logging.getLogger("jobs.loop")


@dataclass
class Loop:
    """What is due when; `start` submits a job with these words. One job runs at a time."""

    search: Search
    model_dir: Path
    start: Callable[[Sequence[str]], Process]
    train_every: timedelta  # at most: a challenger needs as long to be judged
    monitor_due: datetime
    job: Process | None = None
    is_judged: bool = False  # the last job was the monitor, of whose findings nothing has been made yet

    def step(self, now: datetime) -> None:
        """Carry out requests, look after the job that runs, and start what is due."""
        try:
            carry_out(self.search, self.model_dir, now)
            if self.job is None or self.job.poll() is not None:
                self._go_on(now)
        except SearchUnavailable as error:
            log.warning("%s", error)

    def _go_on(self, now: datetime) -> None:
        if self.job is not None:
            log.log(logging.ERROR if self.job.returncode else logging.INFO, "ended with %d", self.job.returncode)
            self.job = None
        if self.is_judged:
            why = self.why_train(now)
            self.is_judged = False
            if why:
                log.info("A challenger is trained: %s", why)
                write_whole(self.model_dir / TRAINED, now.isoformat())
                self.job = self.start((*RETRAIN, why))
        elif now >= self.monitor_due:
            self.monitor_due, self.is_judged = now + MONITOR_EVERY, True
            self.job = self.start(("monitor",))

    def why_train(self, now: datetime) -> str | None:
        """Return why it is time for a challenger; None while one scores, or too soon after the last training."""
        in_service = current_version(self.model_dir)
        if in_service is None or read_challenger(self.model_dir) is not None:
            return None
        if now - last_training(self.model_dir) < self.train_every:
            return None
        return what_has_changed(self.search, in_service)


def submission(java_home: str | None, script: Path = SCRIPT) -> list[str]:
    """Return how a command begins that submits a job, with less right to the machine than the stream.

    The script prepares a machine and finds its Java; a container has no script, and who was started by it has a Java.
    """
    is_prepared = java_home is not None or not script.exists()
    return ["nice", *([sys.executable, "-m", "deploy.submit"] if is_prepared else [str(script)])]


def last_training(model_dir: Path) -> datetime:
    """Return when the newest version was made or a copy of the loop began a training, whatever became of it."""
    made = datetime.strptime(versions(model_dir)[-1].split("-")[0], VERSION_TIME).replace(tzinfo=UTC)
    begun = model_dir / TRAINED
    return max(made, datetime.fromisoformat(begun.read_text(encoding="utf-8"))) if begun.exists() else made


def what_has_changed(search: Search, version: str) -> str | None:
    """Return in a sentence or two what the monitor found wrong with a version that a training may mend."""
    misfits = monitoring.misfits(search, version)
    horizons = ", ".join(f"{horizon_h} h" for horizon_h in sorted({found["horizon_h"] for found in misfits}))
    moved = ", ".join(found["feature"] for found in monitoring.strangers(search, version))
    told = [f"The risks of {version} do not fit what happened ({horizons})."] if misfits else []
    told += [f"Patients are others than those that {version} was trained on ({moved})."] if moved else []
    return " ".join(told) or None


def main() -> int:
    """Parse the command line and work until a signal comes; return the exit code."""
    return cli.run(cli.parser("python -m jobs.loop", __doc__), _work)


def _work(_: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    settings, ended, submit = load_settings(), threading.Event(), submission(os.environ.get("JAVA_HOME"))
    with one_at_a_time(settings.model_dir / LOCK):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        loop = Loop(
            Search(connect(settings)),
            settings.model_dir,
            lambda words: subprocess.Popen([*submit, *words], cwd=PROJECT_ROOT),
            timedelta(days=settings.retrain_days),
            datetime.now(UTC),
        )
        while not ended.is_set():
            loop.step(datetime.now(UTC))
            ended.wait(LOOK_S)
        if loop.job is not None:
            loop.job.terminate()
            loop.job.wait()


if __name__ == "__main__":
    sys.exit(main())
