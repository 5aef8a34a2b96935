"""Answers shared by all who ask for the same within a moment: one works, the others wait for it or take the last one.

Per process. A failure is not kept: everybody who waited for it asks again for himself. With a grace nobody waits as
long as there are enough who ask: the last value is renewed in the background.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_KEYS: Final = 64


class _Loaded(NamedTuple, Generic[T]):
    """A value with the moment it was loaded and how long it lives."""

    value: T
    at: datetime
    lives: timedelta

    def serves(self, now: datetime, grace: timedelta = timedelta(0)) -> bool:
        """Tell whether it is within its life, and a grace after it."""
        return now - self.at < self.lives + grace


@dataclass
class _Slot(Generic[T]):
    """The last value of a key, and the lock of who renews it."""

    known: _Loaded[T] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Shared(Generic[T]):
    """Values by key that live for `lifetime`; for `grace` more they still serve while somebody else renews them.

    With `rest`, a value lives at least so many times as long as it took to be loaded: what is dear is asked for rarely.
    """

    def __init__(
        self, lifetime: timedelta, grace: timedelta = timedelta(0), most: int = MOST_KEYS, *, rest: int = 0
    ) -> None:
        self._lifetime, self._grace, self._most, self._rest = lifetime, grace, most, rest
        self._slots: OrderedDict[Hashable, _Slot[T]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Hashable, now: datetime, load: Callable[[], T]) -> T:
        """Return a value within its life (and `grace`); with a grace, `load` may run in another thread."""
        with self._guard:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._most:
                self._slots.popitem(last=False)
        if known := slot.known:
            if known.serves(now):
                return known.value
            if known.serves(now, self._grace):
                if slot.lock.acquire(blocking=False):
                    threading.Thread(target=self._renew_behind, args=(slot, now, load), daemon=True).start()
                return known.value
        with slot.lock:
            return self._renew(slot, now, load)

    def known(self) -> list[T]:
        """Return all values as they were loaded last."""
        with self._guard:
            return [slot.known.value for slot in self._slots.values() if slot.known]

    def _renew_behind(self, slot: _Slot[T], now: datetime, load: Callable[[], T]) -> None:
        try:
            self._renew(slot, now, load)
        except Exception as error:  # whoever asks after the grace meets it himself
            log.warning("a shared value could not be renewed: %s", error)
        finally:
            slot.lock.release()

    def _renew(self, slot: _Slot[T], now: datetime, load: Callable[[], T]) -> T:
        """Load the value, unless somebody else was quicker."""
        if slot.known and slot.known.serves(now):
            return slot.known.value
        began_s = time.monotonic()
        value = load()
        lives = max(self._lifetime, self._rest * timedelta(seconds=time.monotonic() - began_s))
        slot.known = _Loaded(value, now, lives)
        return value
