"""One demo at a time on one local directory.

The lock is a `flock` on ``demo.lock``, held by the demo and, through the inherited descriptor, by each of its parts. So
it ends with the last of them, and no stale file can block a start.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from conf.errors import UserError

LOCK_FILE = "demo.lock"


@contextlib.contextmanager
def only_demo(local_dir: Path) -> Iterator[int]:
    """Hold the lock of `local_dir` and hand out its descriptor; raise `UserError` when another demo holds it."""
    local_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(local_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, local_dir)
        _write(descriptor, f"{os.getpid()}\n")
        yield descriptor
    finally:
        os.close(descriptor)


def note_part(descriptor: int, pid: int) -> None:
    """Write down the process of a part, for the message to somebody whose demo was killed."""
    os.write(descriptor, f"{pid}\n".encode())


def _lock(descriptor: int, local_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(_refusal(os.pread(descriptor, 4096, 0).decode().split(), local_dir)) from error


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())


def _refusal(pids: list[str], local_dir: Path) -> str:
    demo, *parts = pids or ["unknown"]
    if demo.isdigit() and not _is_alive(int(demo)):
        groups = " ".join(f"-{part}" for part in parts)
        return f"A demo on {local_dir} was killed and parts of it still run. End them with: kill -- {groups}"
    return (
        f"A demo already runs on {local_dir} (process {demo}). "
        "Stop it with Ctrl-C, or set BP_LOCAL_DIR and other ports for a second one."
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
