"""A backlog while readings go on coming: ``python -m benchmarks.backlog [--minutes N] [--rate N]``.

Fills a topic with so many minutes of readings, as if the stream had been away, then starts the stream, while new
readings come at the same rate. Prints how many times faster than they came the waiting ones are worked off, and how
long the new ones waited until their prediction could be found: those sent meanwhile, and those sent afterwards.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from elasticsearch import Elasticsearch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.keeping import COLOURS, add_option, console, keep
from benchmarks.latency import INTERVAL_S, QUIET, TOPIC, Feed
from benchmarks.own_services import own_services, running
from benchmarks.throughput import drain_settings, prepare
from benchmarks.topic import observation, send
from conf import cli
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect, with_retries
from elastic.names import PREDICTIONS

LOOK_S = 0.25
CAUGHT_UP_S = 5.0  # whatever came before the last so many seconds can be found
AFTER_S = 60.0
DEADLINE = 3  # times the minutes of the backlog
SHARES = (50, 95, 100)  # percentiles; the last is the longest wait

Found = list[tuple[float, int]]  # (seconds, predictions that could be found by then)


@dataclass(frozen=True)
class Course:
    """When things were so: seconds of a clock that starts with the stream; `rate` is that of new readings."""

    backlog: int
    rate: int
    found: Found

    def at(self, predictions: int) -> float:
        """Return when so many predictions could be found."""
        return next(at_s for at_s, count in self.found if count >= predictions)

    @property
    def first_s(self) -> float:
        """Return when the first one could be found: before that the stream was starting."""
        return self.at(1)

    @property
    def worked_off_s(self) -> float:
        """Return when the backlog was worked off."""
        return self.at(self.backlog)

    @property
    def caught_up_s(self) -> float:
        """Return when the new readings no longer waited for older ones; that of the last look if they always did."""
        due = ((at_s, self.backlog + (at_s - CAUGHT_UP_S) * self.rate, count) for at_s, count in self.found)
        return next((at_s for at_s, expected, count in due if count >= max(expected, self.backlog)), self.found[-1][0])

    def waits_s(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how long new readings waited, sent before and after all had been caught up.

        The topic is worked off in its order, so the n-th new one is found when so many more than the backlog are.
        """
        at_s, counts = np.array(self.found).T
        numbers = np.arange(counts[-1] - self.backlog)
        sent_s = numbers / self.rate
        waits = at_s[np.searchsorted(counts, self.backlog + numbers + 1)] - sent_s
        return waits[sent_s < self.caught_up_s], waits[sent_s >= self.caught_up_s]


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.backlog", __doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of readings that wait (%(default)s)")
    parser.add_argument("--rate", type=int, default=1_111, help="readings a second (%(default)s)")
    parser.add_argument("--heap", default="2g", help="of the Spark driver (%(default)s)")
    add_option(parser, "backlog")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Fill the topic, start the stream and the new readings, watch, and print."""
    with own_services() as (folder, addresses):
        settings = drain_settings(folder, addresses, Settings().max_offsets_per_trigger)
        settings = settings.model_copy(update={"kafka_topic": TOPIC})
        prepare(settings)
        waiting = readings(options.rate, round(options.minutes * 60), datetime.now(UTC))
        backlog = send(settings.kafka_bootstrap_servers, TOPIC, waiting)
        console.print(f"{backlog:,} readings wait")
        command = ["deploy.submit", "--conf", f"spark.driver.memory={options.heap}", "stream"]
        with Feed(settings, options.rate).flowing(), running(command, settings):
            found = watch(connect(settings), Course(backlog, options.rate, []), options.minutes * 60)
    course = Course(backlog, options.rate, found)
    report(course, options.minutes * 60)
    keep(options.keep, "backlog", asdict(course), plot(course))


def readings(rate: int, seconds: int, until: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, payload) of readings that came at a rate until now, each patient every quarter of an hour."""
    patients = rate * INTERVAL_S
    for number in range(rate * seconds):
        patient_id = f"p{(patients - rate * seconds + number) % patients:07d}"  # the next one is the first of the feed
        at = until - timedelta(seconds=seconds - number / rate)
        yield patient_id.encode(), observation(patient_id, f"b-{number}", at, QUIET)


def watch(client: Elasticsearch, course: Course, backlog_s: float) -> Found:
    """Look at what can be found until the new readings have been caught up for a while; raise `UserError` if never."""
    began_s, found = time.monotonic(), course.found
    while time.monotonic() - began_s < DEADLINE * backlog_s + AFTER_S:
        answer = with_retries(lambda: client.count(index=PREDICTIONS, ignore_unavailable=True, allow_no_indices=True))
        found.append((time.monotonic() - began_s, int(answer["count"])))
        if found[-1][0] - course.caught_up_s >= AFTER_S:
            return found
        time.sleep(LOOK_S)
    raise UserError(f"The stream did not catch up: {found[-1][1]:,} predictions. Try a lower --rate.")


def report(course: Course, backlog_s: float) -> None:
    """Print the ratios and the waits."""
    whole = backlog_s / course.worked_off_s
    started = backlog_s / (course.worked_off_s - course.first_s)
    console.print(f"worked off in {course.worked_off_s:.0f} s, the start ({course.first_s:.0f} s) included")
    console.print(f"{whole:.1f} times as fast as it came, {started:.1f} times without the start")
    console.print(f"new readings caught up after {course.caught_up_s:.0f} s")
    table = Table("new readings", "number", *(f"p{share}, s" for share in SHARES), title="until a prediction was found")
    for name, waits in zip(("sent meanwhile", "sent afterwards"), course.waits_s(), strict=True):
        if len(waits):
            table.add_row(name, f"{len(waits):,}", *(f"{wait:.1f}" for wait in np.percentile(waits, SHARES)))
    console.print(table)


def plot(course: Course) -> Figure:
    """Return a plot of how many readings waited, and of how long the new ones did."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    left, waited = figure.subplots(1, 2)
    at_s, counts = np.array(course.found).T
    left.plot(at_s, (course.backlog + at_s * course.rate - counts) / 1e3, color=COLOURS[0])
    left.set(xlabel="seconds since the start of the stream", ylabel="thousand readings wait", ylim=(0, None))
    waits = np.concatenate(course.waits_s())
    waited.plot(np.arange(len(waits)) / course.rate, waits, color=COLOURS[0])
    waited.set(xlabel="sent, seconds since the start of the stream", ylabel="seconds until found", ylim=(0, None))
    for axes in (left, waited):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    sys.exit(main())
