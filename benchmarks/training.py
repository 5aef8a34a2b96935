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
import time
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from conf.settings import load_settings
from conf.submit import submit_environment
from jobs.training import TARGETS, UNTUNED, regressor
from ml.generate import generate, write_rows
from ml.simulated import Design

ROOT: Final = Path(__file__).resolve().parents[1]
WINDOWS_PER_PATIENT: Final = 16
ROUNDS: Final = 300
HORIZON_H: Final = 6
WORKERS: Final = (1, 2)
KIB_PER_GIB: Final = 1024**2


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
    write_rows(generate(spark, design), path)


def train(path: Path) -> None:
    """Train one horizon on all rows; print rows, time and peak memory."""
    spark = SparkSession.builder.appName("train").getOrCreate()
    label = TARGETS[HORIZON_H]
    rows = spark.read.parquet(str(path)).where(f"{label} is not null")
    count = rows.count()
    began_s = time.monotonic()
    model = regressor(spark, label, 1, {**UNTUNED.parameters, "n_estimators": ROUNDS, "learning_rate": 0.05})
    trees = model.fit(rows).get_booster().num_boosted_rounds()
    took_s = time.monotonic() - began_s
    print(f"{count} windows, {trees} trees, {took_s:.1f} s; peak memory in GiB: {_peaks(os.getpid())}")


def _run(workers: int, *arguments: str) -> str:
    settings = load_settings({"BP_SPARK_MASTER": f"local[{workers}]"})
    environment = submit_environment(os.environ, settings, ROOT, [])
    command = [sys.executable, "-m", "benchmarks.training", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def _peaks(root: int) -> str:
    """Peak memory of this process, of its JVM, and of the largest Python worker."""
    children = _descendants(root)
    by_name: dict[str, float] = {"driver": _peak_gib(root)}
    for child in children:
        name = "jvm" if "java" in _command(child) else "python worker"
        by_name[name] = max(by_name.get(name, 0.0), _peak_gib(child))
    return ", ".join(f"{name} {peak:.2f}" for name, peak in by_name.items())


def _descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(below for child in children for below in _descendants(child))]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


def _peak_gib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / KIB_PER_GIB


if __name__ == "__main__":
    main()
