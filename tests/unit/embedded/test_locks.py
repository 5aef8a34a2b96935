from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from embedded.locks import lock_holder

HOLD_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def hold_lock(lock_file: Path) -> subprocess.Popen[str]:
    """Start a process that holds `lock_file` as a Java server does."""
    command = [sys.executable, "-c", HOLD_LOCK, str(lock_file)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "locked\n"
    return holder


def test_live_holder_of_a_lock_is_named_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    lock_file = tmp_path / ".lock"
    with hold_lock(lock_file) as holder:
        assert lock_holder(lock_file) == holder.pid
        holder.kill()
    assert lock_file.exists()
    assert lock_holder(lock_file) is None


def test_missing_lock_file_is_held_by_nobody(tmp_path: Path) -> None:
    assert lock_holder(tmp_path / ".lock") is None
