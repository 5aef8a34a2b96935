"""Files that appear whole or not at all, and locks between processes. Standard library only."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

UNKNOWN_HOLDER: Final = "unknown"


@contextmanager
def beside(path: Path, mode: int = 0o644, *, durable: bool = False) -> Iterator[Path]:
    """Hand out a new file beside `path` that takes its place in one step when the block ends well.

    After an error, or a death on the way, `path` is what it was. The folder is made if it is missing; until the end
    only its owner may read the new file, and then it has `mode`. A `durable` one is on the disk before this returns,
    which costs some milliseconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    new = Path(name)
    try:
        yield new
        if durable:
            sync(new)
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def write_whole(path: Path, content: bytes | str, mode: int = 0o644, *, durable: bool = False) -> None:
    """Write `path` anew in one step; a reader sees the old content or the new one, never half of either."""
    with beside(path, mode, durable=durable) as new:
        new.write_bytes(content.encode() if isinstance(content, str) else content)


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def one_at_a_time(lock_file: Path) -> Iterator[None]:
    """Let one process at a time into the block; another one waits until the first has finished."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def only_one(lock_file: Path, refusal: Callable[[str], Exception]) -> Iterator[int]:
    """Hold `lock_file` for this process, note its id in it, and hand out the descriptor.

    The lock ends with the last process that has inherited the descriptor, so no stale file can block a start. When it
    is held, raise what `refusal` makes of the file's text: the ids of its holders, one a line.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise refusal(os.pread(descriptor, 4096, 0).decode().strip() or UNKNOWN_HOLDER) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield descriptor
    finally:
        os.close(descriptor)
