"""Where things are: the fetched jars (shared by all local directories), the files of one local directory, its ports."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from conf.errors import UserError
from conf.files import write_whole

PROJECT_ROOT = Path(__file__).resolve().parent.parent
JARS_DIR = PROJECT_ROOT / ".local" / "jars"
STATE_FILE = "embedded.json"
LOCK_FILE = "embedded.lock"
MIN_FREE_BYTES = 2 * 1024**3

Ports = dict[str, int]


def kafka_jars(jars_dir: Path = JARS_DIR) -> Path:
    """Return the directory with the jars of the broker; `UserError` when they have not been fetched."""
    return _first_match(jars_dir / "kafka", "kafka_2.13-*.jar").parent


def elasticsearch_zip(jars_dir: Path = JARS_DIR) -> Path:
    """Return the distribution of the Elasticsearch node; `UserError` when it has not been fetched."""
    return _first_match(jars_dir / "elasticsearch", "elasticsearch-*.zip")


def log_file(local_dir: Path, name: str) -> Path:
    """Return the file that the node `name` writes its output to."""
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
    """Return how many bytes may still be written where `directory` is."""
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


def read_ports(local_dir: Path) -> Ports:
    """Return the port by node name; nothing when nothing was started or the file is damaged."""
    try:
        content = json.loads((local_dir / STATE_FILE).read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in content["ports"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_ports(local_dir: Path, ports: Ports) -> None:
    """Replace the state file in one step; remove it when `ports` is empty."""
    target = local_dir / STATE_FILE
    if not ports:
        target.unlink(missing_ok=True)
        return
    write_whole(target, json.dumps({"ports": ports}, indent=2) + "\n")
