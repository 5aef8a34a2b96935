"""What tests of notifications need: ways that note what they take, and a plain reckoning of what is to be told."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from alerts.channels.message import Channel, ChannelName, Message, Undelivered
from alerts.notifications.policy import Policy
from alerts.notifications.sending import Sender
from elastic.client import Search

Document = dict[str, Any]
Told = tuple[str, datetime, int, int, str]  # alert, raise, step, reminder, recipient


@dataclass
class Receiver:
    """A channel in memory: what it has taken, and what it answers instead of taking anything."""

    taken: list[tuple[datetime, Message]] = field(default_factory=list)
    refusal: Undelivered | None = None
    slow_s: float = 0.0

    def send(self, message: Message) -> None:
        """Take a message, or refuse it."""
        threading.Event().wait(self.slow_s)
        if self.refusal:
            raise self.refusal
        self.taken.append((datetime.now(UTC), message))

    @property
    def told(self) -> list[Told]:
        """Return all tellings, in the order in which they came."""
        return [
            (
                telling.alert["alert_id"],
                datetime.fromisoformat(telling.alert["raised_at"]),
                telling.step,
                telling.repeat,
                message.recipient.name,
            )
            for _, message in self.taken
            for telling in message.tellings
        ]


class Sending(AbstractContextManager["Sending"]):
    """A sender at work in a thread of its own."""

    def __init__(self, search: Search, policy: Policy, channels: Mapping[ChannelName, Channel]) -> None:
        self.sender = Sender(search, policy, channels, lambda: True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.sender.run, args=(self._stop,), daemon=True)

    def __enter__(self) -> Sending:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def reckon(
    alerts: Iterable[Document], chain: Sequence[Mapping[str, Any]], now: datetime, answers: Mapping[str, datetime]
) -> set[Told]:
    """Return all that is to be told by now of alerts that go one way, by their raises and answers alone.

    Minute by minute, as somebody would who looks at a clock and a list; it knows nothing of the code that it checks.
    """
    expected: set[Told] = set()
    for alert in alerts:
        raised_at = datetime.fromisoformat(alert["raised_at"])
        end = min(now, answers.get(alert["alert_id"], now))
        for number, step in enumerate(chain):
            at = raised_at + timedelta(minutes=step["after_minutes"])
            for repeat in range(1 + step.get("reminders", 0)):
                if at <= end:
                    expected |= {(alert["alert_id"], raised_at, number, repeat, name) for name in step["tell"]}
                at += timedelta(minutes=step.get("remind_every_minutes", 0))
    return expected
