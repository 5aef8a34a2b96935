"""The heartbeat: a signed post that leaves the house in the same time again and again, and says how old each link is.

Whoever gets it raises the alarm when it stays away: nothing in the house can tell that the house is dead. Its fields
are those of ``heartbeat.schema.json``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerts.chain import Link, LinkState, Part, dead
from alerts.channels.message import Undelivered
from alerts.channels.webhook import JSON_TYPE, Webhook
from alerts.notifications.policy import HeartbeatRule

VERSION: Final = 1  # of the schema; grows when a field changes its meaning or goes

log = logging.getLogger("alerts.heartbeat")


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """The age of a link's last sign in seconds, None where there was none."""

    part: Part
    state: LinkState
    age_s: float | None
    limit_s: float


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted."""

    version: int
    at: datetime
    ok: bool
    every_seconds: float
    dead: tuple[Part, ...]
    links: tuple[Beat, ...]


def beats(links: Sequence[Link], now: datetime) -> tuple[Beat, ...]:
    """Return the links as others are told of them."""
    return tuple(
        Beat(part=it.part, state=it.state, age_s=it.age_s(now), limit_s=it.limit.total_seconds()) for it in links
    )


def encode(links: Sequence[Link], rule: HeartbeatRule, now: datetime) -> bytes:
    """Return the body of a heartbeat."""
    found = tuple(dead(links))
    return msgspec.json.encode(
        Payload(
            version=VERSION,
            at=now,
            ok=not found,
            every_seconds=rule.every_seconds,
            dead=found,
            links=beats(links, now),
        )
    )


class Heartbeat:
    """Posts when it is time, and at once when another link is dead or none is any more."""

    def __init__(self, rule: HeartbeatRule, webhook: Webhook) -> None:
        self._rule, self._webhook = rule, webhook
        self._sent_at: datetime | None = None
        self._told: list[Part] = []
        self._is_failing = False

    def beat(self, links: Sequence[Link], now: datetime) -> None:
        """Post if it is time; what fails is tried again at the next look, and is told in the log once."""
        found = dead(links)
        is_due = self._sent_at is None or now - self._sent_at >= timedelta(seconds=self._rule.every_seconds)
        if not is_due and found == self._told:
            return
        try:
            self._webhook.post(self._rule.webhook, encode(links, self._rule, now), JSON_TYPE)
        except Undelivered as error:
            if not self._is_failing:
                log.warning("The heartbeat does not arrive. %s", error.reason)
            self._is_failing = True
            return
        self._sent_at, self._told, self._is_failing = now, found, False
