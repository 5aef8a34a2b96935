"""The streaming job as it is really run: a process of its own, with its JVM and its Python workers."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic.client import with_retries
from embedded.java import find_java
from jobs.streaming.archive import FOLDER
from tests.integration.pipeline import Document, Surroundings, environment

PROJECT = Path(__file__).parents[2]
PROC = Path("/proc")
JOB_TIMEOUT_S = 280
POLL_S = 0.02
Line = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """All that a job leaves: the documents by index and id, and the lines of the CSV archive, without written times."""

    documents: dict[str, dict[str, Document]]
    archive: Counter[Line]


@dataclass(frozen=True)
class Process:
    """A job that was started, leader of a session to which its JVM and its Python workers belong."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text(errors="replace")

    def members(self) -> list[int]:
        """Return the living processes of its session."""
        return [int(entry.name) for entry in PROC.glob("[0-9]*") if _lives_in(entry, self.popen.pid)]

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to every process of the job."""
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Send ``kill -9`` to driver, JVM and workers."""
        while self.members():
            self.signal_all(signal.SIGKILL)
            self.popen.poll()
        self.popen.wait()

    def must_end(self, timeout_s: float) -> None:
        """Wait for the end of the driver, which must come in time and with exit code 0."""
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(timeout_s)
        assert self.popen.returncode == 0, f"not ended, or not well:\n{self.said}"

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that must happen while the job works."""
        deadline = time.monotonic() + JOB_TIMEOUT_S
        while not holds():
            assert self.popen.poll() is None, f"the job has ended before:\n{self.said}"
            assert time.monotonic() < deadline, f"what was waited for did not come:\n{self.said}"
            time.sleep(POLL_S)


@dataclass(frozen=True)
class Job(Surroundings):
    """The stream as a process; `options` are those of its submission."""

    options: tuple[str, ...] = ()

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Process]:
        """Start the job; whatever is left of it at the end is killed."""
        folder = self.settings.local_dir
        folder.mkdir(parents=True, exist_ok=True)
        java_options = f"spark.driver.extraJavaOptions=-Djava.io.tmpdir={folder}"
        conf = ("--conf", "spark.ui.enabled=false", "--conf", java_options)
        command = [sys.executable, "-m", "deploy.submit", *conf, *self.options, "stream", *arguments]
        with (folder / "job.log").open("wb") as log:
            popen = subprocess.Popen(
                command, cwd=PROJECT, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        process = Process(popen, folder / "job.log")
        try:
            yield process
        finally:
            process.kill()

    def drain(self) -> None:
        """Run the job until it has read what the topic holds."""
        with self.running("--available-now") as process:
            process.must_end(JOB_TIMEOUT_S)

    def refused(self) -> str:
        """Start a job that must not begin to work; what it says. Its log is not that of a job already running."""
        command = [sys.executable, "-m", "deploy.submit", "stream", "--available-now"]
        done = subprocess.run(
            command, cwd=PROJECT, env=self._environment(), capture_output=True, text=True, timeout=JOB_TIMEOUT_S
        )
        assert done.returncode == 1, done.stderr
        return done.stderr

    def outcome(self) -> Outcome:
        """Return what the job has left."""
        return Outcome(self.everything(), Counter(self._archived()))

    def interrupted(self, query: str) -> bool:
        """Tell whether the query has begun a micro-batch that it has not committed."""
        return self.newest(query, "offsets") > self.newest(query, "commits")

    def newest(self, query: str, log: str) -> int:
        """Return the number of the last micro-batch in one of the checkpoint's logs; -1 if there is none."""
        folder = self.settings.checkpoint_dir / query / log
        return max((int(path.name) for path in folder.glob("[0-9]*")), default=-1)

    def messages_begun(self, query: str) -> int:
        """Return how many messages of the topic are part of the micro-batches that the query has begun."""
        folder = self.settings.checkpoint_dir / query / "offsets"
        text = (folder / str(self.newest(query, "offsets"))).read_text()
        (offsets,) = json.loads(text.splitlines()[-1]).values()
        return sum(offsets.values())

    def archive_files(self, batch_id: int) -> list[Path]:
        """Return the archive files of a micro-batch."""
        return list((self.settings.data_dir / FOLDER).glob(f"day=*/batch-{batch_id:08d}-*.csv"))

    def count(self, index: str) -> int:
        """Return how many documents there are by now."""
        self.client.indices.refresh(index=index, ignore_unavailable=True)
        counted = with_retries(lambda: self.client.count(index=index, ignore_unavailable=True))  # 503: just being made
        return int(counted["count"])

    def _archived(self) -> Iterator[Line]:
        for path in (self.settings.data_dir / FOLDER).glob("day=*/*.csv"):
            for row in csv.DictReader(path.read_text().splitlines()):
                yield tuple((name, value) for name, value in row.items() if name != "ingested_at")

    def _environment(self) -> dict[str, str]:
        """Leave out the tests' own Spark; temporary files go to the job's folder, for a killed one leaves them."""
        java = {"JAVA_HOME": str(find_java().parents[1]), "SPARK_LOCAL_DIRS": str(self.settings.local_dir / "spark")}
        ours = {name: os.environ[name] for name in ("PATH", "JDK_JAVA_OPTIONS")}
        return {**ours, "SPARK_DRIVER_MEMORY": "1g", **java, **environment(self.settings)}


def in_folder(job: Job, folder: Path, **changes: Any) -> Job:
    """Return the same job with folders of its own."""
    own = {"local_dir": folder / "local", "data_dir": folder / "data", "checkpoint_dir": folder / "checkpoints"}
    return Job(job.settings.model_copy(update=own | changes))


def _lives_in(entry: Path, session: int) -> bool:
    try:
        state, _parent, _group, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:  # ended meanwhile
        return False
    return int(its_session) == session and state != "Z"
