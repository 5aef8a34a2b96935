"""File locks: one `start` or `stop` at a time, and who holds the data directory of a server."""

from __future__ import annotations

import fcntl
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# struct flock of fcntl(2): type, whence, start, length, process id; macOS has another order
_FLOCK = "qqihh" if sys.platform == "darwin" else "hhqqi"


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """Let one process at a time through; another one waits until the first has finished."""
    with lock_file.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_holder(lock_file: Path) -> int | None:
    """Id of the live process that holds a lock of `lock_file`; None when it is free (a dead process holds none)."""
    if not lock_file.exists():
        return None
    with lock_file.open("r+b") as file:
        answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, _request()))
    kind, pid = (answer[3], answer[2]) if sys.platform == "darwin" else (answer[0], answer[4])
    return None if kind == fcntl.F_UNLCK else int(pid)


def _request() -> bytes:
    """Ask about a write lock on the whole file."""
    values = (0, 0, 0, fcntl.F_WRLCK, 0) if sys.platform == "darwin" else (fcntl.F_WRLCK, 0, 0, 0, 0)
    return struct.pack(_FLOCK, *values)
