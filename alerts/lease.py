"""One active copy of the service: a lease in Elasticsearch, renewed while it works, taken over once it has run out.

The document also keeps how far the service has come, so that the next holder goes on from there. Each write names the
version that it replaces: of two copies that reach for a lease that has run out, one is refused. A holder counts its
time from before it asked, by a clock that nobody sets, and stops before the others may begin.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from conf.times import iso
from elastic.bulk import Operation, write
from elastic.client import Search
from elastic.names import ALERT_SERVICE

LEASE_ID: Final = "lease"
LENGTH: Final = timedelta(seconds=12)
MARGIN: Final = 0.5  # of its length: by when a lease is renewed


@dataclass
class Lease:
    """The lease as one copy, `holder`, sees it."""

    search: Search
    holder: str
    length: timedelta = LENGTH
    clock: Callable[[], float] = time.monotonic
    kept: Mapping[str, Any] = field(default_factory=dict)  # what the holder before has left, or this one has kept last
    _version: tuple[int, int] | None = None
    _ends_s: float = float("-inf")

    @property
    def is_held(self) -> bool:
        """Tell whether this copy may work."""
        return self.clock() < self._ends_s

    @property
    def is_old(self) -> bool:
        """Tell whether it is time to renew."""
        return self.clock() >= self._ends_s - MARGIN * self.length.total_seconds()

    def take(self, now: datetime) -> bool:
        """Take the lease if nobody holds it, or its time is over; tell whether this copy holds it."""
        found = self.search.get_version(ALERT_SERVICE, LEASE_ID)
        if found:
            document, version = found
            self.kept = document
            if document["holder"] != self.holder and now < datetime.fromisoformat(document["until"]):
                return False
            self._version = version
        return self._write(now, {name: value for name, value in self.kept.items() if name not in OWN})

    def renew(self, now: datetime, kept: Mapping[str, Any]) -> bool:
        """Keep the lease, and what the next holder needs; False: another copy has it."""
        return self._write(now, kept)

    def release(self, now: datetime, kept: Mapping[str, Any]) -> None:
        """Give the lease up, so that another copy need not wait."""
        if self.is_held:
            self._write(now, kept, timedelta(0))
            self._ends_s = float("-inf")

    def _write(self, now: datetime, kept: Mapping[str, Any], length: timedelta | None = None) -> bool:
        length = self.length if length is None else length
        began_s = self.clock()
        self.kept = {**kept, "holder": self.holder, "until": iso(now + length), "changed_at": iso(now)}
        body = msgspec.json.encode(self.kept)
        new = Operation("create" if self._version is None else "index", ALERT_SERVICE, LEASE_ID, body, self._version)
        (done,) = write(self.search.client, [new])
        found = self.search.get_version(ALERT_SERVICE, LEASE_ID) if done else None
        is_ours = found is not None and found[0]["holder"] == self.holder
        self._version = found[1] if found and is_ours else None
        self._ends_s = began_s + length.total_seconds() if is_ours else float("-inf")
        return is_ours


OWN: Final = frozenset({"holder", "until", "changed_at"})
