from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conf.errors import UserError
from demo.lock import LOCK_FILE, note_part, only_demo


def test_a_second_demo_on_the_same_directory_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with (
        only_demo(tmp_path),
        pytest.raises(UserError, match=rf"already runs on .* \(process {os.getpid()}\).*BP_LOCAL_DIR"),
        only_demo(tmp_path),
    ):
        pass


def test_the_lock_ends_with_the_demo(tmp_path: Path) -> None:
    with only_demo(tmp_path):
        pass
    with only_demo(tmp_path):
        pass


def test_a_file_without_a_living_holder_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("99999999\n")

    with only_demo(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_parts_of_a_killed_demo_are_named_with_the_command_that_ends_them(tmp_path: Path) -> None:
    # 1. a demo starts a part, which keeps the lock, and is then killed
    code = (
        "import os, subprocess, sys; from pathlib import Path; from demo.lock import note_part, only_demo\n"
        f"with only_demo(Path({str(tmp_path)!r})) as lock:\n"
        "    part = subprocess.Popen(['sleep', '60'], pass_fds=[lock], stdout=subprocess.DEVNULL)\n"
        "    note_part(lock, part.pid); print(part.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    part = int(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False).stdout)

    # 2. the next start says how to end the part
    try:
        with pytest.raises(UserError, match=f"was killed .*kill -- -{part}"), only_demo(tmp_path):
            pass
    finally:
        os.kill(part, 9)


def test_the_processes_of_the_parts_are_written_down(tmp_path: Path) -> None:
    with only_demo(tmp_path) as lock:
        note_part(lock, 123)
        note_part(lock, 456)

        assert (tmp_path / LOCK_FILE).read_text().split() == [str(os.getpid()), "123", "456"]
