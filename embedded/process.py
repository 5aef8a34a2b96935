"""Start, find and end the processes of a node.

There are no process id files: every process of a node carries a mark on its command line that is made from the node's
directory. Only processes with that mark count, so a process id that was given to another program is never mistaken for
a node, and a node is found even when the state file has been lost.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from conf.errors import UserError
from conf.retry import wait_until

TERMINATE_TIMEOUT_S = 5.0
KILL_TIMEOUT_S = 2.0
POLL_S = 0.1
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # for a JVM that only prepares or starts something
_PROC = Path("/proc")
_children: list[subprocess.Popen[bytes]] = []  # kept to reap them, should this process outlive them


@dataclass(frozen=True)
class Account:
    """The user that a node runs as."""

    name: str
    uid: int
    gid: int


def mark_of(home: Path) -> str:
    """Return the Java option that marks the processes of the node in `home`; free of blanks and quotes."""
    return f"-Dembedded.node={hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"


def launch(
    command: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str], account: Account | None
) -> None:
    """Start `command`, output to `log`, in its own session: Ctrl-C in the caller's terminal does not reach it.

    Of the caller's environment only PATH is passed on, so that no Java options of the user change the servers.
    """
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    try:
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={"PATH": os.environ.get("PATH", os.defpath), **environment},
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except PermissionError as error:
        who = f"the user {account.name}" if account else "this user"
        raise UserError(
            f"{command[0]} cannot be run by {who}. Install Java in a place that every user can read (/usr/lib/jvm), "
            "or do not start this as root."
        ) from error
    _children.append(child)


def find_processes(mark: str) -> list[int]:
    """Return the ids of the live processes that carry `mark` as one of their arguments."""
    # asked for by handle too: for a moment after it starts, the system shows an empty command line for a process
    own = {child.pid for child in _children if child.poll() is None and mark in cast(Sequence[str], child.args)}
    listed = _command_lines_of_proc() if (_PROC / "self" / "cmdline").exists() else _command_lines_of_ps()
    return sorted(own | {pid for pid, arguments in listed if mark in arguments})


def terminate(marks: Sequence[str]) -> None:
    """End all processes that carry one of `marks`, together: politely first, by force after `TERMINATE_TIMEOUT_S`."""
    for wanted, timeout_s in ((signal.SIGTERM, TERMINATE_TIMEOUT_S), (signal.SIGKILL, KILL_TIMEOUT_S)):
        for pid in _all(marks):
            _send(pid, wanted)
        wait_until(lambda: not _all(marks), timeout_s, POLL_S)
    left = _all(marks)
    if left:
        raise UserError(f"Process {left[0]} does not end. End it by hand (kill -9 {left[0]}) and repeat the command.")


def _all(marks: Sequence[str]) -> list[int]:
    return [pid for mark in marks for pid in find_processes(mark)]


def _send(pid: int, wanted: signal.Signals) -> None:
    try:
        os.kill(pid, wanted)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise UserError(
            f"Process {pid} belongs to another user. Repeat the command as that user or as root."
        ) from error


def _command_lines_of_proc() -> Iterator[tuple[int, list[str]]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), os.fsdecode((entry / "cmdline").read_bytes()).split("\0")
            except OSError:  # ended meanwhile
                continue


def _command_lines_of_ps() -> Iterator[tuple[int, list[str]]]:
    """Yield process id and arguments where there is no /proc, as on macOS; an argument with a blank falls apart."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        pid, *arguments = line.split()
        yield int(pid), arguments
