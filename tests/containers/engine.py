"""The engine that `engine.sh` starts, and this project's files and images on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.unit.deploy.compose import ROOT, example_environment

HERE: Final = Path(__file__).parent
PROGRAMS: Final = ("mmdebstrap", "nsenter", "unshare", "mvn", "unzip")
MEMORY: Final = 12e9
DISK: Final = 20e9
JAVA: Final = 21  # the least that Elasticsearch's own Java may be
BUILD_TIMEOUT_S: Final = 3600
TIMEOUT_S: Final = 600
STORE: Final = "var/lib/docker/volumes"


@dataclass(frozen=True)
class Engine:
    """A running engine; `root` is what it sees as /."""

    root: Path

    def start(self) -> None:
        """Start it; the first time its packages are fetched."""
        _script("engine.sh", "start", self.root, timeout=BUILD_TIMEOUT_S)

    def stop(self) -> None:
        """Stop it; nothing of it stays in the machine's tables."""
        _script("engine.sh", "stop", self.root)

    def run(self, *command: str, within: str = "/", timeout: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run a command beside the engine until it ends, in a folder as it is seen from there."""
        return subprocess.run(
            [str(HERE / "engine.sh"), "run", str(self.root), within, *command],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )

    def told(self, *command: str) -> str:
        """Return what a command prints, on both ways; it must end well."""
        done = self.run(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def make_stand_ins(self) -> None:
        """Make the images of other makers, of the versions in .env.example; what is there is not made again."""
        versions = example_environment()
        _script(
            "standins/make.sh",
            self.root,
            versions["KAFKA_VERSION"],
            versions["STACK_VERSION"],
            timeout=BUILD_TIMEOUT_S,
            JAVA_HOME=str(java_home()),
        )

    def lay(self, name: str, commit: str = "") -> str:
        """Lay the project's files, of the work tree or of a commit, where the engine sees them; return the folder."""
        target = self.root / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        files = ("git", "-c", "tar.umask=0022", "archive", commit) if commit else ("tar", "--create", *_tracked())
        with subprocess.Popen(files, cwd=ROOT, stdout=subprocess.PIPE) as packing:
            subprocess.run(["tar", "--extract", "--directory", str(target)], stdin=packing.stdout, check=True)
        assert packing.returncode == 0, commit
        return f"/{name}"

    def volume(self, name: str) -> Path:
        """Return the folder that a volume is, seen from here."""
        return self.root / STORE / name / "_data"


def _script(name: str, *arguments: object, timeout: float = TIMEOUT_S, **variables: str) -> None:
    command = [str(HERE / name), *map(str, arguments)]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=os.environ | variables,
    )
    assert done.returncode == 0, f"{name}: {done.stdout[-2000:]}"


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def java_home() -> Path | None:
    """Return the newest whole JDK of this machine that Elasticsearch can run on."""
    known = [Path(os.environ.get("JAVA_HOME", "/none")), *Path("/usr/lib/jvm").glob("*")]
    fit = [(_release(home), home) for home in known if (home / "bin/javac").exists()]
    return max(fit)[1] if fit and max(fit)[0] >= JAVA else None


def _release(home: Path) -> int:
    lines = (home / "release").read_text(encoding="utf-8").splitlines() if (home / "release").exists() else []
    return next((int(line.split('"')[1].split(".")[0]) for line in lines if line.startswith("JAVA_VERSION=")), 0)


def lacking(folder: Path) -> Iterator[str]:
    """Yield what this machine lacks for an engine of its own."""
    if os.getuid() != 0:
        yield "the rights of root"
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < MEMORY:
        yield f"{MEMORY / 1e9:.0f} GB of memory"
    if shutil.disk_usage(folder).free < DISK:
        yield f"{DISK / 1e9:.0f} GB of disk"
    if java_home() is None:
        yield f"a JDK {JAVA} or newer"
    yield from (f"the program {name}" for name in PROGRAMS if shutil.which(name) is None)
