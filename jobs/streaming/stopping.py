"""Stopping between micro-batches, and starting again after a failure."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from conf.errors import UserError

if TYPE_CHECKING:
    from pyspark.sql.streaming.query import StreamingQuery

log = logging.getLogger(__name__)

STOP_PATIENCE_S: Final = 6.0  # then the running micro-batch is abandoned; it will be repeated at the next start
POLL_S: Final = 0.2
RESTART_WAITS_S: Final = (1, 2, 5, 10, 20, 40, 60, 60, 60)
STEADY_S: Final = 120  # a query that has run this long has recovered: its failures are forgotten
NO_PYTHON: Final = "NoPythonError"
HOPELESS: Final = ("DocumentRefusedError", "ModuleNotFoundError", NO_PYTHON, "failOnDataLoss", "OffsetOutOfRange")
_LAUNCHER_ERROR: Final = re.compile(r"Error from python worker:\s+error: (.+)")  # of `deploy.pack`'s bin/python
_LAST_ERROR: Final = re.compile(r"(?:^|[\s.])(?:\w+(?:Error|Exception): )*(\w+(?:Error|Exception)): (.+)")


class QueryFailedError(UserError):
    """A streaming query failed and starting it again does not help."""


class StoppedError(Exception):
    """A micro-batch wanted to begin while the job is stopping."""


class StopGate:
    """Lets the running micro-batches finish and no new one begin, once a stop is asked for."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._running = 0
        self._changed = threading.Condition()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Stand around the work of a micro-batch; raise `StoppedError` if the job is stopping."""
        if self.asked.is_set():
            raise StoppedError
        with self._changed:
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait until no micro-batch runs; return False if one still does after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, timeout_s)


def keep_running(starts: Mapping[str, Callable[[], StreamingQuery]], gate: StopGate) -> None:
    """Run the queries until they have drained the topic or a stop is asked for; restart a failed one with back-off.

    Raises `QueryFailedError` for a failure that a restart does not mend.
    """
    running = {name: start() for name, start in starts.items()}
    failures = dict.fromkeys(starts, 0)
    started = dict.fromkeys(starts, time.monotonic())
    try:
        while running and not gate.asked.wait(POLL_S):
            for name, query in [(name, query) for name, query in running.items() if not query.isActive]:
                error = query.exception()
                if error is None:
                    del running[name]
                    continue
                steady = time.monotonic() - started[name] > STEADY_S
                failures[name] = 1 if steady else failures[name] + 1
                _pause_before_restart(name, str(error), failures[name], gate)
                running[name], started[name] = starts[name](), time.monotonic()
    finally:
        _stop(running, gate)


def _pause_before_restart(name: str, message: str, failures: int, gate: StopGate) -> None:
    """Wait longer after each failure in a row; raise `QueryFailedError` where a restart does not help."""
    why = explain(message)
    if failures > len(RESTART_WAITS_S) or any(mark in message for mark in HOPELESS):
        raise QueryFailedError(f"The {name} query failed: {why} The checkpoint is intact; start again when mended.")
    wait_s = RESTART_WAITS_S[failures - 1]
    log.warning("query %s failed, restart %d in %d s: %s", name, failures, wait_s, why)
    gate.asked.wait(wait_s)


def explain(message: str) -> str:
    """Return the innermost cause named in the text of a Spark failure, as ``Kind: text`` on one line."""
    launcher = _LAUNCHER_ERROR.search(message)
    if launcher:
        return f"{NO_PYTHON}: {launcher[1]}"
    found = _LAST_ERROR.findall(message)
    if found:
        kind, text = found[-1]
        return f"{kind}: {text.strip()}"
    return (message.strip().splitlines() or ["no message"])[0]


def _stop(running: Mapping[str, StreamingQuery], gate: StopGate) -> None:
    """End the queries between micro-batches, or after `STOP_PATIENCE_S` wherever they are."""
    gate.asked.set()
    if running and not gate.wait_until_idle(STOP_PATIENCE_S):
        log.warning("a micro-batch is abandoned; it will be repeated at the next start")
    for query in running.values():
        query.stop()
