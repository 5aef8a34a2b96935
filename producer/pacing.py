"""An open loop of sending: each message has its due time by the rate, whatever became of the ones before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

LEAST_WAIT_S: Final = 0.002  # shorter waits cost more than they even out


@dataclass
class Pacer:
    """Message number k is due at ``begin_s + k / rate``; a delay is caught up, never added to the schedule."""

    rate: float  # messages per second
    begin_s: float
    sent: int = 0
    most_behind_s: float = field(default=0.0, init=False)

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next message, 0 when it is due or nearly; notes how late it is."""
        ahead_s = self.begin_s + self.sent / self.rate - now_s
        self.most_behind_s = max(self.most_behind_s, -ahead_s)
        return ahead_s if ahead_s >= LEAST_WAIT_S else 0.0

    def behind_s(self, now_s: float) -> float:
        """How far behind its schedule the sender is at this moment."""
        return max(now_s - self.begin_s - self.sent / self.rate, 0.0)
