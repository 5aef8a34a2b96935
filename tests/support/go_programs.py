"""Programs that only their makers' Go modules bring: built once, and kept in the user's cache, outside the tree."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.submit.jars import ivy_cache


@dataclass(frozen=True)
class GoProgram:
    """A package of a module at a version; `go_version` is the least that it asks for."""

    name: str
    package: str
    version: str
    go_version: str
    timeout_s: int

    def find(self, replaced: Iterable[str] = ()) -> tuple[Path | None, str]:
        """Return the program, built if it is not there yet, or why there is none; `replaced` are lines of go.mod."""
        cached = ivy_cache(os.environ).parent / f"{self.name}-{self.version}"
        if cached.exists():
            return cached, ""
        if shutil.which("go") is None:
            return None, f"neither {self.name} nor Go, to build it with, is on this machine"
        cached.parent.mkdir(parents=True, exist_ok=True)
        with cached.with_name(f"{cached.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            failure = "" if cached.exists() else self._build(cached, replaced)
        return (None, f"{self.name} could not be built: {failure}") if failure else (cached, "")

    def _build(self, target: Path, replaced: Iterable[str]) -> str:
        """Build from a module of our own, as Go installs none whose file has exclusions; return what failed."""
        with tempfile.TemporaryDirectory() as folder:
            lines = (f"module {self.name}", f"go {self.go_version}", *(f"replace {line}" for line in replaced))
            Path(folder, "go.mod").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
            partial = target.with_name(f"{target.name}.{os.getpid()}")
            for command in (
                ["go", "get", f"{self.package}@{self.version}"],
                ["go", "build", "-o", str(partial), self.package],
            ):
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, timeout=self.timeout_s, check=False
                )
                if done.returncode != 0:
                    return (done.stderr.strip().splitlines() or ["no message"])[-1]
            partial.replace(target)
        return ""
