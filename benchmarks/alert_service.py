"""The alert service on a large ward: ``python -m benchmarks.alert_service [--patients N] [--rate N] [--seconds S]``.

Fills an Elasticsearch of its own with patients who have a newest prediction, stores readings and predictions at a
steady rate, and tells which share of a core the service takes, and how long after it can be found a crisis is an alert.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from statistics import median, quantiles

from elasticsearch import Elasticsearch

from alerts.model import AlertKind, alert_id
from benchmarks.own_services import cpu_seconds, own_services, running
from conf import cli
from conf.retry import wait_until
from conf.settings import Settings
from conf.times import iso
from elastic.bulk import Operation, write
from elastic.client import Search, connect
from elastic.names import (
    ALERT_SERVICE,
    ALERTS,
    ALL_INDICES,
    LATEST,
    OBSERVATIONS,
    PREDICTIONS,
    fit_id,
)
from elastic.schema import create_standing_indices, put_templates
from tests.support.ward import Document, prediction, reading, writing

HEAP = "2g"
BATCH = 20_000
FIRST_LOOK_S = 600.0
RAISED_WITHIN_S = 30.0
SHARE_MEDIUM = 0.10  # of the predictions
POLL_S = 0.02


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.alert_service", __doc__)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=1_111, help="readings, and predictions, per second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=60)
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Fill, feed, print."""
    with own_services(only="elasticsearch", elasticsearch_heap=HEAP) as (folder, addresses):
        settings = Settings(local_dir=folder, elasticsearch_url=str(addresses.elasticsearch_url))
        client = connect(settings)
        put_templates(client)
        create_standing_indices(client)
        fill(client, options.patients)
        with running(["alerts"], settings) as service:
            search = Search(client)
            has_begun = wait_until(lambda: "position" in (search.get(ALERT_SERVICE, "lease") or {}), FIRST_LOOK_S, 1.0)
            print(f"the service has begun: {has_begun}", flush=True)
            time.sleep(5)
            cpu_s = cpu_seconds(service.pid)
            delays_s = feed(client, options)
            share = (cpu_seconds(service.pid) - cpu_s) / options.seconds  # of a core, if it went as fast as planned
        print(f"{options.patients} patients, {options.rate} readings and predictions per second: {share:.1%} of a core")
        tail = quantiles(delays_s, n=20)[-1]
        print(f"crisis searchable to alert: median {median(delays_s):.2f} s, p95 {tail:.2f} s of {len(delays_s)}")


def fill(client: Elasticsearch, patients: int) -> None:
    """Give each patient a newest prediction of the last quarter of an hour."""
    now = datetime.now(UTC)
    operations = (writing(LATEST, scored(number, now, 120.0, 0.05)[1]) for number in range(patients))
    while batch := list(islice(operations, BATCH)):
        write(client, batch)
    client.indices.refresh(index=ALL_INDICES)


def name(number: int) -> str:
    """Return a patient's id."""
    return f"P-{number:07}"


def scored(number: int, at: datetime, systolic: float, risk: float) -> tuple[Document, Document]:
    """Return a reading and its prediction."""
    measured = reading(name(number), at - timedelta(seconds=number % 900), systolic, 80.0)
    return measured, prediction(measured, risk)


def feed(client: Elasticsearch, options: argparse.Namespace) -> list[float]:
    """Store readings and predictions second by second; return how long each crisis took to become an alert."""
    chance, delays_s = random.Random(1), []  # noqa: S311 - the same ward each time
    ids = iter(range(options.patients))
    for second in range(options.seconds):
        began_s, now = time.perf_counter(), datetime.now(UTC)
        numbers = list(islice(ids, options.rate)) or [chance.randrange(options.patients) for _ in range(options.rate)]
        told = [scored(number, now, 121.0, 0.3 if chance.random() < SHARE_MEDIUM else 0.05) for number in numbers]
        crisis, _ = scored(numbers[0], now, 205.0, 0.05)
        write(client, [*operations_of(told), *operations_of([(crisis, prediction(crisis, 0.1))])])
        client.indices.refresh(index=[f"{OBSERVATIONS}-*", f"{PREDICTIONS}-*"])
        searchable_s = time.perf_counter()
        id_ = alert_id(crisis["patient_id"], AlertKind.MEASURED, datetime.fromisoformat(crisis["@timestamp"]))
        wait_until(partial(_exists, client, fit_id(id_)), RAISED_WITHIN_S, POLL_S)
        delays_s.append(time.perf_counter() - searchable_s)
        time.sleep(max(0.0, 1.0 - (time.perf_counter() - began_s)))
        if second % 10 == 9:
            print(f"{second + 1} s", flush=True)
    return delays_s


def _exists(client: Elasticsearch, id_: str) -> bool:
    """Tell whether an alert is written."""
    return bool(client.exists(index=ALERTS, id=id_))


def operations_of(told: list[tuple[Document, Document]]) -> Iterator[Operation]:
    """Yield the writes of readings and their predictions, as the stream does them."""
    for measured, of in told:
        measured["ingested_at"] = of["scored_at"] = iso(datetime.now(UTC))
        yield from (writing(OBSERVATIONS, measured), writing(PREDICTIONS, of), writing(LATEST, of))


if __name__ == "__main__":
    sys.exit(main())
