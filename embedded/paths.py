"""Where things are: the fetched jars (shared by all local directories) and the files of one local directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from conf.errors import UserError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
JARS_DIR = PROJECT_ROOT / ".local" / "jars"
STATE_FILE = "embedded.json"
LOCK_FILE = "embedded.lock"
MIN_FREE_BYTES = 2 * 1024**3


def kafka_jars(jars_dir: Path = JARS_DIR) -> Path:
    """Directory with the jars of the broker; `UserError` when they have not been fetched."""
    return _first_match(jars_dir / "kafka", "kafka_2.13-*.jar").parent


def elasticsearch_zip(jars_dir: Path = JARS_DIR) -> Path:
    """The distribution of the Elasticsearch node; `UserError` when it has not been fetched."""
    return _first_match(jars_dir / "elasticsearch", "elasticsearch-*.zip")


def log_file(local_dir: Path, name: str) -> Path:
    """Where the node `name` writes its output."""
    return local_dir / "logs" / f"{name}.log"


def make_local_dir(local_dir: Path) -> Path:
    """Create the local directory with its log directory; return its absolute path, symbolic links resolved."""
    logs = local_dir / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The directory {logs} cannot be created ({error.strerror}). Set BP_LOCAL_DIR to one you can write to."
        ) from error
    for directory in (local_dir, logs):
        if not os.access(directory, os.W_OK):
            raise UserError(f"This user may not write to {directory}. Set BP_LOCAL_DIR to a directory of your own.")
    return local_dir.resolve()


def free_bytes(directory: Path) -> int:
    """Bytes that may still be written where `directory` is."""
    return shutil.disk_usage(directory).free


def require_space(directory: Path, free: Callable[[Path], int] = free_bytes) -> None:
    """Refuse to start on a nearly full disk: both servers stop accepting data there, with less clear messages."""
    available = free(directory)
    if available < MIN_FREE_BYTES:
        raise UserError(
            f"{directory} has only {available / 1e9:.1f} GB free and {MIN_FREE_BYTES / 1e9:.1f} GB are needed. "
            "Free some space or set BP_LOCAL_DIR to a directory on another disk."
        )


def _first_match(directory: Path, pattern: str) -> Path:
    for found in sorted(directory.glob(pattern)):
        return found
    raise UserError(f"{directory / pattern} is missing. Run ./spark-submit.sh once, it fetches all jars.")
