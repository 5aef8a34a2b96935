"""The stream against other ways on one topic: ``python -m benchmarks.throughput [--readings N] [--runs N]``.

Starts an embedded Kafka and Elasticsearch of its own, fills a topic, then lets the contenders drain it in turn: a
straightforward consumer and Quix Streams (the first `STRAIGHTFORWARD` and `QUIX_READINGS` only), a hand-tuned process,
and the streaming job. Before times are printed their documents are compared: a fast wrong answer does not count. Times
are of whole processes, from start to exit, JVM and Python workers included, and of the second half of the topic; quote
the ratio of one run. ``--keep FOLDER`` keeps the figures as JSON and as a plot.
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
from elasticsearch import Elasticsearch
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.draining import ELASTICSEARCH, Drained, drain, predictions
from benchmarks.keeping import COLOURS, add_option, bars, console, keep, tidy
from benchmarks.own_services import own_services
from benchmarks.topic import fill
from conf import cli
from conf.clinical import HORIZONS_H
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect
from elastic.names import OBSERVATIONS, PREDICTIONS
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
QUIX_READINGS = 50_000  # all of them would take it half an hour
QUIX_LIBRARY = Path(".local/quixstreams")
QUIX_COMMAND = f".venv/bin/python -m pip install --target {QUIX_LIBRARY} quixstreams==3.28.1"
MODEL_ROWS, MODEL_TREES = 5_000, 300
MODEL_PARAMETERS = {"objective": "reg:logistic", "max_depth": 5, "eta": 0.05, "nthread": 1}  # more of them wait busily
STAGES = ("parse_ms", "fold_ms", "predict_ms", "write_ms", "archive_ms")
SIMPLE, QUIX, TUNED, STREAM = "straightforward consumer", "Quix Streams", "hand-tuned process", "stream"
PROCESSES = ("python", "java", ELASTICSEARCH)

Run = dict[str, Drained]  # by contender


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.throughput", __doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--heap", default="3g", help="heap of the Spark driver")
    add_option(parser, "throughput")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Start the services, fill the topic, and let all drain it `runs` times in turn."""
    with own_services() as (folder, addresses):
        settings = drain_settings(folder, addresses, options.patients)
        prepare(settings)
        readings = fill_topic(settings, options.patients, options.readings // options.patients)
        runs = [_one_run(settings, options.heap, readings, number) for number in range(options.runs)]
    _report(readings, runs)
    plain = [{name: {**asdict(it), "sample": len(it.sample)} for name, it in run.items()} for run in runs]
    keep(options.keep, "throughput", {"readings": readings, "runs": plain}, plot(runs))


def drain_settings(folder: Path, addresses: Addresses, rows: int) -> Settings:
    """Return settings with so many rows a micro-batch; with a round of all patients, each reading is predicted from."""
    own: dict[str, Any] = {name: folder / name for name in ("local_dir", "data_dir", "model_dir", "checkpoint_dir")}
    own |= {name: str(getattr(addresses, name)) for name in ("kafka_bootstrap_servers", "elasticsearch_url")}
    own["time_zone"] = "UTC"  # whose clock the other contenders go by
    return Settings(kafka_topic=TOPIC, min_readings=1, max_offsets_per_trigger=rows, **own)


def prepare(settings: Settings) -> None:
    """Make the topic, a model and the index templates."""
    create_topic(settings.kafka_bootstrap_servers, settings.kafka_topic, PARTITIONS)
    publish_full_size_model(settings.model_dir)
    put_templates(connect(settings))


def fill_topic(settings: Settings, patients: int, rounds: int) -> int:
    """Send so many rounds of readings that end now; return how many readings."""
    sent = fill(settings.kafka_bootstrap_servers, settings.kafka_topic, patients, rounds, datetime.now(UTC))
    console.print(f"topic filled: {sent:,} readings of {patients:,} patients")
    return sent


def in_folders(settings: Settings, name: str) -> Settings:
    """Return settings for a run of its own: nothing of another one is in its folders but the model."""
    own = {kind: getattr(settings, kind) / name for kind in ("local_dir", "data_dir", "checkpoint_dir")}
    return settings.model_copy(update=own)


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
    fresh = in_folders(settings, str(number))
    options = {
        "bootstrap-servers": settings.kafka_bootstrap_servers,
        "topic": TOPIC,
        "elasticsearch-url": settings.elasticsearch_url,
        "model-dir": str(settings.model_dir),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    few = min(STRAIGHTFORWARD, readings)
    run = {SIMPLE: drain(fresh, ["benchmarks.straightforward", *words, "--readings", str(few)], few)}
    if QUIX_LIBRARY.exists():
        some = min(QUIX_READINGS, readings)
        command = ["benchmarks.quix", *words, "--readings", str(some), "--state-dir", str(fresh.local_dir / "quix")]
        run[QUIX] = drain(fresh, command, some, {"PYTHONPATH": str(QUIX_LIBRARY.absolute())})
    run[TUNED] = drain(fresh, ["benchmarks.hand_tuned", *words], readings)
    run[STREAM] = drain(fresh, stream_command(heap), readings)
    require_agreement(run, connect(settings))
    console.print(f"run {number + 1}: " + ", ".join(f"{name} {it.seconds:.1f} s" for name, it in run.items()))
    _print_stages(fresh.local_dir / "metrics.json")
    return run


def stream_command(heap: str, *conf: str) -> list[str]:
    """Return how the streaming job is started to drain a topic; `conf` are more settings of Spark."""
    settings = (f"spark.driver.memory={heap}", *conf)
    return ["deploy.submit", *(word for it in settings for word in ("--conf", it)), "stream", "--available-now"]


def require_agreement(run: Run, client: Elasticsearch) -> None:
    """Raise `UserError` unless all predict the same as the stream, whose documents are still there, as often."""
    stream = run[STREAM]
    for name, other in run.items():
        written = {other.counts[index] for index in (OBSERVATIONS, PREDICTIONS)}
        if written != {other.readings}:
            raise UserError(f"The {name} wrote {other.counts} of {other.readings} readings, so its time means nothing.")
        if other.sample != predictions(client, list(other.sample)):
            raise UserError(f"The {name} and the stream do not predict the same, so their times mean nothing.")
    if run[TUNED].counts != stream.counts:
        raise UserError(f"The two do not agree: {run[TUNED].counts} against {stream.counts}.")


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
    heads = ("readings", "seconds", "readings/s", "in the second half", *(f"CPU s/million: {it}" for it in PROCESSES))
    table = Table("", *heads, title=f"{readings:,} readings, median of {len(runs)} runs")
    table.columns[0].no_wrap = True
    for name in runs[0]:
        all_of = [run[name] for run in runs]
        seconds, steady = (median(getattr(it, figure) for it in all_of) for figure in ("seconds", "steady_rate"))
        figures = [all_of[0].readings, round(seconds, 1), round(all_of[0].readings / seconds), round(steady)]
        cpu_s = [round(median(it.cpu_s_a_million(process) for it in all_of)) for process in PROCESSES]
        table.add_row(name, *(f"{figure:,}" for figure in (*figures, *cpu_s)))
    console.print(table)
    whole = sorted(run[TUNED].seconds / run[STREAM].seconds for run in runs)
    each = ", ".join(f"{ratio:.2f}" for ratio in whole)
    console.print(f"speed of the stream / of the hand-tuned process: {median(whole):.2f} (of each run: {each})")
    for other in (name for name in runs[0] if name != STREAM):
        ratio = median(run[STREAM].steady_rate / run[other].steady_rate for run in runs)
        console.print(f"in the second half, stream / {other}: {ratio:.2f}")
    if QUIX not in runs[0]:
        console.print(f"Quix Streams is left out. To have it measured: {QUIX_COMMAND}")


def plot(runs: list[Run]) -> Figure:
    """Return a plot of the rates, and of what the two that read the whole topic cost."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    speed, cost = figure.subplots(1, 2)
    rates = {name: median(run[name].steady_rate for run in runs) for name in runs[0]}
    bars(speed, list(rates), list(rates.values()))
    speed.set(xscale="log", xlim=(1, 10 * max(rates.values())), xlabel="readings per second, second half (log scale)")
    names, left = [TUNED, STREAM], np.zeros(2)
    for process, colour in zip(PROCESSES, COLOURS, strict=False):
        seconds = np.array([median(run[name].cpu_s_a_million(process) for run in runs) for name in names])
        drawn = cost.barh(names, seconds, left=left, height=0.5, label=process, color=colour)
        cost.bar_label(drawn, [f"{s:,.0f}" if s else "" for s in seconds], label_type="center", color="white")
        left += seconds
    tidy(cost)
    cost.set_xlabel("CPU seconds per million readings")
    cost.legend(frameon=False, ncols=len(PROCESSES), loc="lower center", bbox_to_anchor=(0.4, 1))
    return figure


if __name__ == "__main__":
    sys.exit(main())
