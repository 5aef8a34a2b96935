"""``python -m alerts.simulate --from 2026-03-01 --to 2026-03-31 [--rules FILE]``: what would other rules have raised?

Replays the stored readings, predictions and answers of a period under the rules of a file, beside those in force, and
shows for both: alerts per patient-day, the share of crises that were announced, how early, and how often rightly.
Nothing is stored. A day without a time begins at midnight UTC.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import matplotlib as mpl

from alerts.rule_versions import in_force
from alerts.rules import load_rules
from alerts.simulation.plotting import plot
from alerts.simulation.running import simulate
from alerts.simulation.table import text
from conf import cli
from conf.errors import UserError
from conf.files import write_whole
from conf.settings import Settings, load_settings
from elastic.client import Search, connect
from ml.report.plots import STYLE

TODAY: Final = "today"  # the rules in force
TRIED: Final = "tried"


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and simulate; return the exit code."""
    parser = cli.parser("python -m alerts.simulate", __doc__)
    parser.add_argument("--from", dest="since", type=moment, required=True, help="first day, or ISO 8601 time")
    parser.add_argument("--to", dest="until", type=moment, required=True, help="the end, itself not included")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="the rules to try; none: those in force alone")
    parser.add_argument("--patients", type=int, metavar="N", help="a sample of so many patients (all)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot there: .svg, .png or .pdf")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--progress", type=Path, metavar="FILE", help="keep there how many patients are done, of all")
    return cli.run(parser, lambda options: run(load_settings(), options), arguments)


def moment(written: str) -> datetime:
    """Return a day or moment; a type for options."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{written}' is neither a day like 2026-03-01 nor an ISO 8601 time"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def run(settings: Settings, options: argparse.Namespace) -> None:
    """Simulate, print the table, and write what was asked for."""
    if options.until <= options.since:
        raise UserError("The period ends before it begins. Give --to a later moment than --from.")
    tried = {TRIED: load_rules(options.rules)} if options.rules else {}
    rules = {TODAY: in_force(Search(connect(settings)), settings.alert_rules).rules, **tried}
    done = simulate(settings, options.since, options.until, rules, options.patients, partial(_tell, options.progress))
    found = done.figures()
    print(text(found))
    if options.json:
        write_whole(options.json, json.dumps(found, indent=1).encode())
    if options.plot:
        with mpl.rc_context(STYLE):
            plot(found).savefig(options.plot)


def _tell(file: Path | None, done: int, patients: int) -> None:
    """Tell on a terminal how far the work is, and in a file that another program looks at."""
    if file:
        write_whole(file, f"{done} {patients}")
    if sys.stderr.isatty():
        print(f"\r{done} of {patients} patients", end="\n" if done == patients else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
