"""Folders of model bundles: written whole or not at all, read with a `BundleError` for any fault."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conf.errors import UserError
from conf.files import sync


class BundleError(UserError):
    """A bundle or the pointer to it is missing, damaged, or made for other features."""


def damaged(path: Path, why: str) -> BundleError:
    """Return the error of a file that cannot be used, in one sentence."""
    return BundleError(f"The model file {path} is not usable: {why}. Retrain, or publish another version.")


def sha256(content: bytes) -> str:
    """Return the hash by which files are known."""
    return hashlib.sha256(content).hexdigest()


def read(path: Path) -> bytes:
    """Return the content of a file that must be there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or "cannot be read") from error


def to_json(value: object) -> bytes:
    """Write plain values as JSON for people and programs."""
    return json.dumps(value, indent=1, allow_nan=False).encode()


def parse_object(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object in `content`, which was read from `path`."""
    try:
        value = json.loads(content)
    except ValueError as error:
        raise damaged(path, "not valid JSON") from error
    if not isinstance(value, dict):
        raise damaged(path, "not a JSON object")
    return value


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files so that `folder` appears complete or not at all; an existing folder is never touched."""
    if folder.exists():
        raise BundleError(
            f"The model version {folder} exists already and versions never change. Retrain for a new one."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
            sync(temporary / name)
        temporary.chmod(0o755)
        sync(temporary)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove `folder` so that it disappears in one step, whatever interrupts the deletion of its files."""
    doomed = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
    folder.rename(doomed)
    sync(folder.parent)
    shutil.rmtree(doomed)
