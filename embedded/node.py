"""What the two servers have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from conf.errors import UserError
from embedded.locks import lock_holder
from embedded.process import find_processes, mark_of

COMPLAINT = re.compile(r"ERROR|FATAL|Exception|Caused by|[Ee]rror:\s*\S")
STACK_FRAME = ("at ", "... ")


class Node(Protocol):
    """A server of this machine: where its files are, how it is started and whether it answers."""

    @property
    def name(self) -> str:
        """Key in the state file and name of the log."""

    @property
    def title(self) -> str:
        """Name for people."""

    @property
    def home(self) -> Path:
        """Directory with its configuration and data."""

    @property
    def lock(self) -> Path:
        """File that the server locks while it uses its data."""

    def start(self, java: Path, port: int, heap: str) -> None:
        """Write the configuration and start the server; it is not ready yet."""

    def is_healthy(self, port: int) -> bool:
        """Whether it answers a real request."""

    def address(self, port: int) -> str:
        """Address for clients."""


def processes_of(node: Node) -> list[int]:
    """Ids of the live processes of `node`."""
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
    """The line of `log` that says best why a server stopped: its last error, else its last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if COMPLAINT.search(line) and not line.startswith(STACK_FRAME)]
    return (complaints or lines or ["it wrote nothing"])[-1][:300]
