"""The stream against a hand-tuned process on one topic: ``python -m benchmarks.throughput [--readings N] [--runs N]``.

Starts an embedded Kafka and Elasticsearch of its own, fills a topic, then lets `benchmarks.hand_tuned` and the
streaming job drain it in turn. Before times are printed their documents are compared: a fast wrong answer does not
count. Times are of whole processes, from start to exit, JVM and Python workers included; quote the ratio of one run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import xgboost
from rich.console import Console
from rich.table import Table

from benchmarks.own_services import environment_of, own_services
from benchmarks.topic import fill
from conf import cli
from conf.clinical import HORIZONS_H
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect
from elastic.names import ALL_INDICES, LATEST, OBSERVATIONS, PREDICTIONS
from elastic.schema import put_templates
from embedded.services import Addresses
from ml.calibration import UNCALIBRATED
from ml.features import FEATURE_NAMES
from ml.inputs import booster_inputs
from ml.linear import fit as fit_linear
from ml.registry.bundles import publish, save_bundle
from producer.topic import create_topic

PARTITIONS = 2
TOPIC = "benchmark"
SAMPLE = 1_000
COMPARED = ("critical_risk_1h", "critical_risk_6h", "critical_risk_24h", "systolic", "diastolic", "window_readings")
MODEL_ROWS, MODEL_TREES = 5_000, 300
MODEL_PARAMETERS = {"objective": "reg:logistic", "max_depth": 5, "eta": 0.05}
STAGES = ("parse_ms", "fold_ms", "predict_ms", "write_ms", "archive_ms")
console = Console(width=120)


class Result(NamedTuple):
    """One drained topic: seconds of the whole process, documents by index, and a sample of predictions by id."""

    seconds: float
    counts: dict[str, int]
    sample: dict[str, dict[str, Any]]


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.throughput", __doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--heap", default="3g", help="heap of the Spark driver")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Start the services, fill the topic, and let both drain it `runs` times in turn."""
    with own_services() as (folder, addresses):
        settings = _settings(folder, addresses, options.patients)
        _prepare(settings, options.patients, options.readings // options.patients)
        _report(options, [_one_run(settings, options.heap, number) for number in range(options.runs)])


def _settings(folder: Path, addresses: Addresses, patients: int) -> Settings:
    """Return settings whose micro-batches are one round of all patients: the stream then predicts at each reading."""
    own: dict[str, Any] = {name: folder / name for name in ("local_dir", "data_dir", "model_dir", "checkpoint_dir")}
    own |= {name: str(getattr(addresses, name)) for name in ("kafka_bootstrap_servers", "elasticsearch_url")}
    return Settings(kafka_topic=TOPIC, min_readings=1, max_offsets_per_trigger=patients, **own)


def _prepare(settings: Settings, patients: int, rounds: int) -> None:
    create_topic(settings.kafka_bootstrap_servers, TOPIC, PARTITIONS)
    publish_full_size_model(settings.model_dir)
    put_templates(connect(settings))
    sent = fill(settings.kafka_bootstrap_servers, TOPIC, patients, rounds, datetime.now(UTC))
    console.print(f"topic filled: {sent:,} readings of {patients:,} patients")


def publish_full_size_model(model_dir: Path) -> str:
    """Publish a model of the size of a real one, trained on noise: its speed counts, not its risks."""
    random = np.random.default_rng(0)
    features = random.normal(130, 15, (MODEL_ROWS, len(FEATURE_NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    hours = np.full(MODEL_ROWS, 12, np.float32)
    inputs = booster_inputs(features, hours)
    newest = np.nan_to_num(features[:, FEATURE_NAMES.index("systolic_lag00")], nan=130.0)
    chance = 1 / (1 + np.exp(-(newest - 150) / 10))
    boosters = {}
    for horizon_h in HORIZONS_H:
        labels = (random.random(MODEL_ROWS) < chance).astype(np.float32)
        boosters[horizon_h] = xgboost.train(MODEL_PARAMETERS, xgboost.DMatrix(inputs, labels), MODEL_TREES)
    card = {"training_data": "noise, for benchmarks only"}
    now = datetime.now(UTC)
    targets = np.repeat((random.random(MODEL_ROWS) < chance)[:, None], len(HORIZONS_H), axis=1).astype(np.float32)
    version = save_bundle(
        model_dir,
        boosters,
        fit_linear(inputs, targets),
        UNCALIBRATED,
        card,
        golden_features=features[:5],
        golden_hours=hours[:5],
        created_at=now,
        parent=None,
    )
    publish(model_dir, version, by="benchmark", why="its speed is measured", at=now)
    return version


def _one_run(settings: Settings, heap: str, number: int) -> tuple[Result, Result]:
    """Run both in turn, on an empty Elasticsearch and, for the stream, a new checkpoint."""
    own = {name: getattr(settings, name) / str(number) for name in ("local_dir", "data_dir", "checkpoint_dir")}
    fresh = settings.model_copy(update=own)
    options = {
        "bootstrap-servers": settings.kafka_bootstrap_servers,
        "topic": TOPIC,
        "elasticsearch-url": settings.elasticsearch_url,
        "model-dir": str(settings.model_dir),
    }
    words = (word for name, value in options.items() for word in (f"--{name}", value))
    tuned = _drain(fresh, ["benchmarks.hand_tuned", *words])
    heap_option = f"spark.driver.memory={heap}"
    stream = _drain(fresh, ["deploy.submit", "--conf", heap_option, "stream", "--available-now"])
    if tuned.counts != stream.counts or tuned.sample != stream.sample:
        raise UserError(f"The two do not agree, so their times mean nothing: {tuned.counts} against {stream.counts}.")
    console.print(f"run {number + 1}: hand-tuned {tuned.seconds:.1f} s, stream {stream.seconds:.1f} s")
    _print_stages(fresh.local_dir / "metrics.json")
    return tuned, stream


def _drain(settings: Settings, command: list[str]) -> Result:
    """Let a program drain the topic into an empty Elasticsearch; raise `UserError` when it fails."""
    client = connect(settings)
    if names := list(client.indices.get(index=ALL_INDICES)):
        client.indices.delete(index=names)
    log = settings.local_dir / f"{command[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        started = time.monotonic()
        program = [sys.executable, "-m", *command]
        done = subprocess.run(program, env=environment_of(settings), stdout=output, stderr=output, check=False)
        seconds = time.monotonic() - started
    if done.returncode:
        raise UserError(f"{command[0]} failed: {log.read_text().splitlines()[-1]}")
    client.indices.refresh()
    counts = {name: int(client.count(index=name)["count"]) for name in (OBSERVATIONS, PREDICTIONS, LATEST)}
    newest_first = [{"patient_id": "asc"}, {"@timestamp": "desc"}]
    hits = client.search(index=PREDICTIONS, size=SAMPLE, sort=newest_first)["hits"]["hits"]
    sample = {hit["_id"]: {name: hit["_source"][name] for name in COMPARED} for hit in hits}
    return Result(seconds, counts, sample)


def _print_stages(metrics_file: Path) -> None:
    """Print the median micro-batch of each query: wall time, and what its tasks spent, added up over them."""
    lines = json.loads(metrics_file.read_text())["recent"]
    table = Table("query", "batches", "rows", "batch", *STAGES, "state commit", title="median micro-batch, ms")
    for query in ("ingest", "score"):
        batches = [line for line in lines if line["query"] == query]
        stages = [[line["counts"].get(stage, 0) for line in batches] for stage in STAGES]
        whole = [[line[name] for line in batches] for name in ("rows", "duration_ms", "state_commit_ms")]
        columns = [*whole[:2], *stages, whole[2]]
        table.add_row(query, str(len(batches)), *(f"{median(column):,.0f}" for column in columns))
    console.print(table)


def _report(options: argparse.Namespace, runs: list[tuple[Result, Result]]) -> None:
    tuned, stream = (median(run[side].seconds for run in runs) for side in (0, 1))
    table = Table("", "seconds", "readings/s", title=f"{options.readings:,} readings, median of {len(runs)} runs")
    for name, seconds in (("hand-tuned process", tuned), ("stream", stream)):
        table.add_row(name, f"{seconds:.1f}", f"{options.readings / seconds:,.0f}")
    console.print(table)
    ratios = sorted(run[0].seconds / run[1].seconds for run in runs)
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    console.print(f"speed of the stream / of the hand-tuned process: {median(ratios):.2f} (of each run: {each})")


if __name__ == "__main__":
    sys.exit(main())
