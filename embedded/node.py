"""What the two servers have in common."""

from __future__ import annotations

import fcntl
import re
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from conf.errors import UserError
from embedded.process import find_processes, mark_of

COMPLAINT = re.compile(r"ERROR|FATAL|Exception|Caused by|[Ee]rror:\s*\S")
# struct flock of fcntl(2): type, whence, start, length, process id; macOS has another order
_FLOCK = "qqihh" if sys.platform == "darwin" else "hhqqi"
STACK_FRAME = ("at ", "... ")


class Node(Protocol):
    """A server of this machine: where its files are, how it is started and whether it answers."""

    @property
    def name(self) -> str:
        """Return the key in the state file and the name of the log."""

    @property
    def title(self) -> str:
        """Return the name for people."""

    @property
    def home(self) -> Path:
        """Return the directory with its configuration and data."""

    @property
    def lock(self) -> Path:
        """Return the file that the server locks while it uses its data."""

    def start(self, java: Path, port: int, jvm: Sequence[str]) -> None:
        """Write the configuration and start the server with these Java options; it is not ready yet."""

    def is_healthy(self, port: int) -> bool:
        """Tell whether it answers a real request."""

    def address(self, port: int) -> str:
        """Return the address for clients."""


def processes_of(node: Node) -> list[int]:
    """Return the ids of the live processes of `node`."""
    return find_processes(mark_of(node.home))


def require_unlocked(node: Node) -> None:
    """Refuse data that a live process uses; the lock of a killed server is free and does not matter."""
    holder = lock_holder(node.lock)
    if holder is not None:
        raise UserError(
            f"The data of {node.title} in {node.home} is in use by process {holder}. "
            f"End it (kill {holder}) or set BP_LOCAL_DIR to another directory."
        )


def last_complaint(log: Path) -> str:
    """Return the line of `log` that says best why a server stopped: its last error, else its last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if COMPLAINT.search(line) and not line.startswith(STACK_FRAME)]
    return (complaints or lines or ["it wrote nothing"])[-1][:300]


def lock_holder(lock_file: Path) -> int | None:
    """Return the id of the live process that holds `lock_file`; None when it is free (a dead one holds none)."""
    if not lock_file.exists():
        return None
    is_mac = sys.platform == "darwin"
    write_lock = (0, 0, 0, fcntl.F_WRLCK, 0) if is_mac else (fcntl.F_WRLCK, 0, 0, 0, 0)  # on the whole file
    with lock_file.open("r+b") as file:
        answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, *write_lock)))
    kind, pid = (answer[3], answer[2]) if is_mac else (answer[0], answer[4])
    return None if kind == fcntl.F_UNLCK else int(pid)
