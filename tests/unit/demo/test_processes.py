from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from conf.errors import UserError
from demo.processes import Child, require_running, start_child, stop_children, wait_for_end

OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
WITH_GRANDCHILD = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('up', flush=True); time.sleep(60)"
)


def started(tmp_path: Path, code: str, name: str = "part") -> Child:
    with (tmp_path / "lock").open("w") as lock:
        return start_child(name, [sys.executable, "-c", code], tmp_path, {}, lock.fileno())


def wait_until_up(child: Child) -> None:
    deadline_s = time.monotonic() + 20
    while "up" not in child.log.read_text() and time.monotonic() < deadline_s:
        time.sleep(0.02)


@pytest.mark.parametrize("code", [OBEDIENT, STUBBORN, WITH_GRANDCHILD])
def test_nothing_of_a_stopped_part_is_left(tmp_path: Path, code: str) -> None:
    child = started(tmp_path, code)
    wait_until_up(child)

    stop_children([child], patience_s=1.0)

    assert not child.is_alive


def test_a_part_that_obeys_is_not_killed(tmp_path: Path) -> None:
    child = started(tmp_path, OBEDIENT)
    wait_until_up(child)

    stop_children([child], patience_s=20.0)

    assert child.process.wait(20) == -signal.SIGTERM


def test_a_part_that_ends_early_is_named_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    child = started(tmp_path, "import sys; print('error: the topic is gone'); sys.exit(3)", name="stream")
    child.process.wait(20)

    with pytest.raises(UserError) as failure:
        require_running([child])

    assert str(failure.value) == f"The stream ended with exit code 3: error: the topic is gone (log: {child.log})."


def test_a_part_ended_by_a_signal_says_which(tmp_path: Path) -> None:
    child = started(tmp_path, "import os; os.kill(os.getpid(), 9)", name="producer")
    child.process.wait(20)

    with pytest.raises(UserError, match="The producer ended by signal SIGKILL: it wrote nothing"):
        require_running([child])


def test_waiting_for_a_part_that_goes_on_says_so(tmp_path: Path) -> None:
    child = started(tmp_path, OBEDIENT)

    assert not wait_for_end([child], timeout_s=0.0)

    stop_children([child], patience_s=20.0)
