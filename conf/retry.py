"""Trying again, and waiting until something is so: the loops that would otherwise stand in every room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def retry(
    work: Callable[[], T],
    waits_s: Iterable[float],
    passes: Callable[[Exception], bool],
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """Return what `work` returns, tried again after each of `waits_s` while it fails with an error that `passes`.

    Any other error, and the last one when the waits are used up, is raised as it came.
    """
    for wait_s in waits_s:
        try:
            return work()
        except Exception as error:
            if not passes(error):
                raise
        pause(wait_s)
    return work()


def wait_until(
    is_so: Callable[[], bool],
    timeout_s: float,
    every_s: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Ask `is_so` every `every_s` seconds until it says yes; return False when `timeout_s` has gone by instead."""
    deadline_s = clock() + timeout_s
    while not is_so():
        if clock() >= deadline_s:
            return False
        pause(every_s)
    return True
