"""Judge a model of the registry, on the held-out rows of a file or on records of real patients.

``python -m ml.evaluate --data FILE [--version V] [--output report.html]``: rows that ./spark-submit.sh generate wrote.

``python -m ml.evaluate --records FILE.csv``: readings of any ambulatory or home monitor. Columns ``patient``, ``time``
(ISO 8601 with a zone), ``systolic``, ``diastolic`` (mmHg), optional ``heart_rate`` (per minute). The hour of the day is
that of BP_TIME_ZONE: set it to where the patients lived. What such records cannot tell is said; the report is written
where there are crises enough.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from ml.evaluation.bootstrap import REPLICATES
from ml.evaluation.comparison import evaluate_version
from ml.evaluation.on_records import figures, judge, limits_of_records, limits_of_rows, suffices
from ml.records import Records, read_records, rows_of
from ml.registry.bundles import current_version, load_bundle
from ml.report.findings import findings
from ml.report.page import render_report
from ml.report.wording import SUBGROUP_NAMES, number, with_interval

MOST_REFUSED_TOLD: Final = 10


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    made = cli.parser("python -m ml.evaluate", __doc__)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, metavar="FILE", help="rows written by ./spark-submit.sh generate")
    what.add_argument("--records", type=Path, metavar="FILE", help="a CSV file of readings, columns as above")
    made.add_argument("--version", help="a version in the registry; default: the published one")
    made.add_argument("--output", type=Path, default=Path("report.html"), help="default report.html")
    return made


def work(chosen: argparse.Namespace) -> None:
    """Judge what was asked for."""
    settings = load_settings()
    if chosen.records:
        judge_records(settings, chosen.records, chosen.version, chosen.output)
    else:
        card, evaluation = evaluate_version(settings, chosen.data, chosen.version)
        print("\n".join([*findings(evaluation), _write(chosen.output, card, evaluation)]))


def _write(output: Path, card: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Write the report and, beside it, its figures as JSON; say where."""
    output.write_text(render_report(card, evaluation), encoding="utf-8")
    found = json.dumps({**evaluation, "findings": findings(evaluation)}, allow_nan=False)
    output.with_suffix(".json").write_text(found, encoding="utf-8")
    return f"Report: {output}"


def judge_records(settings: Settings, path: Path, version: str | None, output: Path) -> None:
    """Print what a version makes of records, and what cannot be judged; write the report where there is enough."""
    version = version or current_version(settings.model_dir)
    if version is None:
        raise UserError(f"No model is published in {settings.model_dir}. Train one: ./spark-submit.sh retrain.")
    bundle = load_bundle(settings.model_dir, version)
    read = read_records(path)
    console = Console()
    console.print("\n".join(_told(read)), highlight=False, markup=False)
    rows = rows_of(read.records, settings.min_readings, settings.zone)
    limits = list(limits_of_records(read, settings.min_readings))
    if rows is None:
        raise UserError(" ".join(["No patient of this file can be judged.", *limits]))
    evaluation = judge(bundle, rows, REPLICATES)
    console.print(_figures_table(evaluation, version))
    for sentence in (*limits, *limits_of_rows(bundle, rows, evaluation)):
        console.print(sentence, highlight=False, markup=False)
    if suffices(evaluation):
        console.print(_write(output, {**bundle.card, "version": version}, evaluation), highlight=False, markup=False)
    else:
        console.print("Too few crises for a report: none is written.")


def _told(read: Records) -> list[str]:
    """Say what was read, and of what was not the first lines with their reasons."""
    readings = sum(len(record.effective_us) for record in read.records)
    shown = [f"  line {refused.line}: {refused.reason}" for refused in read.refused[:MOST_REFUSED_TOLD]]
    more = len(read.refused) - len(shown)
    return [
        f"{readings} readings of {len(read.records)} patients, {len(read.refused)} lines refused"
        + (":" if shown else "."),
        *shown,
        *([f"  and {more} more"] if more else []),
    ]


def _figures_table(evaluation: Mapping[str, Any], version: str) -> Table:
    """Return a row for each subgroup and horizon: how many, what was expected and what came."""
    names = ("windows", "horizon", "known", "patients", "unknown", "expected", "observed", "AUROC", "Brier")
    table = Table(*names, title=f"Version {version}")
    for found in figures(evaluation):
        table.add_row(
            SUBGROUP_NAMES[found["subgroup"]],
            found["horizon"],
            *(str(found[name]) for name in ("rows", "patients")),
            f"{found['censored_share']:.0%}",
            number(found["expected"], 1),
            str(found["events"]),
            *(with_interval(found[name]) for name in ("auroc", "brier")),
        )
    return table


if __name__ == "__main__":
    sys.exit(cli.run(parser(), work))
