"""The stream against other ways on one topic: ``python -m benchmarks.throughput [--readings N] [--runs N]``.

Starts an embedded Kafka and Elasticsearch of its own, fills a topic, then lets the contenders drain it in turn: a
straightforward consumer (the first `STRAIGHTFORWARD` readings only), a hand-tuned process, and the streaming job.
Before times are printed their documents are compared: a fast wrong answer does not count. Times are of whole processes,
from start to exit, JVM and Python workers included, and of the second half of the topic; quote the ratio of one run.
``--keep FOLDER`` keeps the figures as JSON and as a plot.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import xgboost
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.draining import ELASTICSEARCH, Drained, drain, predictions
from benchmarks.own_services import own_services
from benchmarks.topic import fill
from conf import cli
from conf.clinical import HORIZONS_H
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect
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
STRAIGHTFORWARD = 1_000  # readings: all of them would take it hours
MODEL_ROWS, MODEL_TREES = 5_000, 300
MODEL_PARAMETERS = {"objective": "reg:logistic", "max_depth": 5, "eta": 0.05}
STAGES = ("parse_ms", "fold_ms", "predict_ms", "write_ms", "archive_ms")
SIMPLE, TUNED, STREAM = "straightforward consumer", "hand-tuned process", "stream"
PROCESSES = ("python", "java", ELASTICSEARCH)
COLOURS = ("#0072B2", "#E69F00", "#009E73")
console = Console(width=120)

Run = dict[str, Drained]  # by contender


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.throughput", __doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--heap", default="3g", help="heap of the Spark driver")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write throughput.json and throughput.svg there")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Start the services, fill the topic, and let all drain it `runs` times in turn."""
    with own_services() as (folder, addresses):
        settings = _settings(folder, addresses, options.patients)
        readings = _prepare(settings, options.patients, options.readings // options.patients)
        runs = [_one_run(settings, options.heap, readings, number) for number in range(options.runs)]
    _report(readings, runs)
    if options.keep:
        _keep(options.keep, readings, runs)


def _settings(folder: Path, addresses: Addresses, patients: int) -> Settings:
    """Return settings whose micro-batches are one round of all patients: the stream then predicts at each reading."""
    own: dict[str, Any] = {name: folder / name for name in ("local_dir", "data_dir", "model_dir", "checkpoint_dir")}
    own |= {name: str(getattr(addresses, name)) for name in ("kafka_bootstrap_servers", "elasticsearch_url")}
    own["time_zone"] = "UTC"  # whose clock the other contenders go by
    return Settings(kafka_topic=TOPIC, min_readings=1, max_offsets_per_trigger=patients, **own)


def _prepare(settings: Settings, patients: int, rounds: int) -> int:
    create_topic(settings.kafka_bootstrap_servers, TOPIC, PARTITIONS)
    publish_full_size_model(settings.model_dir)
    put_templates(connect(settings))
    sent = fill(settings.kafka_bootstrap_servers, TOPIC, patients, rounds, datetime.now(UTC))
    console.print(f"topic filled: {sent:,} readings of {patients:,} patients")
    return sent


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


def _one_run(settings: Settings, heap: str, readings: int, number: int) -> Run:
    """Run all in turn, each on an empty Elasticsearch and, for the stream, a new checkpoint."""
    own = {name: getattr(settings, name) / str(number) for name in ("local_dir", "data_dir", "checkpoint_dir")}
    fresh = settings.model_copy(update=own)
    options = {
        "bootstrap-servers": settings.kafka_bootstrap_servers,
        "topic": TOPIC,
        "elasticsearch-url": settings.elasticsearch_url,
        "model-dir": str(settings.model_dir),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    few = min(STRAIGHTFORWARD, readings)
    simple = drain(fresh, ["benchmarks.straightforward", *words, "--readings", str(few)], few)
    tuned = drain(fresh, ["benchmarks.hand_tuned", *words], readings)
    heap_option = f"spark.driver.memory={heap}"
    stream = drain(fresh, ["deploy.submit", "--conf", heap_option, "stream", "--available-now"], readings)
    if tuned.counts != stream.counts or tuned.sample != stream.sample:
        raise UserError(f"The two do not agree, so their times mean nothing: {tuned.counts} against {stream.counts}.")
    if simple.sample != predictions(connect(settings), list(simple.sample)):
        raise UserError("The straightforward consumer and the stream do not predict the same.")
    run = {SIMPLE: simple, TUNED: tuned, STREAM: stream}
    console.print(f"run {number + 1}: " + ", ".join(f"{name} {it.seconds:.1f} s" for name, it in run.items()))
    _print_stages(fresh.local_dir / "metrics.json")
    return run


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


def _report(readings: int, runs: list[Run]) -> None:
    heads = ("seconds", "readings/s", "in the second half", *(f"CPU s/million: {name}" for name in PROCESSES))
    table = Table("", *heads, title=f"{readings:,} readings, median of {len(runs)} runs")
    for name in runs[0]:
        done = min(STRAIGHTFORWARD, readings) if name == SIMPLE else readings
        seconds, steady = (median(getattr(run[name], figure) for run in runs) for figure in ("seconds", "steady_rate"))
        cpu_s = [median(run[name].cpu_s.get(process, 0) for run in runs) / done * 1e6 for process in PROCESSES]
        table.add_row(name, f"{seconds:.1f}", f"{done / seconds:,.0f}", f"{steady:,.0f}", *(f"{s:,.0f}" for s in cpu_s))
    console.print(table)
    whole = sorted(run[TUNED].seconds / run[STREAM].seconds for run in runs)
    each = ", ".join(f"{ratio:.2f}" for ratio in whole)
    console.print(f"speed of the stream / of the hand-tuned process: {median(whole):.2f} (of each run: {each})")
    for other in (TUNED, SIMPLE):
        ratio = median(run[STREAM].steady_rate / run[other].steady_rate for run in runs)
        console.print(f"in the second half, stream / {other}: {ratio:.2f}")


def _keep(folder: Path, readings: int, runs: list[Run]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plain = [{name: {**asdict(it), "sample": len(it.sample)} for name, it in run.items()} for run in runs]
    (folder / "throughput.json").write_text(json.dumps({"readings": readings, "runs": plain}, indent=2))
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    speed, cost = figure.subplots(1, 2)
    names = list(runs[0])
    speed.barh(names, [median(run[name].steady_rate for run in runs) for name in names], color=COLOURS[0])
    speed.set(xscale="log", xlabel="readings per second, second half of the topic")
    left = np.zeros(len(names) - 1)
    for process, colour in zip(PROCESSES, COLOURS, strict=True):
        seconds = np.array([median(run[name].cpu_s.get(process, 0) for run in runs) for name in names[1:]])
        cost.barh(names[1:], seconds / readings * 1e6, left=left, label=process, color=colour)
        left += seconds / readings * 1e6
    cost.set_xlabel("CPU seconds a million readings")
    cost.legend(frameon=False)
    figure.savefig(folder / "throughput.svg")
    console.print(f"kept: {folder / 'throughput.json'}, {folder / 'throughput.svg'}")


if __name__ == "__main__":
    sys.exit(main())
