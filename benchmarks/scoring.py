"""Scoring against bare prediction: ``python -m benchmarks.scoring [--rows N ...] [--rounds N]``.

One process and one thread, a model of real size (3 x 300 trees). The floor is `inplace_predict` of the three boosters
on rows that are ready for it; beside it stands what the stream calls, from features to coherent risks, its parts, and
xgboost's other way to predict. All are timed in turn, round by round, on the same windows; quote the ratio of one run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import xgboost
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.keeping import add_option, bars, console, keep
from benchmarks.throughput import publish_full_size_model
from conf import cli
from conf.clinical import HORIZONS_H
from ml.features import WINDOW_LENGTH, Windows, feature_matrix, hours_of_day
from ml.prediction import THREADS, Bundle, Predictor
from ml.registry.bundles import load_bundle

BARE, WHOLE = "inplace_predict, bare", "features to risks (the stream)"
DMATRIX = "DMatrix and predict"
TOLERANCE = 1e-6

Way = Callable[[], NDArray[np.floating]]
Times = dict[str, list[float]]  # microseconds a row, by way, round by round


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.scoring", __doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1_000, 10_000], help="a call (%(default)s)")
    parser.add_argument("--rounds", type=int, default=15)
    add_option(parser, "scoring")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Time each number of rows, and print."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        bundle = load_bundle(Path(folder), publish_full_size_model(Path(folder)))
    by_rows = {rows: timed(ways(bundle, *windows(rows)), rows, options.rounds) for rows in options.rows}
    for rows, times in by_rows.items():
        table = Table("one thread", "us a row", "of the bare speed", title=f"{rows:,} rows, {options.rounds} rounds")
        for way in times:
            table.add_row(way, f"{median(times[way]):.2f}", f"{of_bare(times, way):.2f}")
        console.print(table)
    keep(options.keep, "scoring", {str(rows): times for rows, times in by_rows.items()}, plot(by_rows))


def windows(rows: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and hours of so many full windows, a reading each quarter of an hour."""
    random = np.random.default_rng(1)
    newest_us = round(datetime.now(UTC).timestamp()) * 1_000_000
    times_us = newest_us - np.arange(WINDOW_LENGTH - 1, -1, -1) * 900_000_000 + np.zeros((rows, 1), np.int64)
    systolic = random.normal(138, 16, (rows, 1)) + random.normal(0, 12, (rows, WINDOW_LENGTH))
    measured = (systolic, systolic * 0.58, random.normal(73, 9, systolic.shape))
    features = feature_matrix(Windows(times_us, *(values.round().astype(np.float32) for values in measured)))
    return features, hours_of_day(times_us[:, -1], UTC)


def ways(bundle: Bundle, features: NDArray[np.float32], hour: NDArray[np.float32]) -> dict[str, Way]:
    """Return what is timed; raise `AssertionError` unless each way predicts what the others do."""
    predictor = Predictor(bundle)
    inputs = predictor.inputs(features, hour)
    margins = [None] * len(HORIZONS_H) if bundle.linear is None else bundle.linear.margins(inputs).T
    boosters = [xgboost.Booster(THREADS, model_file=bytearray(bundle.boosters[horizon])) for horizon in HORIZONS_H]
    for booster in boosters:
        booster.set_param(THREADS)  # loading has reset it
    pairs = list(zip(boosters, margins, strict=True))

    def bare() -> NDArray[np.floating]:
        return np.stack([it.inplace_predict(inputs, base_margin=m, validate_features=False) for it, m in pairs], 1)

    def by_matrix() -> NDArray[np.floating]:
        rows = [xgboost.DMatrix(inputs, base_margin=margin, **THREADS) for margin in margins]
        found = [it.predict(matrix, validate_features=False) for it, matrix in zip(boosters, rows, strict=True)]
        return np.stack(found, 1)

    found: dict[str, Way] = {
        BARE: bare,
        DMATRIX: by_matrix,
        "features to inputs": lambda: predictor.inputs(features, hour),
        "features to raw risks": lambda: predictor.raw_risks(features, hour),
        WHOLE: lambda: predictor.risks(features, hour).values,
    }
    for way in (DMATRIX, "features to raw risks"):
        np.testing.assert_allclose(found[way](), bare(), atol=TOLERANCE)
    return found


def timed(found: Mapping[str, Callable[[], object]], rows: int, rounds: int) -> Times:
    """Time every way once a round, after a round that is not counted."""
    times: Times = {way: [] for way in found}
    for _ in range(rounds + 1):
        for way, work in found.items():
            began_s = time.perf_counter()
            work()
            times[way].append((time.perf_counter() - began_s) / rows * 1e6)
    return {way: each[1:] for way, each in times.items()}


def of_bare(times: Times, way: str) -> float:
    """Return the speed of a way over that of bare prediction, the median over the rounds."""
    return median(bare / own for bare, own in zip(times[BARE], times[way], strict=True))


def plot(by_rows: dict[int, Times]) -> Figure:
    """Return a plot of the times, one part for each number of rows."""
    figure = Figure(figsize=(3.2 * len(by_rows) + 2, 2.4), layout="constrained")
    parts = figure.subplots(1, len(by_rows), sharey=True, squeeze=False)[0]
    for axes, (rows, times) in zip(parts, by_rows.items(), strict=True):
        bars(axes, list(times), [median(each) for each in times.values()], digits=1)
        axes.set(title=f"{rows:,} rows", xlabel="us a row")
    return figure


if __name__ == "__main__":
    sys.exit(main())
