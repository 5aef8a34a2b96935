"""Make a stored prediction again and show why: ``python -m jobs.explain --patient ID [--at TIME]``.

Shown are the readings of its window, the inputs of the model, risks and reasons, and whether they are those that are
stored; where not, why: a reading that came later, a correction, another version, another BP_TIME_ZONE. The id is meant
as it is stored or, where `BP_PSEUDONYM_KEY` is set, as it was before. The last prediction up to `--at` (with a zone) is
taken. ``--bundle FILE.zip`` also writes the case for a report of a fault, without the id and with its times moved;
``--from-bundle FILE.zip`` shows such a case, from a version of the model in `BP_MODEL_DIR`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from elastic.client import Search, connect
from jobs.explaining.case import Case
from jobs.explaining.case_file import CARD, read_case, write_case
from jobs.explaining.replaying import Replay, replay
from jobs.explaining.stored import stored_case
from jobs.explaining.telling import tables, title, verdict
from jobs.export import moment
from ml.prediction import Bundle
from ml.registry.bundles import BundleError, bundle_file, current_version, load_bundle

TIMEOUT_S: Final = 30.0


def explain(case: Case, settings: Settings) -> tuple[Bundle, Replay]:
    """Make a prediction again by the version that made it, else by the one in service."""
    try:
        bundle = load_bundle(settings.model_dir, case.prediction["model_version"])
    except BundleError:
        version = current_version(settings.model_dir)
        if version is None:
            raise
        bundle = load_bundle(settings.model_dir, version)
    made = replay(case, bundle)
    if made is None:
        raise UserError(
            "The newest reading of this prediction is not stored any more, neither as it was nor as it is: it was "
            "deleted (python -m jobs.prune, python -m jobs.erase), and the prediction cannot be made again."
        )
    return bundle, made


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    made = cli.parser("python -m jobs.explain", __doc__)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("--patient", metavar="ID", help="the patient whose prediction is explained")
    what.add_argument("--from-bundle", type=Path, metavar="FILE", help="the case in a file that --bundle wrote")
    made.add_argument("--at", type=moment, metavar="TIME", help="the last prediction up to this time; default: now")
    made.add_argument("--bundle", type=Path, metavar="FILE", help="write the case to this zip file, pseudonymised")
    return made


def work(chosen: argparse.Namespace) -> None:
    """Print the explanation, and write the file that was asked for."""
    settings = load_settings()
    if chosen.from_bundle:
        case = read_case(chosen.from_bundle)
    else:
        search = Search(connect(settings), TIMEOUT_S)
        case = stored_case(search, chosen.patient, chosen.at or datetime.now(UTC), settings)
    bundle, made = explain(case, settings)
    console = Console()
    console.print(title(case), highlight=False)
    for table in tables(case, made):
        console.print(table)
    for sentence in verdict(case, made, bundle.version):
        console.print(sentence, highlight=False)
    if chosen.bundle:
        write_case(chosen.bundle, case, made.inputs, bundle_file(settings.model_dir, bundle.version, CARD), settings)
        console.print(f"Written without the patient's id, times moved: {chosen.bundle}", highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and explain; return the exit code."""
    return cli.run(parser(), work, arguments)


if __name__ == "__main__":
    sys.exit(main())
