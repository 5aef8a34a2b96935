"""From nothing to the first prediction: ``python -m benchmarks.starting [--warm N]``.

Copies the files of this checkout that git knows into a folder of their own and starts the demo there as its users do:
cold, with nothing fetched, installed or trained yet and empty caches of packages and jars (it needs the network and
3 GB of disk), then warm, so many times. Times are those at which the start says that a step is done; what follows is
read from the stream's own log and metrics.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.keeping import COLOURS, add_option, console, keep, tidy
from conf import cli
from conf.errors import UserError
from conf.retry import wait_until
from conf.settings import METRICS_FILE, PREFIX, PROJECT_ROOT
from demo.figures import read_metrics
from embedded.services import stop

COMMAND: Final = (
    *("./spark-submit.sh", "--yes", "demo", "--plain"),
    *("--kafka-port=0", "--elasticsearch-port=0", "--web-port=0"),
)
BEGUN: Final = re.compile(r"^(?:\[\d/\d\] )?(.+?)(?: at \S+| \(.*\))? \.\.\.$")
ENDED: Final = re.compile(r"^(?:\[\d/\d\] )?(.+?)(?: at \S+| \(.*\))?: (?:done|ready) in \d+ s$")
QUERIES, PREDICTION, ALL = "Stream: queries started", "Stream: first prediction", "from the command to it"
QUERY_STARTED: Final = "query started: score"
DEADLINE_S: Final = 1_800.0
LOOK_S: Final = 0.2
END_S: Final = 60.0

Said = list[tuple[float, str]]  # (seconds, line)
Steps = dict[str, float]  # seconds by step, in the order in which they ended


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.starting", __doc__)
    parser.add_argument("--warm", type=int, default=2, help="starts after the first one (%(default)s)")
    add_option(parser, "starting")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Start cold once and warm some times, and print."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        project, caches = Path(name) / "project", Path(name) / "caches"
        copy_project(project)
        try:
            cold, *warm = [start(project, caches) for _ in range(options.warm + 1)]
        finally:
            stop(project / ".local", clean=True)
    report(cold, warm)
    keep(options.keep, "starting", {"cold": cold, "warm": warm}, plot(cold, warm))


def copy_project(target: Path) -> None:
    """Copy what git knows of this checkout, as it is on the disk."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT_ROOT / name, target / name)


def start(project: Path, caches: Path) -> Steps:
    """Start the demo, wait for its first prediction, and end it; return what each step took."""
    log, metrics = project / ".local/logs/stream.log", project / ".local" / METRICS_FILE
    for left in (log, metrics):
        left.unlink(missing_ok=True)

    def has_started() -> bool:
        return log.exists() and QUERY_STARTED in log.read_text(encoding="utf-8")

    def has_predicted() -> bool:
        return bool(read_metrics(metrics).get("queries", {}).get("score", {}).get("totals", {}).get("predictions"))

    said: Said = []
    with demo(project, caches, said) as process:

        def first_time(is_so: Callable[[], bool]) -> float:
            wait_until(lambda: is_so() or process.poll() is not None, DEADLINE_S, LOOK_S)
            return time.monotonic()

        started_s, predicted_s = first_time(has_started), first_time(has_predicted)
        if not has_predicted():
            raise UserError(f"No prediction came. The demo said last: {said[-1][1]}")
    return steps_of(said, started_s, predicted_s)


@contextmanager
def demo(project: Path, caches: Path, said: Said) -> Iterator[subprocess.Popen[str]]:
    """Run the demo, note what it says and when, and end it as a Ctrl-C does; the first entry is its start."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = {**inherited, "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(caches)}
    said.append((time.monotonic(), ""))
    process = subprocess.Popen(
        COMMAND, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    def listen() -> None:
        for line in process.stdout or ():
            said.append((time.monotonic(), line.rstrip()))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(END_S)
        listener.join()


def steps_of(said: Said, started_s: float, predicted_s: float) -> Steps:
    """Return the seconds of each step, out of the lines with their times, and of what came after the last one.

    Steps that run side by side each count in full.
    """
    began_s, begun, steps = said[0][0], dict[str, float](), Steps()
    for at_s, line in said:
        if match := BEGUN.match(line):
            begun.setdefault(match[1], at_s)
        elif (match := ENDED.match(line)) and match[1] in begun:
            steps[match[1]] = at_s - begun[match[1]]
    last_s = max((at_s for at_s, line in said if ENDED.match(line)), default=began_s)
    after = {QUERIES: started_s - last_s, PREDICTION: predicted_s - started_s}
    return steps | after | {ALL: predicted_s - began_s}


def report(cold: Steps, warm: list[Steps]) -> None:
    """Print each step of the cold start, and the median of the warm ones."""
    table = Table("seconds", "cold", f"warm, median of {len(warm)}")
    for step in cold:
        again = [of_start[step] for of_start in warm if step in of_start]
        table.add_row(step, f"{cold[step]:.1f}", f"{median(again):.1f}" if again else "-")
    console.print(table)


def plot(cold: Steps, warm: list[Steps]) -> Figure:
    """Return a plot of the steps, cold and warm beside each other."""
    figure = Figure(figsize=(9, 0.45 * len(cold) + 1), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(cold))
    again = [median([of_start.get(step, 0.0) for of_start in warm] or [0.0]) for step in cold]
    for name, values, shift, colour in (("cold", list(cold.values()), -0.2, 0), ("warm", again, 0.2, 1)):
        drawn = axes.barh(places + shift, values, 0.4, label=name, color=COLOURS[colour])
        axes.bar_label(drawn, [f"{value:.1f}" if value else "" for value in values], padding=3)
    axes.set_yticks(places, list(cold))
    axes.set_xlabel("seconds")
    axes.legend(frameon=False)
    axes.margins(x=0.12)
    tidy(axes)
    return figure


if __name__ == "__main__":
    sys.exit(main())
