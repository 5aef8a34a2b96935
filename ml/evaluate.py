"""Judge a model of the registry on the held-out rows of a file, and write a report.

``python -m ml.evaluate --data FILE [--version V] [--output report.html]``
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from conf import cli
from conf.settings import load_settings
from ml.evaluation.comparison import evaluate_version
from ml.report.findings import findings
from ml.report.page import render_report


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    made = cli.parser("python -m ml.evaluate", "Judge a model and write a report.")
    made.add_argument("--data", type=Path, required=True, help="rows written by ./spark-submit.sh generate")
    made.add_argument("--version", help="a version in the registry; default: the published one")
    made.add_argument("--output", type=Path, default=Path("report.html"), help="default report.html")
    return made


def work(chosen: argparse.Namespace) -> None:
    """Write the report and, beside it, its figures as JSON; print the findings."""
    card, evaluation = evaluate_version(load_settings(), chosen.data, chosen.version)
    found = findings(evaluation)
    chosen.output.write_text(render_report(card, evaluation), encoding="utf-8")
    figures = json.dumps({**evaluation, "findings": found}, allow_nan=False)
    chosen.output.with_suffix(".json").write_text(figures, encoding="utf-8")
    print("\n".join([*found, f"Report: {chosen.output}"]))


if __name__ == "__main__":
    sys.exit(cli.run(parser(), work))
