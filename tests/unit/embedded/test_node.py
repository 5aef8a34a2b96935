from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from embedded.node import last_complaint, lock_holder

JAVA_TRACE = """\
[2026-01-01] INFO starting
[2026-01-01] ERROR cannot start
java.net.BindException: Address already in use
	at java.base/sun.nio.ch.Net.bind(UnixException.java:1)
	... 18 more
[2026-01-01] INFO closed
"""


@pytest.mark.parametrize(
    ("log", "complaint"),
    [
        (JAVA_TRACE, "java.net.BindException: Address already in use"),
        ("error: no heap\nerror:\nlast\n", "error: no heap"),
        ("first\nlast\n\n", "last"),
        ("", "it wrote nothing"),
    ],
)
def test_complaint_is_the_last_error_else_the_last_line(log: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "node.log").write_text(log)
    assert last_complaint(tmp_path / "node.log") == complaint


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
