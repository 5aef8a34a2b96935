"""Prepare this machine once: the Python environment `.venv`, the jars, and the archive of Spark's classes.

Called by spark-submit.sh.

Standard library only, because it runs before the environment exists. A stamp of the lock files and the Python version
makes the next start skip everything. All output of pip and Ivy goes to `.local/logs/setup.log`; on the terminal each
step takes one line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conf import cli
from conf.errors import UserError
from conf.files import one_at_a_time
from deploy.submit import jars

VENV = Path(".venv")
VENV_PYTHON = VENV / "bin" / "python"
LOG_FILE = Path(".local/logs/setup.log")
STAMP_FILE = Path(".local/prepared.json")
LOCK_FILE = Path(".local/prepare.lock")
REQUIREMENTS = {False: Path("conf/requirements.lock"), True: Path("conf/requirements-dev.lock")}
NEEDED_BYTES = 3 * 1024**3  # environment 1.4 GB, jars and archive 0.3 GB, a cache, and room for the first data


class PrepareError(UserError):
    """A step of the preparation failed."""


def stamp_key(dev: bool) -> str:
    """Return what the preparation depends on, as one sha256."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (REQUIREMENTS[dev], jars.LOCK_FILE, jars.IVY_FILE):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_prepared(dev: bool) -> bool:
    """Tell whether everything is there; an environment with the developer's tools serves the user, too."""
    try:
        stamp = json.loads(STAMP_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    fits = any(stamp.get(kind) == stamp_key(kind == "dev") for kind in (("dev",) if dev else ("dev", "user")))
    return fits and VENV_PYTHON.exists() and not jars.missing_files(_jars_lock(), jars.JARS_DIR)


def prepare(java: str, dev: bool, with_archive: bool) -> None:
    """Do what is missing, one visible step after the other."""
    _check_disk()
    steps = Steps(total=4 if with_archive else 3)
    if not _venv_works():
        steps.run("Python environment .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    else:
        steps.skip("Python environment .venv")
    requirements = REQUIREMENTS[dev]
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    packages = sum(1 for line in requirements.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    steps.run(
        "Python packages", [*pip, "--require-hashes", "-r", str(requirements)], mark="Collecting ", total=packages
    )
    _fetch_jars(java, steps)
    if with_archive:
        steps.run("Archive of Spark's classes", [str(VENV_PYTHON), "-m", "deploy.submit.class_archive"])
    STAMP_FILE.write_text(json.dumps({"dev" if dev else "user": stamp_key(dev)}), encoding="utf-8")


class Steps:
    """Numbered steps, each a command whose output goes to the log and whose progress is one line."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0

    def skip(self, title: str) -> None:
        """Tell of a step that is done already."""
        print(f"{self._next(title)}: there", flush=True)

    def run(self, title: str, command: Sequence[str], mark: str = "", total: int = 0) -> None:
        """Run one step; lines of its output that start with `mark` are counted as progress towards `total`."""
        line, started, terminal = self._next(title), time.monotonic(), sys.stdout.isatty()
        start, end = ("\r", "") if terminal else ("", "\n")
        print(f"{line} ...", end=end, flush=True)
        for done in _logged(title, command, mark):
            if terminal:
                print(f"{start}{line} ... {done}/{total}", end=end, flush=True)
        print(f"{start}{line}: done in {time.monotonic() - started:.0f} s", flush=True)

    def _next(self, title: str) -> str:
        self._number += 1
        return f"[{self._number}/{self._total}] {title}"


def _logged(title: str, command: Sequence[str], mark: str) -> Iterator[int]:
    """Run a command into the log, yielding how many marked lines it wrote so far."""
    done, last = 0, "no output"
    with LOG_FILE.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        ) as process:
            for line in process.stdout or ():
                log.write(line)
                last = line.strip() or last
                if mark and line.strip().startswith(mark):
                    done += 1
                    yield done
    if process.returncode != 0:
        raise PrepareError(f"{title}: failed ({last}). Is the network there? The whole output is in {LOG_FILE}.")


def _fetch_jars(java: str, steps: Steps) -> None:
    lock = _jars_lock()
    if jars.missing_files(lock, jars.JARS_DIR):
        ivy_jar = next(VENV.glob("lib/python*/site-packages/pyspark/jars/ivy-*.jar"))
        command = jars.ivy_command(java, ivy_jar, jars.JARS_DIR, os.environ)
        steps.run("Spark, Kafka and Elasticsearch jars", command, mark="[SUCCESSFUL ]", total=len(lock))
    else:
        steps.skip("Spark, Kafka and Elasticsearch jars")
    jars.check(lock, jars.JARS_DIR)


def _jars_lock() -> dict[str, str]:
    return jars.read_lock(jars.LOCK_FILE.read_text(encoding="utf-8"))


def _venv_works() -> bool:
    """Tell whether the environment exists, has pip, and was made by the Python that runs this."""
    code = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return (
        VENV_PYTHON.exists()
        and subprocess.run([VENV_PYTHON, "-c", code], capture_output=True, check=False).returncode == 0
    )


def _check_disk() -> None:
    free = shutil.disk_usage(".").free
    if not VENV.exists() and free < NEEDED_BYTES:
        raise PrepareError(
            f"Only {free / 1024**3:.1f} GB of disk are free here, about 3 GB are needed. Free some and start again."
        )


def main() -> int:
    """Prepare the machine unless it is; a second start waits until the first has done it. Return the exit code."""
    parser = cli.parser("python -m deploy.submit.prepare", __doc__)
    parser.add_argument("--java", required=True, help="the java program to fetch the jars with")
    parser.add_argument("--dev", action="store_true", help="with the tools of the tests")
    parser.add_argument("--no-archive", action="store_true", help="without the archive with which Spark starts sooner")

    def run(options: argparse.Namespace) -> None:
        LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(LOCK_FILE):
            if not is_prepared(options.dev):
                prepare(options.java, options.dev, not options.no_archive)

    return cli.run(parser, run)


if __name__ == "__main__":
    sys.exit(main())
