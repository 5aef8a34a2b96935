"""How long one horizon takes to train with 1 and with 2 workers, and how much memory the processes use at most.

``.venv/bin/python -m benchmarks.training [--windows 500000]`` writes the rows once with the Spark generator, then
trains with each number of workers in a Spark application of its own. Memory is the peak of each process (VmHWM).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from benchmarks.own_services import peak_gib
from conf.settings import load_settings
from deploy.submit.spark import submit_environment
from jobs.training.collecting import simulated_rows, write_rows
from jobs.training.simulated import Design
from jobs.training.training import TARGETS, UNTUNED, regressor, with_inputs
from ml.inputs import booster_inputs
from ml.linear import fit as fit_linear
from ml.storage import from_arrow

ROOT: Final = Path(__file__).resolve().parents[1]
WINDOWS_PER_PATIENT: Final = 16
ROUNDS: Final = 300
HORIZON_H: Final = 6
LINEAR_ROWS: Final = 20_000  # that the linear part is fitted to, before the clock runs
WORKERS: Final = (1, 2)


def main() -> None:
    """Write rows and start one process per number of workers, or be one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--windows", type=int, nargs="+", default=[250_000, 500_000], help="sizes (%(default)s)")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.train:
        train(chosen.train)
    elif chosen.write:
        write(chosen.write, chosen.windows[0])
    else:
        compare(chosen.windows)


def compare(sizes: list[int]) -> None:
    """Print a line per size and number of workers."""
    for windows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / "rows.parquet"
            _run(2, "--write", str(rows), "--windows", str(windows))
            for workers in WORKERS:
                print(f"{workers} worker(s): {_run(workers, '--train', str(rows))}", flush=True)


def write(path: Path, windows: int) -> None:
    """Write about so many windows."""
    spark = SparkSession.builder.appName("write").getOrCreate()
    patients = windows // WINDOWS_PER_PATIENT
    design = Design(patients=patients, windows_per_patient=WINDOWS_PER_PATIENT, track_h=0)
    write_rows(simulated_rows(spark, design), path)


def train(path: Path) -> None:
    """Train one horizon on all rows; print rows, time and peak memory."""
    spark = SparkSession.builder.appName("train").getOrCreate()
    label = TARGETS[HORIZON_H]
    rows = spark.read.parquet(str(path)).where(f"{label} is not null")
    count = rows.count()
    some = from_arrow(rows.limit(LINEAR_ROWS).toArrow())
    linear = fit_linear(booster_inputs(some.features, some.hour), some.targets)
    began_s = time.monotonic()
    model = regressor(spark, label, 1, {**UNTUNED.parameters, "n_estimators": ROUNDS, "learning_rate": 0.05})
    with _watched_memory() as peaks:
        trees = model.fit(with_inputs(rows, linear)).get_booster().num_boosted_rounds()
    memory = ", ".join(f"{kind} {peak:.2f}" for kind, peak in peaks.items())
    print(f"{count} windows, {trees} trees, {time.monotonic() - began_s:.1f} s; peak memory in GiB: {memory}")


def _run(workers: int, *arguments: str) -> str:
    settings = load_settings({"BP_SPARK_MASTER": f"local[{workers}]"})
    environment = submit_environment(os.environ, settings, ROOT, [])
    command = [sys.executable, "-m", "benchmarks.training", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def _watched_memory() -> Iterator[dict[str, float]]:
    """Hand out the peak memory (GiB) of this process, its JVM and the largest Python worker, read twice a second."""
    peaks: dict[str, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for pid in [os.getpid(), *_descendants(os.getpid())]:
                kind = "driver" if pid == os.getpid() else "JVM" if "java" in _read(pid, "comm") else "Python worker"
                peaks[kind] = max(peaks.get(kind, 0.0), peak_gib(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def _descendants(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*")  # a JVM starts its children from any thread
    children = [int(child) for thread in threads for child in _read(pid, f"task/{thread.name}/children").split()]
    return [*children, *(below for child in children for below in _descendants(child))]


def _read(pid: int, name: str) -> str:
    """Return a file of /proc, empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


if __name__ == "__main__":
    main()
