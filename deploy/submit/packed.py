"""What a submission to a cluster sends to the executors: this project's packages, and an environment to run them in.

The packages go as a zip, made at each start. The packed folder, which `deploy.pack` writes, holds the environment and a
manifest that tells what it was made of, so that one which does not fit is refused before anything starts. The zip is
not a ``--py-files``, which the driver would import from, too: there the sources and their data files are read.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from conf.errors import UserError
from conf.files import beside
from conf.settings import Settings

PACKAGES = ("conf", "fhir", "assessment", "elastic", "ml", "producer", "jobs")
PACKAGED_SUFFIXES = (".py", ".json", ".html")  # sources, index templates, and the page of the model's report
PACKAGE_NAME = "blood-pressure-surveillance.zip"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # fixed: the same sources always give the same bytes
PACKED_DIR = Path(".local/packed")
LOCK_FILE = Path("conf/requirements.lock")
ENVIRONMENT_FILE = "environment.tar.gz"
ENVIRONMENT_NAME = "environment"  # the folder that Spark unpacks it to, in each executor's working directory
MANIFEST_FILE = "manifest.json"
EXECUTOR_PYTHON = f"./{ENVIRONMENT_NAME}/bin/python"

Manifest = Mapping[str, str]


class PackedError(UserError):
    """There is no packed environment, or it does not fit this submission."""


def write_package(root: Path, target: Path) -> None:
    """Zip the project's packages into `target`, byte for byte the same for the same sources."""
    files = (path for package in PACKAGES for path in (root / package).rglob("*") if path.suffix in PACKAGED_SUFFIXES)
    with beside(target) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path.relative_to(root).as_posix(), ZIP_DATE), path.read_bytes())


def package_path(settings: Settings) -> Path:
    """Return where the zip for the executors is written."""
    return settings.local_dir.absolute() / PACKAGE_NAME


def archive_argument(folder: Path) -> str:
    """Return what spark-submit's ``--archives`` is to be given."""
    return f"{folder / ENVIRONMENT_FILE}#{ENVIRONMENT_NAME}"


def python_version() -> str:
    """Return the version that driver and executors must share, such as ``3.11``."""
    return "{}.{}".format(*sys.version_info[:2])


def manifest_of(root: Path) -> Manifest:
    """Return what an environment that is packed here and now is made of."""
    lock = hashlib.sha256((root / LOCK_FILE).read_bytes()).hexdigest()
    return {"python": python_version(), "machine": f"{sys.platform} {platform.machine()}", "lock": lock}


def check(folder: Path, root: Path) -> Manifest:
    """Return the folder's manifest; raise `PackedError` unless its environment fits this Python and this lock."""
    remedy = f"Pack it with: ./spark-submit.sh pack --output {folder}"
    there = _read(folder)
    if there is None:
        raise PackedError(f"There is no packed environment in {folder}. {remedy}")
    wanted = manifest_of(root)
    if there.get("python") != wanted["python"]:
        raise PackedError(
            f"The environment in {folder} is for Python {there.get('python')}, but the driver is Python "
            f"{wanted['python']}; Spark needs the same on both sides. {remedy}"
        )
    if there.get("lock") != wanted["lock"]:
        raise PackedError(f"The environment in {folder} was packed from another {LOCK_FILE}. {remedy}")
    return there


def _read(folder: Path) -> Manifest | None:
    if not (folder / ENVIRONMENT_FILE).is_file():
        return None
    try:
        return dict(json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
