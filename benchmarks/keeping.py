"""Keep the figures of a benchmark where somebody asks for it: as JSON, and as a plot."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # which people with any colour vision tell apart
console = Console(width=120)


def add_option(parser: argparse.ArgumentParser, name: str) -> None:
    """Let the command line say where the figures are kept."""
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help=f"write {name}.json and {name}.svg there")


def keep(folder: Path | None, name: str, figures: Mapping[str, Any], plot: Figure) -> None:
    """Write both files; do nothing without a folder."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    plot.savefig(folder / f"{name}.svg")
    console.print(f"kept: {folder / name}.json, {folder / name}.svg")


def bars(axes: Axes, names: Sequence[str], values: Sequence[float], digits: int = 0) -> None:
    """Draw a horizontal bar for each name, the first on top, with its value written at its end."""
    drawn = axes.barh(names, values, color=COLOURS[0])
    axes.bar_label(drawn, [f"{value:,.{digits}f}" for value in values], padding=3)
    axes.margins(x=0.18)  # room for the values
    tidy(axes)


def tidy(axes: Axes) -> None:
    """Put the first bar on top and drop the frame."""
    axes.yaxis.set_inverted(True)
    axes.spines[["top", "right"]].set_visible(False)
