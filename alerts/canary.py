"""The canary's alerts: acknowledged by itself once those who are to be told have been, so that each round begins anew.

Its alerts live as all others do. A crisis raises, normal readings quieten; an acknowledgement ends what has quietened
and lets the rest end with the next quiet reading. What was not told within half a round is acknowledged all the same:
the next crisis then raises another alert, and that nobody was told shows in the age of the link.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from alerts.answering import Acknowledgement, Person, acknowledge
from alerts.model import SHORTEST_PAUSE, AnswerReason
from alerts.notifications import outbox
from alerts.notifications.outbox import PostState
from alerts.notifications.plan import raise_of
from elastic.client import Document, Search
from elastic.search import canary

ITSELF: Final = Person("canary", "canary")
SEEN: Final = Acknowledgement(AnswerReason.SEEN, "", SHORTEST_PAUSE)
DONE: Final = frozenset({PostState.SENT, PostState.GIVEN_UP})


def answer(search: Search, told: Collection[str], interval: timedelta, now: datetime) -> list[str]:
    """Acknowledge the alerts of which these recipients have been told, or that have waited for half a round.

    Return their ids. Raises `SearchUnavailable`.
    """
    waiting = canary.waiting(search)
    posts = outbox.told(search, [alert["alert_id"] for alert in waiting]) if waiting and told else []
    reached = {
        (due.alert_id, due.raised_at, due.recipient) for post in posts if post.state in DONE for due in post.tellings
    }
    ready = [alert["alert_id"] for alert in waiting if _is_ready(alert, reached, told, interval, now)]
    acknowledge(search, ready, SEEN, ITSELF, now)
    return ready


def _is_ready(
    alert: Document,
    reached: Collection[tuple[str, datetime, str]],
    told: Collection[str],
    interval: timedelta,
    now: datetime,
) -> bool:
    """Tell whether everybody has been told of the raise that waits, or half a round is over."""
    waits = raise_of(alert)
    if waits is None:
        return False
    return now - waits.at >= interval / 2 or all((alert["alert_id"], waits.at, name) in reached for name in told)
