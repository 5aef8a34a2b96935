"""One works, the others wait for it or take the last value."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from webapp.shared import Shared

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Source:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


def test_within_its_life_a_value_is_not_loaded_again() -> None:
    shared, source = Shared[int](SECOND), Source()
    assert [shared.get("a", START + SECOND * after, source) for after in (0, 0.5, 0.999, 1, 1.5)] == [1, 1, 1, 2, 2]


def test_each_key_has_a_value_of_its_own() -> None:
    shared, source = Shared[int](SECOND), Source()
    assert [shared.get(key, START, source) for key in "abab"] == [1, 2, 1, 2]


def test_what_took_long_to_load_is_loaded_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, source = Shared[int](SECOND, rest=20), Source()
    times_s = iter((0.0, 0.5, 9.0, 9.01, 15.0, 15.01))
    monkeypatch.setattr("webapp.shared.time.monotonic", lambda: next(times_s))
    values = [shared.get("a", START + SECOND * after, source) for after in (0, 9.9, 10, 10.9, 11)]
    assert values == [1, 1, 2, 2, 3]


def test_a_failure_is_not_kept() -> None:
    shared = Shared[int](SECOND)

    def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        shared.get("a", START, fail)
    assert shared.get("a", START, lambda: 7) == 7


def test_many_at_once_load_once() -> None:
    shared, source, start = Shared[int](SECOND), Source(), threading.Barrier(8)

    def ask(_number: int) -> int:
        start.wait(5)
        return shared.get("a", START, source)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1}
    assert source.asked == 1


def test_in_grace_nobody_waits_and_one_renews_in_the_background() -> None:
    shared = Shared[str](SECOND, SECOND)
    shared.get("a", START, lambda: "old")
    is_loading, may_end, asked = threading.Event(), threading.Event(), []

    def load() -> str:
        asked.append(1)
        is_loading.set()
        may_end.wait(5)
        return "new"

    assert [shared.get("a", START + SECOND, load) for _ in range(3)] == ["old", "old", "old"]
    assert is_loading.wait(5)
    may_end.set()
    assert shared.get("a", START + 3 * SECOND, lambda: "newer") == "newer"  # after the grace one waits for the lock
    assert len(asked) == 1


def test_a_failure_in_the_background_is_met_by_who_asks_after_the_grace() -> None:
    shared = Shared[str](SECOND, SECOND)
    shared.get("a", START, lambda: "old")

    def fail() -> str:
        raise OSError("away")

    assert shared.get("a", START + SECOND, fail) == "old"
    with pytest.raises(OSError, match="away"):
        shared.get("a", START + 2 * SECOND, fail)


def test_only_so_many_values_are_kept() -> None:
    shared, source = Shared[int](SECOND, most=2), Source()
    for key in "abc":
        shared.get(key, START, source)
    assert shared.get("c", START, source) == 3
    assert shared.get("a", START, source) == 4
