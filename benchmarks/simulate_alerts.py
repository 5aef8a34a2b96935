"""The burden simulator on a month of a large ward: ``python -m benchmarks.simulate_alerts [--patients N] [--days D]``.

Fills an Elasticsearch of its own with a reading and a prediction of everybody every quarter of an hour, and tells how
long it takes to replay all of it under today's rules and under others beside them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from statistics import median

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.rules import load_rules
from alerts.simulation.running import simulate
from alerts.simulation.table import text
from benchmarks.own_services import own_services
from conf import cli
from conf.clinical import ALERT_RISK_FIELD
from conf.settings import Settings
from conf.times import SECOND_US, iso_us, to_us
from elastic.bulk import Operation, write
from elastic.client import connect
from elastic.names import ALL_INDICES, OBSERVATIONS, PREDICTIONS, instant_id, monthly_index
from elastic.schema import create_standing_indices, put_templates
from tests.support.ward import INTERVAL, prediction, reading

HEAP = "1g"
RUNS = 3
START = datetime(2026, 3, 1, tzinfo=UTC)
MEMORY = 0.97  # of a pressure, from one reading to the next
SPREAD = 4.0  # mmHg, of its steps
USUAL = (135.0, 12.0)  # mmHg, of patients: mean and spread
STEEPNESS, TURNING = 9.0, 172.0  # mmHg: of the made-up model's risk over the systolic pressure
FILLERS = 2


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.simulate_alerts", __doc__)
    parser.add_argument("--patients", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=30)
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Fill, simulate, print."""
    with own_services(only="elasticsearch", elasticsearch_heap=HEAP) as (folder, addresses):
        settings = Settings(local_dir=folder, elasticsearch_url=str(addresses.elasticsearch_url))
        put_templates(connect(settings))
        create_standing_indices(connect(settings))
        fill(settings, options.patients, options.days)
        today = load_rules()
        later = today.predicted.model_copy(update={"levels": {"MEDIUM": 0.3, "HIGH": 0.5, "CRITICAL": 0.7}})
        rules = {"today": today, "tried": today.model_copy(update={"predicted": later})}
        times_s = []
        for _ in range(RUNS):
            began_s = time.perf_counter()
            found = simulate(settings, START, START + timedelta(days=options.days), rules).figures()
            times_s.append(time.perf_counter() - began_s)
            print(f"{times_s[-1]:.1f} s", flush=True)
    print(text(found))
    print(f"{options.patients} patients, {options.days} days: {median(times_s):.1f} s (median of {RUNS} runs)")


@dataclass(frozen=True)
class Filler:
    """What a process writes: the readings and predictions of one patient at a time."""

    settings: Settings
    readings: int

    def fill(self, number: int) -> int:
        """Write one patient's readings and predictions; return how many documents."""
        told = list(self.operations(number))
        write(connect(self.settings), told)
        return len(told)

    def operations(self, number: int) -> Iterator[Operation]:
        """Yield the writes of a patient, whose pressure wanders around a mean of its own."""
        chance, patient_id = np.random.default_rng(number), f"P-{number:05}"
        systolic = (wander(chance, self.readings) + chance.normal(*USUAL)).round(1)
        risks = (1 / (1 + np.exp((TURNING - systolic + chance.normal(0, 2, self.readings)) / STEEPNESS))).round(6)
        first_us = to_us(START) + int(chance.uniform(0, INTERVAL / timedelta(microseconds=1))) // 1000 * 1000
        usual = reading(patient_id, START, 120.0, 80.0)
        scored = prediction(usual, 0.05)
        for place, (pressure, risk) in enumerate(zip(systolic.tolist(), risks.tolist(), strict=True)):
            at_us = first_us + place * (INTERVAL // timedelta(microseconds=1))
            common = {"@timestamp": iso_us(at_us), "systolic": pressure, "diastolic": round(pressure * 0.6, 1)}
            told = usual | common | {"ingested_at": iso_us(at_us + 2 * SECOND_US)}
            opinion = scored | common | {ALERT_RISK_FIELD: risk, "scored_at": iso_us(at_us + 4 * SECOND_US)}
            for family, document in ((OBSERVATIONS, told), (PREDICTIONS, opinion)):
                place_of = monthly_index(family, at_us), instant_id(patient_id, at_us)
                yield Operation("index", *place_of, msgspec.json.encode(document))


def wander(chance: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return deviations that come back to zero, each near the one before."""
    found = chance.normal(0, SPREAD, length)
    for place in range(1, length):
        found[place] += MEMORY * found[place - 1]
    return found


def fill(settings: Settings, patients: int, days: int) -> None:
    """Write the month with several processes, patient by patient, and print how far it is."""
    began_s, filler = time.perf_counter(), Filler(settings, days * (timedelta(days=1) // INTERVAL))
    with get_context("spawn").Pool(FILLERS) as pool:
        written = 0
        for done, documents in enumerate(pool.imap_unordered(filler.fill, range(patients)), 1):
            written += documents
            if done % max(1, patients // 20) == 0:
                print(f"{done} patients, {written} documents, {time.perf_counter() - began_s:.0f} s", flush=True)
    connect(settings).indices.refresh(index=ALL_INDICES)


if __name__ == "__main__":
    sys.exit(main())
