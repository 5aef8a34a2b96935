"""Files appear whole or not at all; locks end with their processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conf.errors import UserError
from conf.files import beside, one_at_a_time, only_one, write_whole

HOLD = """
from conf.files import only_one
import pathlib, sys, time
with only_one(pathlib.Path(sys.argv[1]), ValueError):
    print(1, flush=True)
    time.sleep(60)
"""
WAIT = """
from conf.files import one_at_a_time
import pathlib, sys
with one_at_a_time(pathlib.Path(sys.argv[1])):
    print("in")
"""


def write_half(path: Path) -> None:
    with beside(path) as new:
        new.write_text("half")
        raise ZeroDivisionError


def test_a_file_is_replaced_with_its_mode_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "state.json"
    write_whole(path, "old")
    write_whole(path, b"new", mode=0o600, durable=True)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["state.json"]


def test_an_error_on_the_way_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_whole(path, "old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_second_holder_is_refused_with_the_first_one_s_id(tmp_path: Path) -> None:
    lock = tmp_path / "job.lock"
    with only_one(lock, UserError), pytest.raises(UserError, match=str(os.getpid())), only_one(lock, UserError):
        pass
    with only_one(lock, UserError):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "job.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(UserError, match=str(holder.pid)), only_one(lock, UserError):
            pass
        holder.kill()
    with only_one(lock, UserError):
        pass


def test_who_waits_for_its_turn_gets_it(tmp_path: Path) -> None:
    lock = tmp_path / "move.lock"
    with one_at_a_time(lock):
        waiting = subprocess.Popen([sys.executable, "-c", WAIT, str(lock)], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
    assert waiting.communicate(timeout=60)[0] == "in\n"
