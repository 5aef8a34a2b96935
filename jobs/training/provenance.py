"""What a version was made with: code, pinned packages, seeds, machine, and how long each stage took."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conf.settings import PROJECT_ROOT

VERSION: Final = "0.1.0"  # that of pyproject.toml, which is not in a container
LOCKS: Final = ("requirements.lock", "jars.lock")
GIT_TIMEOUT_S: Final = 10.0


def code_version(root: Path = PROJECT_ROOT) -> str:
    """Return the version of the package, with the commit if `root` is a clone and git is there.

    ``-dirty`` behind the commit tells of files changed since.
    """
    commit = _commit(root) if (root / ".git").exists() else None
    return f"{VERSION}, commit {commit}" if commit else f"{VERSION}, commit not known"


def _commit(root: Path) -> str | None:
    asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, no rights, an unfinished clone
        return None
    return answer.stdout.strip() or None


def lock_hashes(root: Path = PROJECT_ROOT) -> dict[str, str]:
    """Return the SHA-256 of each file that pins what this code runs with: Python packages and jars."""
    files = {name: root / "conf" / name for name in LOCKS}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if path.is_file()}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything is as it was at the start; `durations_s` fill as stages end. `seeds` are named by what they decide."""

    seeds: Mapping[str, int]
    clock: Callable[[], float] = time.monotonic
    code: str = field(default_factory=code_version)
    locks: Mapping[str, str] = field(default_factory=lock_hashes)
    durations_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Note how long the block takes, added to what the stage took before."""
        begun_s = self.clock()
        yield
        self.durations_s[name] = self.durations_s.get(name, 0.0) + self.clock() - begun_s

    def describe(self) -> dict[str, object]:
        """Return plain values for the model card."""
        return {
            "code": self.code,
            "locks_sha256": dict(self.locks) or "not known",
            "seeds": dict(self.seeds),
            "cores": os.cpu_count(),
            "seconds": {name: round(seconds, 1) for name, seconds in self.durations_s.items()},
        }
