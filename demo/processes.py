"""The demo's child processes: each in its own session with a log file, watched, and stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conf.errors import UserError
from conf.retry import wait_until
from embedded.node import last_complaint

PROJECT_ROOT = Path(__file__).resolve().parent.parent
POLL_S = 0.1
KILL_TIMEOUT_S = 1.0
PROC = Path("/proc")
DEAD_STATES = ("Z", "X")


@dataclass(frozen=True)
class Child:
    """A running part of the demo; its process leads a group that holds all its own children."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        """Tell whether any process of its group is left."""
        self.process.poll()
        if (PROC / "self" / "stat").exists():
            return any(group == self.process.pid and state not in DEAD_STATES for state, group in _states_and_groups())
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, 0)
            return True
        return False


def start_child(
    name: str, command: Sequence[str], log_dir: Path, environment: Mapping[str, str], lock_fd: int
) -> Child:
    """Start one part; it keeps `lock_fd` open, so the lock holds as long as any part lives."""
    log_dir.mkdir(parents=True, exist_ok=True)
    log = log_dir / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the demo alone, which then stops all in order
            pass_fds=[lock_fd],
        )
    return Child(name, process, log)


def require_running(children: Iterable[Child]) -> None:
    """Raise `UserError` for the first part that has ended by itself, with what its log says last."""
    for child in children:
        if child.process.poll() is not None:
            raise early_end(child)


def early_end(child: Child) -> UserError:
    """Return the error for a part that ended although it should not have."""
    code = child.process.returncode
    how = f"with exit code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"
    return UserError(f"The {child.name} ended {how}: {last_complaint(child.log)} (log: {child.log}).")


def stop_children(children: Sequence[Child], patience_s: float) -> None:
    """Ask all parts to end at once, and kill what is left of their groups after `patience_s`."""
    for child in children:
        child.process.terminate()  # the leader alone: it ends its JVM and its workers when it is done with them
    if not wait_for_end(children, patience_s):
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # ended; macOS says it the second way
                os.killpg(child.process.pid, signal.SIGKILL)
        wait_for_end(children, KILL_TIMEOUT_S)


def wait_for_end(children: Sequence[Child], timeout_s: float) -> bool:
    """Wait until no process of these parts is left; False when the time is over first."""
    return wait_until(lambda: not any(child.is_alive for child in children), timeout_s, POLL_S)


def _states_and_groups() -> Iterator[tuple[str, int]]:
    """Return state and group of every process; a signal cannot tell a dead one that nobody has waited for yet."""
    for file in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            state, _parent, group = file.read_text(errors="replace").rpartition(")")[2].split()[:3]
            yield state, int(group)
