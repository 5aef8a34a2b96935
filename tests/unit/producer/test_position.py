from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from conf.times import DAY_US, HOUR_US
from producer.position import (
    POSITION_FILE,
    Identity,
    Position,
    Start,
    choose_start,
    load_position,
    store_position,
)

NOW_US = 1_740_787_200_000_000
IDENTITY = Identity(seed=1, patients=10, interval_us=HOUR_US // 4, episode_factor=1.0, topic="t", forms={"units": 0.1})


def start(stored: Position | None = None, now_us: int = NOW_US, history_us: int = DAY_US, speed: float = 1.0) -> Start:
    return choose_start(IDENTITY, stored, now_us, history_us, speed)[0]


def stored_at(sent_before_us: int, **changes: Any) -> Position:
    return Position(msgspec.structs.replace(IDENTITY, **changes), NOW_US - 10 * DAY_US, sent_before_us)


def test_a_first_run_sends_the_history_and_lives_from_now() -> None:
    assert start() == Start(NOW_US - DAY_US, NOW_US - DAY_US, NOW_US)


def test_the_first_tick_is_at_a_whole_second_as_cuffs_tell_them() -> None:
    assert start(now_us=NOW_US + 123_456).epoch_us == NOW_US - DAY_US


def test_a_fast_first_run_begins_its_clock_one_history_ago_with_another_history_before_it() -> None:
    assert start(speed=60) == Start(NOW_US - 2 * DAY_US, NOW_US - 2 * DAY_US, NOW_US - DAY_US)


def test_a_second_run_goes_on_from_the_stored_position_with_the_old_epoch() -> None:
    stored = stored_at(NOW_US - HOUR_US)
    assert start(stored) == Start(stored.epoch_us, NOW_US - HOUR_US, NOW_US)


def test_a_fast_second_run_resumes_its_clock_where_it_was() -> None:
    stored = stored_at(NOW_US - 5 * HOUR_US)
    assert start(stored, speed=60) == Start(stored.epoch_us, NOW_US - 5 * HOUR_US, NOW_US - 5 * HOUR_US)


def test_after_a_long_absence_only_the_history_is_caught_up_and_the_log_says_so() -> None:
    begin, reason = choose_start(IDENTITY, stored_at(NOW_US - 5 * DAY_US), NOW_US, DAY_US, 1.0)
    assert begin.sent_before_us == NOW_US - DAY_US
    assert "exceeds --history" in reason


@pytest.mark.parametrize(
    "change",
    [{"seed": 2}, {"patients": 11}, {"interval_us": 1}, {"topic": "other"}, {"forms": {}}, {"faults": {"late": 0.1}}],
)
def test_other_arguments_start_afresh_and_the_log_says_why(change: dict[str, Any]) -> None:
    begin, reason = choose_start(IDENTITY, stored_at(NOW_US - HOUR_US, **change), NOW_US, DAY_US, 1.0)
    assert begin == start()
    assert "other arguments" in reason


def test_a_position_ahead_of_the_wall_clock_does_not_make_the_clock_run_ahead() -> None:
    assert start(stored_at(NOW_US + HOUR_US)).clock_start_us == NOW_US


def test_a_stored_position_is_read_back_and_no_other_file_stays(tmp_path: Path) -> None:
    local_dir, stored = tmp_path / "new", stored_at(7)
    store_position(local_dir, stored)
    assert load_position(local_dir) == stored
    assert [path.name for path in local_dir.iterdir()] == [POSITION_FILE]


def test_no_position_or_a_damaged_one_means_a_fresh_start(tmp_path: Path) -> None:
    assert load_position(tmp_path) is None
    for content in ("", "{", "[]", '{"epoch_us": 1}'):
        (tmp_path / POSITION_FILE).write_text(content)
        assert load_position(tmp_path) is None
