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
from alerts.events import Event
from alerts.model import SHORTEST_PAUSE, AnswerReason
from alerts.notifications.plan import raise_of
from elastic.client import Document, Search
from elastic.search import alert_events, canary

ITSELF: Final = Person("canary", "canary")
SEEN: Final = Acknowledgement(AnswerReason.SEEN, "", SHORTEST_PAUSE)


def answer(search: Search, told: Collection[str], interval: timedelta, now: datetime) -> list[str]:
    """Acknowledge the alerts of which these recipients have been told, or that have waited for half a round.

    Return their ids. Raises `SearchUnavailable`.
    """
    waiting = canary.waiting(search)
    events = alert_events.of_alerts(search, [alert["alert_id"] for alert in waiting]) if waiting and told else []
    ready = [
        alert["alert_id"]
        for alert in waiting
        if is_ready(alert, [each for each in events if each["alert_id"] == alert["alert_id"]], told, interval, now)
    ]
    acknowledge(search, ready, SEEN, ITSELF, now)
    return ready


def is_ready(
    alert: Document, events: Collection[Document], told: Collection[str], interval: timedelta, now: datetime
) -> bool:
    """Tell whether everybody has been told of the raise that waits, by the alert's events, or half a round is over."""
    waits = raise_of(alert)
    if waits is None:
        return False
    reached = {
        event["recipient"]
        for event in events
        if event["event"] == Event.NOTIFIED and datetime.fromisoformat(event["@timestamp"]) >= waits.at
    }
    return now - waits.at >= interval / 2 or reached.issuperset(told)
