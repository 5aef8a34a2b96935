"""The chain from the sender of readings to the site: its seven links, how old their signs are, which is dead. Pure.

The canary's readings go through all of it, and what is stored of them is the sign of each link that they have passed;
Kafka, Elasticsearch and the site answer for themselves. Of a link that is seen only through a dead one nothing is
known: so the *first* dead link is named, and not all behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """A link of the chain, in the order of the way."""

    PRODUCER = "producer"  # of the canary; real senders are judged by the feed
    KAFKA = "kafka"
    ELASTICSEARCH = "elasticsearch"
    STREAM = "stream"  # it stores readings
    SCORING = "scoring"
    ALERTS = "alerts"  # it raises alerts and tells of them
    SITE = "site"


class LinkState(StrEnum):
    """What is known of a link."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"  # it never gave a sign, or it is seen only through what is dead


SEEN_THROUGH: Final[Mapping[Part, tuple[Part, ...]]] = {
    Part.KAFKA: (),
    Part.ELASTICSEARCH: (),
    Part.SITE: (),
    Part.PRODUCER: (Part.KAFKA,),
    Part.STREAM: (Part.KAFKA, Part.ELASTICSEARCH, Part.PRODUCER),
    Part.SCORING: (Part.KAFKA, Part.ELASTICSEARCH, Part.PRODUCER, Part.STREAM),
    Part.ALERTS: (Part.KAFKA, Part.ELASTICSEARCH, Part.PRODUCER, Part.STREAM),
}
PASSED: Final = frozenset({Part.STREAM, Part.SCORING, Part.ALERTS})  # by what a living producer sends, sooner or later
OVERDUE: Final = timedelta(seconds=5)  # beyond its interval, a record of the canary is looked for in the topic itself
OF_CANARY: Final = PASSED | {Part.PRODUCER}


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is: its last sign (None: there was none), since when another one is waited for, and for how long."""

    part: Part
    state: LinkState
    at: datetime | None
    since: datetime  # another sign is waited for: not before what it is seen through came back
    limit: timedelta

    def age_s(self, now: datetime) -> float | None:
        """Return the age of the last sign in seconds."""
        return None if self.at is None else round(max(0.0, (now - self.at).total_seconds()), 1)


def looked_for_from(sent_at: datetime | None, interval: timedelta, grace: timedelta, now: datetime) -> datetime | None:
    """Return from when on the topic holds what is unknown of the canary; None while it is not to be read.

    What is stored shows the records as well, and costs nothing. Only where the newest one known, `sent_at`, is overdue
    is every record of the topic looked at, since then or for as long as a living producer is silent at most.
    """
    if not interval or (sent_at and now - sent_at < interval + min(grace / 2, OVERDUE)):
        return None
    longest = now - interval - grace
    return max(sent_at, longest) if sent_at else longest


def judge(
    signs: Mapping[Part, datetime],
    excused: Mapping[Part, datetime],
    interval: timedelta,
    grace: timedelta,
    now: datetime,
) -> tuple[Link, ...]:
    """Return the links, given their last signs, and until when each was excused from giving one: their `since` before.

    `interval` is that of the canary, 0 where there is none; `grace` is what a sign may take beyond it. A link is dead
    from its limit on.
    """
    found: dict[Part, Link] = {}
    for part, fronts in SEEN_THROUGH.items():
        at, limit = signs.get(part), grace + (interval if part in OF_CANARY else timedelta(0))
        since = max(filter(None, (at, excused.get(part))), default=now)
        is_due = at is not None or (part in PASSED and Part.PRODUCER in signs)
        is_asked = is_due and (bool(interval) or part not in OF_CANARY)
        if not is_asked or any(found[front].state is LinkState.DEAD for front in fronts):
            state, since = LinkState.UNKNOWN, now
        elif now - since >= limit:
            state = LinkState.DEAD
        else:
            state = LinkState.ALIVE if at else LinkState.UNKNOWN
        found[part] = Link(part, state, at, since, limit)
    return tuple(found[part] for part in Part)


def dead(links: Iterable[Link]) -> list[Part]:
    """Return the dead links in the order of the way."""
    return [link.part for link in links if link.state is LinkState.DEAD]
