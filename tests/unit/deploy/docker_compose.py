"""The real ``docker compose``, which needs no engine to read files: found on this machine, else built from its module.

A build takes Go and a minute or two once; the program is kept in the user's cache beside the downloads of the
preparation, outside the tree.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deploy.submit.jars import ivy_cache

MODULE: Final = "github.com/docker/compose/v2"
VERSION: Final = "v2.40.3"
GO_VERSION: Final = "1.24.9"  # the least that this version asks for
BUILD_TIMEOUT_S: Final = 900
Command = tuple[str, ...]


def find() -> tuple[Command, str]:
    """Return the command, or why there is none."""
    installed = ("docker", "compose")
    if (
        shutil.which("docker")
        and subprocess.run([*installed, "version"], capture_output=True, check=False).returncode == 0
    ):
        return installed, ""
    cached = ivy_cache(os.environ).parent / f"docker-compose-{VERSION}"
    if not cached.exists():
        if shutil.which("go") is None:
            return (), "neither docker compose nor Go, to build it with, is on this machine"
        return _built(cached)
    return (str(cached),), ""


def _built(target: Path) -> tuple[Command, str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failure = "" if target.exists() else _build(target)
    return ((), f"docker compose could not be built: {failure}") if failure else ((str(target),), "")


def _build(target: Path) -> str:
    """Build from a module of our own, as Go installs none whose file excludes versions; return what failed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "go.mod").write_text(f"module compose\n\ngo {GO_VERSION}\n", encoding="utf-8")
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        for command in (
            ["go", "get", f"{MODULE}/cmd@{VERSION}"],
            ["go", "build", "-o", str(partial), f"{MODULE}/cmd"],
        ):
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
            )
            if done.returncode != 0:
                return (done.stderr.strip().splitlines() or ["no message"])[-1]
        partial.replace(target)
    return ""
