"""The jars and archives of `ivy.xml`: fetched by the Ivy inside pyspark, checked against `jars.lock`.

Standard library only, because it runs before the environment exists. A line of the lock reads
``sha256  configuration/file-name``. After a change of `ivy.xml`, write it anew with
``.venv/bin/python -m deploy.submit.jars --write-lock`` and look at what changed before committing it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from conf import cli
from conf.errors import UserError

CONFIGURATIONS = ("spark", "kafka", "elasticsearch")
LOCK_FILE = Path("conf/jars.lock")
IVY_FILE = Path("conf/ivy.xml")
JARS_DIR = Path(".local/jars")


class JarsError(UserError):
    """A file under the jars folder is not the one of the lock."""


def read_lock(text: str) -> dict[str, str]:
    """Map ``configuration/file-name`` to its sha256."""
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def write_lock(digests: Mapping[str, str]) -> str:
    """Return the lock's text, sorted by name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def present_files(jars_dir: Path) -> set[str]:
    """Return the names (``configuration/file-name``) of all files there."""
    return {path.relative_to(jars_dir).as_posix() for path in jars_dir.glob("*/*") if path.is_file()}


def missing_files(lock: Mapping[str, str], jars_dir: Path) -> set[str]:
    """Return the names in the lock that are not there yet."""
    return set(lock) - present_files(jars_dir)


def digests(names: Iterable[str], jars_dir: Path) -> dict[str, str]:
    """Return the sha256 of each of these files."""
    found = {}
    for name in names:
        with (jars_dir / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def check(lock: Mapping[str, str], jars_dir: Path) -> None:
    """Raise `JarsError`, naming the file, unless the folder holds exactly the files of the lock."""
    present = present_files(jars_dir)
    for name in sorted(set(lock) - present):
        raise JarsError(
            f"{jars_dir / name} is missing although conf/ivy.xml should fetch it. Does conf/jars.lock fit conf/ivy.xml?"
        )
    for name in sorted(present - set(lock)):
        raise JarsError(f"{jars_dir / name} is not listed in conf/jars.lock. Move it away and start again.")
    for name, digest in digests(sorted(present), jars_dir).items():
        if digest != lock[name]:
            raise JarsError(
                f"{jars_dir / name} is not the file that conf/jars.lock names (its sha256 is {digest}). "
                f"Delete it, and its copy under {ivy_cache(os.environ)}, and start again."
            )


def ivy_cache(environment: Mapping[str, str]) -> Path:
    """Return where downloads are kept, shared by all clones of one user."""
    root = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "blood-pressure-surveillance" / "ivy"


def ivy_command(java: str, ivy_jar: Path, jars_dir: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the command that resolves `ivy.xml` into the jars folder; `IVY_SETTINGS` may name other repositories."""
    settings = environment.get("IVY_SETTINGS")
    return [
        *(java, "-cp", str(ivy_jar), "org.apache.ivy.Main", "-ivy", str(IVY_FILE)),
        *(["-settings", settings] if settings else []),
        *("-cache", str(ivy_cache(environment)), "-retrieve", f"{jars_dir}/[conf]/[artifact]-[revision].[ext]"),
        *("-confs", *CONFIGURATIONS),
    ]


def main() -> int:
    """Check the jars folder, or write the lock from what is in it; return the exit code."""
    parser = cli.parser("python -m deploy.submit.jars", __doc__)
    parser.add_argument("--write-lock", action="store_true", help="write the lock from the files present")

    def run(options: argparse.Namespace) -> None:
        if options.write_lock:
            LOCK_FILE.write_text(write_lock(digests(present_files(JARS_DIR), JARS_DIR)), encoding="utf-8")
        check(read_lock(LOCK_FILE.read_text(encoding="utf-8")), JARS_DIR)

    return cli.run(parser, run)


if __name__ == "__main__":
    sys.exit(main())
