"""Answers shared by all who ask for the same within a moment: one works, the others wait for it or take the last one.

Per process. A failure is not kept: everybody who waited for it asks again for himself. With a grace nobody waits as
long as there are enough who ask: the last value is renewed in the background.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_KEYS: Final = 64


@dataclass(frozen=True)
class _Entry(Generic[T]):
    value: T
    loaded_at: datetime


class Shared(Generic[T]):
    """Values by key that live for `lifetime`; for `grace` more they still serve while somebody else renews them."""

    def __init__(self, lifetime: timedelta, grace: timedelta = timedelta(0), most: int = MOST_KEYS) -> None:
        self._lifetime, self._grace, self._most = lifetime, grace, most
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Hashable, now: datetime, load: Callable[[], T]) -> T:
        """Return a value at most `lifetime` (and `grace`) old; with a grace, `load` may run in another thread."""
        known, lock = self._known(key), self._lock(key)
        if known and now - known.loaded_at < self._lifetime:
            return known.value
        if known and now - known.loaded_at < self._lifetime + self._grace:
            if lock.acquire(blocking=False):
                threading.Thread(target=self._renew_behind, args=(key, now, load, lock), daemon=True).start()
            return known.value
        with lock:
            return self._renew(key, now, load)

    def _renew_behind(self, key: Hashable, now: datetime, load: Callable[[], T], lock: threading.Lock) -> None:
        try:
            self._renew(key, now, load)
        except Exception as error:  # whoever asks after the grace meets it himself
            log.warning("a shared value could not be renewed: %s", error)
        finally:
            lock.release()

    def _renew(self, key: Hashable, now: datetime, load: Callable[[], T]) -> T:
        known = self._known(key)
        if known and now - known.loaded_at < self._lifetime:
            return known.value  # somebody else was quicker
        entry = _Entry(load(), now)
        with self._guard:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                oldest, _ = self._entries.popitem(last=False)
                self._locks.pop(oldest, None)
        return entry.value

    def _known(self, key: Hashable) -> _Entry[T] | None:
        with self._guard:
            return self._entries.get(key)

    def _lock(self, key: Hashable) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())
