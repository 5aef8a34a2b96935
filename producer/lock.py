"""One producer at a time on one local directory: two would send the same readings and overwrite one position."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conf.errors import UserError

LOCK_FILE: Final = "producer.lock"


@contextlib.contextmanager
def only_producer(local_dir: Path) -> Iterator[None]:
    """Hold the lock of `local_dir`, which ends with this process; raise `UserError` when another producer holds it."""
    local_dir.mkdir(parents=True, exist_ok=True)
    with (local_dir / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise UserError(
                f"A producer already runs on {local_dir} (process {lock.read().strip() or 'unknown'}). "
                "Stop it, or set BP_LOCAL_DIR to another directory for a second one."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
