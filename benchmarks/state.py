"""The state of many patients: ``python -m benchmarks.state [--patients 20000 200000 1000000] [--held N]``.

For each number of patients: fills their windows with so many readings each, then lets the streaming job, started again
on that state, drain new readings of patients drawn at random, in micro-batches of the same size. Prints the rate of the
second half of them, what a micro-batch took, heap and memory of the driver, and what the state takes on the disk.
Compare rates within one run: those with many patients over that with the fewest.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.draining import drain
from benchmarks.keeping import add_option, bars, console, keep
from benchmarks.own_services import own_services
from benchmarks.throughput import drain_settings, in_folders, prepare, stream_command
from benchmarks.topic import INTERVAL, observation, send
from conf import cli
from conf.settings import METRICS_FILE, Settings

BYTES_PER_MIB = 1024**2
LOOK_S = 1.0
AFTER_COLLECTION = re.compile(r"->(\d+)M\(")  # of Java's log of collections: 512M->100M(1024M)
QUICK_BATCH = 100_000


@dataclass(frozen=True)
class Held:
    """What so many patients cost; durations are medians of a micro-batch of the score query, memory is the largest."""

    patients: int
    readings_per_s: float
    first_s: float  # from the start of the job until a prediction could be found
    batch_ms: float
    commit_ms: float
    heap_mib: int
    java_gib: float
    checkpoint_mib: float
    local_mib: float


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.state", __doc__)
    parser.add_argument("--patients", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--held", type=int, default=5, help="readings of each in the state before (%(default)s)")
    parser.add_argument("--readings", type=int, default=200_000, help="new ones, whose rate is told (%(default)s)")
    parser.add_argument("--rows", type=int, default=20_000, help="a micro-batch (%(default)s)")
    parser.add_argument("--heap", default="2g", help="of the Spark driver (%(default)s)")
    add_option(parser, "state")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Fill and drain for each number of patients, and print."""
    with own_services() as (folder, addresses):
        settings = drain_settings(folder, addresses, options.rows)
        found = []
        for patients in options.patients:
            of_size = in_folders(settings, str(patients)).model_copy(update={"kafka_topic": f"state-{patients}"})
            prepare(of_size)
            found.append(hold(of_size, patients, options))
            console.print(f"{patients:,} patients: {found[-1].readings_per_s:,.0f} readings/s")
    report(found)
    keep(options.keep, "state", {**vars(options), "keep": None, "found": [asdict(it) for it in found]}, plot(found))


def hold(settings: Settings, patients: int, options: argparse.Namespace) -> Held:
    """Fill the state of so many patients, and let new readings meet it."""
    new_from = datetime.now(UTC) - INTERVAL * (options.readings // patients + 1)
    before = held_readings(patients, options.held, new_from)
    quick = settings.model_copy(update={"max_offsets_per_trigger": QUICK_BATCH})
    sent = send(settings.kafka_bootstrap_servers, settings.kafka_topic, before)
    drain(quick, stream_command(options.heap), sent)
    new = new_readings(patients, options.readings, new_from)
    send(settings.kafka_bootstrap_servers, settings.kafka_topic, new)
    scratch, log = settings.local_dir / "spark", settings.local_dir / "collections.log"
    conf = f"spark.local.dir={scratch}", f"spark.driver.extraJavaOptions=-Xlog:gc:file={log}"
    with largest(scratch) as most:
        drained = drain(settings, stream_command(options.heap, *conf), options.readings)
    lines = json.loads((settings.local_dir / METRICS_FILE).read_text(encoding="utf-8"))["recent"]
    batches = [line for line in lines if line["query"] == "score" and line["rows"]]
    return Held(
        patients,
        drained.steady_rate,
        drained.first_s,
        median(line["duration_ms"] for line in batches),
        median(line["state_commit_ms"] for line in batches),
        heap_mib(log.read_text(encoding="utf-8")),
        drained.peak_gib["java"],
        size_mib(settings.checkpoint_dir / "score"),
        max(most),
    )


def held_readings(patients: int, held: int, until: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, payload) patient by patient, so that a micro-batch makes few predictions of many readings."""
    random = np.random.default_rng(1)
    for patient in range(patients):
        for number, systolic in enumerate(random.integers(100, 160, held).tolist()):
            at = until - INTERVAL * (held - number)
            yield _message(patient, f"h{number}-{patient}", at, systolic)


def new_readings(patients: int, readings: int, since: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, payload) round by round, the patients of each in the same random order, a second apart at most."""
    random = np.random.default_rng(2)
    order = random.permutation(patients)
    for number, systolic in enumerate(random.integers(100, 160, readings).tolist()):
        taken, place = divmod(number, patients)
        at = since + INTERVAL * taken + timedelta(seconds=place % 600)
        yield _message(int(order[place]), f"n{number}", at, systolic)


def _message(patient: int, observation_id: str, at: datetime, systolic: int) -> tuple[bytes, bytes]:
    patient_id = f"p{patient:07d}"
    return patient_id.encode(), observation(patient_id, observation_id, at, (systolic, systolic - 50, 72))


@contextmanager
def largest(folder: Path, every_s: float = LOOK_S) -> Iterator[list[float]]:
    """Note again and again how many MiB are in a folder while the context lasts."""
    sizes, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(every_s):
            sizes.append(size_mib(folder))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield sizes
    finally:
        over.set()
        thread.join()


def size_mib(folder: Path) -> float:
    """Return how many MiB the files below a folder have; those that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total / BYTES_PER_MIB


def heap_mib(log: str) -> int:
    """Return the most MiB that a collection has left in the heap, out of Java's log; 0 if there was none."""
    return max(map(int, AFTER_COLLECTION.findall(log)), default=0)


def report(found: list[Held]) -> None:
    """Print a line for each number of patients."""
    heads = (
        "restart, s",
        "batch, ms",
        "state commit, ms",
        "heap, MiB",
        "JVM, GiB",
        "checkpoint, MiB",
        "local disk, MiB",
    )
    table = Table("patients", "readings/s", "ratio", *heads)
    for it in found:
        rates = f"{it.readings_per_s:,.0f}", f"{it.readings_per_s / found[0].readings_per_s:.2f}"
        took = f"{it.first_s:.0f}", f"{it.batch_ms:,.0f}", f"{it.commit_ms:,.0f}"
        sizes = f"{it.heap_mib:,}", f"{it.java_gib:.2f}", f"{it.checkpoint_mib:,.0f}", f"{it.local_mib:,.0f}"
        table.add_row(f"{it.patients:,}", *rates, *took, *sizes)
    console.print(table)


def plot(found: list[Held]) -> Figure:
    """Return a plot of rate, heap and disk."""
    figure = Figure(figsize=(10, 0.5 * len(found) + 1.2), layout="constrained")
    names = [f"{it.patients:,} patients" for it in found]
    parts = {
        "readings per second": [it.readings_per_s for it in found],
        "heap after a collection, MiB": [float(it.heap_mib) for it in found],
        "checkpoint, MiB": [it.checkpoint_mib for it in found],
    }
    for axes, (label, values) in zip(figure.subplots(1, len(parts), sharey=True), parts.items(), strict=True):
        bars(axes, names, values)
        axes.set_xlabel(label)
    return figure


if __name__ == "__main__":
    sys.exit(main())
