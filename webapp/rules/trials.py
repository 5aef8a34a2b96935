"""Trials of rules: simulations that a program of its own makes beside the site, one at a time, and their files.

The folder of a trial holds what was asked, the rules as a file, how far the work is, and in the end figures or a fault.
Each worker of the site reads them, whichever started it.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.rule_versions import InForce, values
from alerts.rules import Rules
from alerts.texts import N_
from conf.errors import UserError
from conf.files import only_one, write_whole

FOLDER: Final = "trials"
LOCK: Final = "lock"
ASKED, RULES, PROGRESS, FIGURES, SAID = "asked.json", "rules.yaml", "progress", "figures.json", "said"
ROOT: Final = Path(__file__).resolve().parents[2]
MOST_KEPT: Final = 20  # trials; older ones are forgotten
NICENESS: Final = 10  # a trial does not hold up who looks at the board
NO_RESULT: Final = N_("The simulator ended without a result. Try again.")
is_fault = re.compile(r"^error: (.*)$", re.MULTILINE).search  # as `conf.cli` tells it, once, at the end
is_id = re.compile(r"[0-9a-f]{16}").fullmatch


class TrialRunning(UserError):  # noqa: N818 - a state, as the page names it
    """Another trial is under way."""


@dataclass(frozen=True)
class Asked:
    """What is to be tried: the rules, what differs from the file, and of how many patients and when."""

    rules: Rules
    changes: dict[str, float]
    since: datetime
    until: datetime
    patients: int


@dataclass(frozen=True)
class Trial:
    """A trial as it stands: what is tried, the period, how far it is, and its figures or fault.

    `changes` is what differs from the file; `before` and `after` are all values in force when it began, and tried;
    `number` is that of the version that was in force then.
    """

    id: str
    changes: dict[str, float]
    before: dict[str, float]
    after: dict[str, float]
    number: int
    since: datetime
    until: datetime
    done: int = 0
    patients: int = 0
    figures: dict[str, Any] | None = None
    fault: str | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether there is nothing more to wait for."""
        return self.figures is not None or self.fault is not None


def start(local_dir: Path, held: InForce, asked: Asked) -> str:
    """Start a trial beside the rules that are in force, and return its id; raises `TrialRunning`."""
    folder = local_dir / FOLDER
    with only_one(folder / LOCK, lambda _holder: TrialRunning("Another trial is under way. Wait for its end.")) as lock:
        _forget(folder)
        id_ = secrets.token_hex(8)
        own = folder / id_
        own.mkdir()
        write_whole(own / RULES, yaml.safe_dump(asked.rules.model_dump(mode="json", by_alias=True)))
        ends = {"since": asked.since.isoformat(), "until": asked.until.isoformat()}
        tried = {"before": values(held.rules), "after": values(asked.rules), "number": held.number}
        write_whole(own / ASKED, json.dumps({"changes": asked.changes, **tried, **ends}))
        files = {"--rules": own / RULES, "--json": own / FIGURES, "--progress": own / PROGRESS}
        given = {"--from": ends["since"], "--to": ends["until"], "--patients": asked.patients, **files}
        launch([str(part) for pair in given.items() for part in pair], own / SAID, lock)
    return id_


def launch(arguments: Sequence[str], said: Path, lock: int) -> None:
    """Run the simulator beside the site, what it says on errors into a file; the lock is held as long as it runs."""
    command = ["nice", "-n", str(NICENESS), sys.executable, "-m", "alerts.simulate", *arguments]
    with said.open("wb") as errors:
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=[lock], start_new_session=True, cwd=ROOT
        )


def read(local_dir: Path, id_: str) -> Trial | None:
    """Return a trial as it stands, None where there is none of that id."""
    own = local_dir / FOLDER / id_
    if not is_id(id_) or not (own / ASKED).exists():
        return None
    is_under_way = _is_under_way(local_dir / FOLDER)  # asked first: what a program left that has ended stays so
    asked = json.loads(_text(own / ASKED))
    done, _, patients = _text(own / PROGRESS).partition(" ")
    figures, faults = _text(own / FIGURES), is_fault(_text(own / SAID))
    return Trial(
        id_,
        asked["changes"],
        asked["before"],
        asked["after"],
        asked["number"],
        datetime.fromisoformat(asked["since"]),
        datetime.fromisoformat(asked["until"]),
        done=int(done or 0),
        patients=int(patients or 0),
        figures=json.loads(figures) if figures else None,
        fault=faults[1] if faults else None if figures or is_under_way else NO_RESULT,
    )


def _is_under_way(folder: Path) -> bool:
    """Tell whether a simulator is at work."""
    try:
        with only_one(folder / LOCK, TrialRunning):
            return False
    except TrialRunning:
        return True


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _forget(folder: Path) -> None:
    """Remove all but the newest trials."""
    known = sorted((it for it in folder.iterdir() if it.is_dir()), key=lambda it: it.stat().st_mtime, reverse=True)
    for old in known[MOST_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
