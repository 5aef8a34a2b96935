"""Pack what the executors of a cluster need: ``./spark-submit.sh pack [--output DIR] [--python PATH]``.

Two files: the project's packages as a zip, and the packages of conf/requirements.lock as one archive. Workers then need
nothing but Spark of the same version, Java, and the same minor version of Python. The archive is a virtual environment
without an interpreter: ``bin/python`` starts the Python that stands at ``--python`` on each worker.

The same lock gives the same bytes. An environment that fits is not packed again.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path, PurePath

from conf import cli
from conf.files import beside, write_whole
from deploy.submit.packed import (
    ENVIRONMENT_FILE,
    LOCK_FILE,
    MANIFEST_FILE,
    PACKAGE_NAME,
    PACKED_DIR,
    Manifest,
    PackedError,
    check,
    manifest_of,
    python_version,
    write_package,
)
from deploy.submit.prepare import LOG_FILE, Steps

OF_SPARK = ("pyspark", "py4j")  # a cluster's Spark brings its own, which must be of its version
OF_THE_SITE = (
    *("babel", "bcrypt", "blinker", "cffi", "cryptography", "flask", "flask-babel", "flask-cors"),
    *("flask-openapi", "gunicorn", "itsdangerous", "pycparser", "pyotp", "werkzeug", "zxcvbn"),
)
LEFT_OUT = frozenset((*OF_SPARK, *OF_THE_SITE))
UNUSED_FILES = ("RECORD", "INSTALLER", "REQUESTED")  # how pip keeps track; they would name this machine's paths
SCRIPTS = "bin"  # commands of packages start with this machine's Python
COMPRESSION = 3  # 177 MB in 7 s of processor time; level 6 gives 164 MB in 15 s

LAUNCHER = """#!/bin/sh
# The Python of this machine with the packages of this environment.
python="$(dirname "$0")/python{version}"
[ -x "$python" ] && exec "$python" "$@"
echo "error: There is no Python at {python} on this machine. Install Python {version} there, or pack the environment" \\
    "again with --python and the place where it is." >&2
exit 127
"""
SETTINGS = """home = {home}
include-system-site-packages = false
version = {version}
"""


def packed_requirements(lock: str) -> str:
    """Return the part of a lock that executors need: requirements with their hashes, without what stays behind."""
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if re.split(r"[^a-z0-9-]", block, maxsplit=1)[0] not in LEFT_OUT)


def write_launcher(environment: Path, python: PurePath, version: str) -> None:
    """Make a folder with packages a virtual environment of the Python that is at `python` on the workers."""
    launcher = environment / "bin" / "python"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(LAUNCHER.format(python=python, version=version), encoding="utf-8")
    launcher.chmod(0o755)
    launcher.with_name(f"python{version}").symlink_to(python)
    settings = SETTINGS.format(home=python.parent, version=version)
    (environment / "pyvenv.cfg").write_text(settings, encoding="utf-8")


def write_archive(folder: Path, target: Path) -> None:
    """Archive a folder, byte for byte the same for the same content."""
    with (
        beside(target) as new,
        new.open("wb") as raw,
        gzip.GzipFile("", "wb", COMPRESSION, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_without_origin)


def _without_origin(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return the entry without time, owner and all rights but to run it: the same files then make the same bytes."""
    mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry.replace(mtime=0, mode=mode, uid=0, gid=0, uname="", gname="", deep=False)


def pack(root: Path, output: Path, python: PurePath) -> None:
    """Write the zip and, unless it is there and fits, the environment into `output`."""
    _check_python(python)
    output.mkdir(parents=True, exist_ok=True)
    write_package(root, output / PACKAGE_NAME)
    manifest = {**manifest_of(root), "executor_python": str(python)}
    if _fits(output, root, manifest):
        print(f"The environment in {output} fits {LOCK_FILE} already.")
        return
    (output / MANIFEST_FILE).unlink(missing_ok=True)  # written last: with it, the archive is whole
    with tempfile.TemporaryDirectory(dir=output) as folder:
        _build(root, Path(folder), output / ENVIRONMENT_FILE, python)
    write_whole(output / MANIFEST_FILE, json.dumps(manifest, indent=1))
    print(f"Packed in {output}. Submit with: ./spark-submit.sh --packed {output} stream")


def _check_python(python: PurePath) -> None:
    version = re.search(r"python(\d+\.\d+)$", python.name)
    if not python.is_absolute() or version is None:
        raise PackedError(f"--python {python} is not an absolute path that ends in a version, as /usr/bin/python3.11.")
    if version[1] != python_version():
        raise PackedError(
            f"The executors' Python would be {version[1]}, but this one, the driver's, is {python_version()}; Spark "
            "needs the same on both sides. Prepare the driver's machine with that version (PYTHON=... "
            "./spark-submit.sh setup), then pack again."
        )


def _fits(output: Path, root: Path, manifest: Manifest) -> bool:
    """Tell whether this very environment is there and whole."""
    try:
        return check(output, root) == manifest
    except PackedError:
        return False


def _build(root: Path, folder: Path, target: Path, python: PurePath) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(packed_requirements((root / LOCK_FILE).read_text(encoding="utf-8")), encoding="utf-8")
    environment = folder / "environment"
    site_packages = environment / "lib" / f"python{python_version()}" / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    exact = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
    LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
    Steps(total=2).run(
        "Python packages of the executors",
        [*pip, *exact, "--target", str(site_packages), "--requirement", str(requirements)],
        mark="Collecting ",
        total=sum(1 for line in requirements.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()),
    )
    for name in UNUSED_FILES:
        for unused in site_packages.glob(f"*.dist-info/{name}"):
            unused.unlink()
    shutil.rmtree(site_packages / SCRIPTS, ignore_errors=True)
    write_launcher(environment, python, python_version())
    _archive(environment, target)


def _archive(environment: Path, target: Path) -> None:
    started = time.monotonic()
    print("[2/2] Archive ...", flush=True)
    write_archive(environment, target)
    size = target.stat().st_size / 1e6
    print(f"[2/2] Archive: {size:.0f} MB, done in {time.monotonic() - started:.0f} s", flush=True)


def main() -> int:
    """Parse the command line and pack; return the exit code."""
    parser = cli.parser("./spark-submit.sh pack", __doc__)
    parser.add_argument("--output", type=Path, default=PACKED_DIR, metavar="DIR")
    parser.add_argument(
        "--python",
        type=PurePath,
        default=PurePath(f"/usr/bin/python{python_version()}"),
        metavar="PATH",
        help="where Python is on the workers (default: %(default)s)",
    )
    return cli.run(parser, lambda options: pack(Path.cwd(), options.output, options.python))


if __name__ == "__main__":
    sys.exit(main())
