from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from embedded import process
from embedded.process import find_processes, launch, mark_of, terminate

READY = "ready"
OBEDIENT = f"import time; print('{READY}', flush=True); time.sleep(120)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {OBEDIENT}"


def launch_python(home: Path, program: str) -> str:
    """Launch `program`, wait until it has said that it is ready, return its mark."""
    log, mark = home / "out.log", mark_of(home)
    launch([sys.executable, "-c", program, mark], log=log, cwd=home, environment={}, account=None)
    while READY not in log.read_text():
        assert find_processes(mark)
    return mark


def test_process_is_found_from_the_moment_it_was_launched_until_it_ended(tmp_path: Path) -> None:
    mark = mark_of(tmp_path)
    launch([sys.executable, "-c", OBEDIENT, mark], log=tmp_path / "out", cwd=tmp_path, environment={}, account=None)
    assert len(find_processes(mark)) == 1
    terminate([mark])
    assert find_processes(mark) == []


def test_process_that_ignores_the_polite_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TERMINATE_TIMEOUT_S", 0.3)
    mark = launch_python(tmp_path, STUBBORN)
    terminate([mark])
    assert find_processes(mark) == []


def test_process_has_a_session_of_its_own_out_of_reach_of_ctrl_c(tmp_path: Path) -> None:
    mark = launch_python(tmp_path, OBEDIENT)
    (pid,) = find_processes(mark)
    assert os.getsid(pid) == pid
    terminate([mark])


def test_process_of_another_directory_is_not_mistaken_for_the_own(tmp_path: Path) -> None:
    mark = launch_python(tmp_path, OBEDIENT)
    assert find_processes(mark_of(tmp_path / "other")) == []
    assert find_processes(mark[:-1]) == []
    terminate([mark])


def test_previous_log_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "out.log").write_text("why it stopped last time")
    terminate([launch_python(tmp_path, OBEDIENT)])
    assert (tmp_path / "out.log.1").read_text() == "why it stopped last time"
    assert (tmp_path / "out.log").read_text() == f"{READY}\n"


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_both_ways_to_list_processes_find_the_same(tmp_path: Path) -> None:
    mark = launch_python(tmp_path, OBEDIENT)
    by_ps = [pid for pid, arguments in process._command_lines_of_ps() if mark in arguments]
    assert by_ps == find_processes(mark)
    terminate([mark])
