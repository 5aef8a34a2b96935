"""One demo at a time on one local directory.

The demo holds ``demo.lock``, and so does each of its parts through the inherited descriptor: the lock ends with the
last of them, and no stale file can block a start.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from conf.errors import UserError
from conf.files import UNKNOWN_HOLDER, only_one

LOCK_FILE = "demo.lock"


def only_demo(local_dir: Path) -> AbstractContextManager[int]:
    """Hold the lock of `local_dir` and hand out its descriptor; raise `UserError` when another demo holds it."""
    return only_one(local_dir / LOCK_FILE, lambda holders: UserError(_refusal(holders.split(), local_dir)))


def note_part(descriptor: int, pid: int) -> None:
    """Write down the process of a part, for the message to somebody whose demo was killed."""
    os.write(descriptor, f"{pid}\n".encode())


def _refusal(pids: list[str], local_dir: Path) -> str:
    """Return what to do: end the parts of a demo that was killed, or stop the demo."""
    demo, *parts = pids
    if demo != UNKNOWN_HOLDER and not _is_alive(int(demo)):
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
