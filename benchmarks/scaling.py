"""What a second core brings: ``python -m benchmarks.scaling [--cores 1 2] [--whole] [--master URL]``.

Lets the streaming job drain the same topic with so many tasks at a time, in turn, on services of its own, and prints
the ratio of the speeds. Kafka and Elasticsearch keep all cores, so that on a machine with few of them they take from
the job what they need; with ``--whole`` they are kept to as many as the job, and the ratio is that of two machines.
With ``--master`` (a standalone cluster that reaches 127.0.0.1) the cores are executors of one core each.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.draining import Drained, drain
from benchmarks.keeping import add_option, bars, console, keep
from benchmarks.own_services import own_services
from benchmarks.throughput import drain_settings, fill_topic, in_folders, prepare, stream_command
from conf import cli
from conf.errors import UserError
from embedded.services import status

Runs = dict[int, list[Drained]]  # by cores


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.scaling", __doc__)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--readings", type=int, default=400_000)
    parser.add_argument("--patients", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--heap", default="3g", help="heap of the Spark driver")
    parser.add_argument("--whole", action="store_true", help="keep the services to as many cores, too (Linux)")
    parser.add_argument("--master", metavar="URL", help="of a standalone cluster, instead of local[N]")
    add_option(parser, "scaling")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Fill the topic once, drain it with each number of cores in turn, and print."""
    runs: Runs = {cores: [] for cores in options.cores}
    with own_services() as (folder, addresses):
        settings = drain_settings(folder, addresses, options.patients)
        prepare(settings)
        readings = fill_topic(settings, options.patients, options.readings // options.patients)
        for number in range(options.runs):
            for cores in options.cores:
                master, conf = placed(cores, options.master)
                fresh = in_folders(settings, f"{number}-{cores}").model_copy(update={"spark_master": master})
                with kept_to(cores if options.whole else None, folder):
                    runs[cores].append(drain(fresh, stream_command(options.heap, *conf), readings))
    require_same(runs)
    report(runs, options)
    plain = {str(cores): [asdict(it) | {"sample": len(it.sample)} for it in each] for cores, each in runs.items()}
    keep(options.keep, "scaling", {"whole": options.whole, "master": options.master, "runs": plain}, plot(runs))


def placed(cores: int, master: str | None) -> tuple[str, tuple[str, ...]]:
    """Return Spark's master and the settings under which a job has so many cores: one each for its executors."""
    if master is None:
        return f"local[{cores}]", ()
    return master, ("spark.executor.cores=1", f"spark.cores.max={cores}")


@contextmanager
def kept_to(cores: int | None, folder: Path) -> Iterator[None]:
    """Keep this process, what it starts, and the services of `folder` to the first so many cores, if told to."""
    before = os.sched_getaffinity(0)
    pids = [os.getpid(), *(pid for node in status(folder) for pid in node.processes)]
    chosen = before if cores is None else set(sorted(before)[:cores])
    try:
        _keep_threads(pids, chosen)
        yield
    finally:
        _keep_threads(pids, before)


def _keep_threads(pids: Sequence[int], cores: set[int]) -> None:
    """Let all threads of these processes run on these cores only; those that start later inherit it."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


def require_same(runs: Runs) -> None:
    """Raise `UserError` unless all runs have written as many documents and the same predictions."""
    first, *others = [it for each in runs.values() for it in each]
    if any((it.counts, it.sample) != (first.counts, first.sample) for it in others):
        counts = ", ".join(str(it.counts) for it in (first, *others))
        raise UserError(f"The runs do not agree, so their times mean nothing: {counts}.")


def report(runs: Runs, options: argparse.Namespace) -> None:
    """Print the medians, and each speed over that with the fewest cores."""
    what = "services on as many" if options.whole else f"services on all {os.cpu_count()}"
    table = Table("cores", "seconds", "readings/s, second half", "ratio", "ratio, second half", title=what)
    for cores, each in runs.items():
        seconds, steady = (median(getattr(it, name) for it in each) for name in ("seconds", "steady_rate"))
        whole, second_half = ratios(runs, cores)
        table.add_row(str(cores), f"{seconds:.1f}", f"{steady:,.0f}", f"{whole:.2f}", f"{second_half:.2f}")
    console.print(table)


def ratios(runs: Runs, cores: int) -> tuple[float, float]:
    """Return how many times faster than with the fewest cores: the whole process, and the second half of the topic."""
    pairs = list(zip(runs[min(runs)], runs[cores], strict=True))
    whole = median(few.seconds / many.seconds for few, many in pairs)
    return whole, median(many.steady_rate / few.steady_rate for few, many in pairs)


def plot(runs: Runs) -> Figure:
    """Return a plot of the rates."""
    figure = Figure(figsize=(6, 2), layout="constrained")
    axes = figure.subplots()
    bars(axes, [str(cores) for cores in runs], [median(it.steady_rate for it in each) for each in runs.values()])
    axes.set(xlabel="readings per second, second half", ylabel="cores")
    return figure


if __name__ == "__main__":
    sys.exit(main())
