"""Figures and alert lists of the site over many predictions: ``python -m benchmarks.site_volume [--predictions N]``.

Fills an Elasticsearch of its own with a day of predictions, one patient in twenty alerting now and then, and measures
what the statistics and the lists of alerts wait for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from statistics import median

from alerts.model import AlertKind, State
from benchmarks.own_services import own_services
from conf import cli
from conf.settings import Settings
from elastic.bulk import Operation, write
from elastic.client import Search, connect
from elastic.names import ALERTS, ALL_INDICES, LATEST, PREDICTIONS
from elastic.schema import put_templates
from elastic.search import alerts, statistics
from tests.support.ward import INTERVAL, Document, alert, prediction, reading, writing

HEAP = "1g"
BATCH = 20_000
PER_PATIENT = 96  # a day of them
ALERTING_EVERY = 20  # one patient in so many
EPISODE = 8  # predictions that an alert lasts, and as many until the next one
RUNS = 9
TIMEOUT_S = 120.0
CHANGE = count(1)


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.site_volume", __doc__)
    parser.add_argument("--predictions", type=int, default=3_000_000)
    return cli.run(parser, lambda options: measure(options.predictions))


def measure(number: int) -> None:
    """Fill, ask, print."""
    with own_services(only="elasticsearch", elasticsearch_heap=HEAP) as (folder, addresses):
        client = connect(Settings(local_dir=folder, elasticsearch_url=str(addresses.elasticsearch_url)))
        now, began = datetime.now(UTC), time.perf_counter()
        put_templates(client)
        operations = fill(number // PER_PATIENT, now)
        while batch := list(islice(operations, BATCH)):
            write(client, batch)
        client.indices.refresh(index=ALL_INDICES)
        print(f"{number} predictions filled in {time.perf_counter() - began:.0f} s", flush=True)
        report(Search(client, TIMEOUT_S), now)


def fill(patients: int, now: datetime) -> Iterator[Operation]:
    """Write a day of predictions of each patient, the newest one again, and the alerts that are over."""
    for number in range(patients):
        for back in range(PER_PATIENT):
            document = prediction_of(number, back, now)
            yield writing(PREDICTIONS, document)
            if back % (2 * EPISODE) == 0 and number % ALERTING_EVERY == 0:
                at = now - back * INTERVAL
                yield writing(ALERTS, alert(document["patient_id"], at, AlertKind.PREDICTED, state=State.RESOLVED))
            if back == 0:
                yield writing(LATEST, document)


def prediction_of(number: int, back: int, now: datetime) -> Document:
    """Return the prediction of a patient that is `back` intervals old."""
    is_alerting = number % ALERTING_EVERY == 0 and (back + number // ALERTING_EVERY) // EPISODE % 2 == 0
    at = now - timedelta(seconds=number % 900) - back * INTERVAL
    risk = 0.25 + number % 7 / 10 if is_alerting else 0.05
    return prediction(reading(f"P-{number}", at, 120 + number % 50, 75), risk)


def report(search: Search, now: datetime) -> None:
    """Print the medians."""
    questions: dict[str, Callable[[datetime], object]] = {
        "levels over time, 24 h": lambda start: statistics.levels_over_time(search, start, now),
        "alarm burden, 24 h": lambda start: statistics.alarm_burden(search, start, now),
        "a page of resolved alerts": lambda start: alerts.ended_page(search, start, now, limit=100),
    }
    for name, ask in questions.items():
        print(f"{name}: {timed(now, ask) * 1000:.0f} ms")


def timed(now: datetime, ask: Callable[[datetime], object]) -> float:
    """Return the median seconds of several runs over a day, none of which Elasticsearch could answer from its cache."""
    waits = []
    for _ in range(RUNS):
        start = now - timedelta(days=1, milliseconds=next(CHANGE))
        began = time.perf_counter()
        ask(start)
        waits.append(time.perf_counter() - began)
    return median(waits)


if __name__ == "__main__":
    sys.exit(main())
