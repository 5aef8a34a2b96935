from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from producer import run
from producer.position import Identity
from producer.run import Options, Pacer


def test_each_message_is_due_at_its_place_in_the_schedule() -> None:
    pacer = Pacer(rate=10, begin_s=100)
    waits = []
    for _ in range(3):
        waits.append(pacer.wait_s(now_s=100))
        pacer.sent += 1
    assert waits == pytest.approx([0, 0.1, 0.2])


def test_a_delay_is_caught_up_and_not_added_to_the_schedule() -> None:
    pacer = Pacer(rate=10, begin_s=100, sent=5)
    assert pacer.wait_s(now_s=102) == 0
    assert pacer.behind_s(now_s=102) == pytest.approx(1.5)
    pacer.sent = 25
    assert pacer.wait_s(now_s=102.2) == pytest.approx(0.3)
    assert pacer.behind_s(now_s=102.2) == 0
    assert pacer.most_behind_s == pytest.approx(1.5)


@pytest.mark.parametrize(("every_s", "is_quiet"), [(300, True), (0, False)])
def test_a_producer_that_is_live_says_so_once_and_then_every_few_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, every_s: float, is_quiet: bool
) -> None:
    monkeypatch.setattr(run, "REPORT_EVERY_S", 0.1)
    monkeypatch.setattr(run, "REPORT_LIVE_EVERY_S", every_s)
    caplog.set_level(logging.INFO)
    identity = Identity(seed=1, patients=1, interval_us=900_000_000, episode_factor=1, topic="topic")
    sender = Mock(sent=0, failed=0, acknowledged=0, is_full=False)
    options = Options(identity, history_us=0, speed=1, limit_s=1)
    run.Run(options, sender, tmp_path, lambda: time.time_ns() // 1000, threading.Event()).loop()
    lines = [record.getMessage() for record in caplog.records if "(live)" in record.getMessage()]
    assert lines
    assert (len(lines) == 1) == is_quiet
