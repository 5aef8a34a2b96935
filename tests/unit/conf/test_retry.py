"""Trying again: only what passes, only as often as allowed."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from conf.retry import retry, wait_until


def failing(times: int, error: Exception) -> Callable[[], str]:
    calls = itertools.count(1)

    def work() -> str:
        if next(calls) <= times:
            raise error
        return "done"

    return work


def test_an_error_that_passes_is_tried_again_after_each_pause() -> None:
    pauses: list[float] = []
    assert retry(failing(2, OSError()), (1, 2, 4), lambda error: isinstance(error, OSError), pauses.append) == "done"
    assert pauses == [1, 2]


def test_the_last_error_is_raised_when_the_pauses_are_used_up() -> None:
    with pytest.raises(OSError, match="away"):
        retry(failing(3, OSError("away")), (0, 0), lambda _: True, lambda _: None)


def test_an_error_that_stays_is_raised_at_once() -> None:
    pauses: list[float] = []
    with pytest.raises(ValueError, match="wrong"):
        retry(failing(1, ValueError("wrong")), (1, 1), lambda error: isinstance(error, OSError), pauses.append)
    assert pauses == []


def test_waiting_ends_when_it_is_so_or_when_the_time_is_up() -> None:
    clock = itertools.count()
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), 10, 1, lambda _: None, lambda: next(clock))
    assert not wait_until(lambda: False, 3, 1, lambda _: None, lambda: next(clock))
