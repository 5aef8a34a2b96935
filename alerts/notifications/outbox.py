"""The outbox: a document for each message, stored before the message is sent, and what has become of it.

The journal of alerts says of each alert who was told. It is written before the document says so: after a death in
between, the message is sent once more under the same key, and its entries are there already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from alerts.channels.message import ChannelName, Recipient
from alerts.documents import WITHOUT_PATIENT
from alerts.events import Event
from alerts.model import read_alert_id
from alerts.notifications.plan import Due
from conf.times import EPOCH
from elastic.bulk import Operation, write
from elastic.client import Search, refresh
from elastic.names import ALERT_EVENTS, NOTIFICATIONS, fit_id
from elastic.search.queries import all_of, buckets, term, terms

TOLD_FOR: Final = timedelta(minutes=1)
MOST_PENDING: Final = 100_000
MOST_IDS: Final = 10_000  # of alerts in one search
OLDEST_FIRST: Final[list[Any]] = [{"at": "asc"}, {"key": "asc"}]


class PostState(StrEnum):
    """What has become of a message."""

    DUE = "due"
    SENT = "sent"
    STOPPED = "stopped"  # all that it tells of was answered or over before it was sent
    GIVEN_UP = "given_up"  # refused for good, or not taken until its deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message in the outbox; times are None until they have come."""

    key: str
    recipient: str
    channel: ChannelName
    at: datetime
    until: datetime  # the deadline
    tellings: tuple[Due, ...]
    state: PostState = PostState.DUE
    attempts: int = 0
    next_at: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""  # of the last failure, for people
    sent_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def alert_ids(self) -> list[str]:
        """Return the alerts that it tells of, each once."""
        return list(dict.fromkeys(due.alert_id for due in self.tellings))

    @property
    def is_critical(self) -> bool:
        """Tell whether it goes before others."""
        return any(due.is_critical for due in self.tellings)


def post(tellings: tuple[Due, ...], recipient: Recipient, at: datetime, deadline: timedelta) -> Post:
    """Return the message of some tellings to one recipient.

    Its key is made of what it tells; after an answer that was taken back, the same is told under another one.
    """
    whole = "/".join([recipient.name, *(f"{due.key}-{due.said}" for due in tellings)])
    key = hashlib.sha256(whole.encode()).hexdigest()
    return Post(
        key=key, recipient=recipient.name, channel=recipient.channel, at=at, until=at + deadline, tellings=tellings
    )


def create(search: Search, posts: Iterable[Post]) -> None:
    """Store new messages; one that is there already stays as it is."""
    write(search.client, [Operation("create", NOTIFICATIONS, it.key, _body(it)) for it in posts])


def mark(search: Search, posts: Collection[Post]) -> None:
    """Store what has become of messages, and note in the journal who was told of which alert."""
    told = [(it, due) for it in posts if it.state is PostState.SENT for due in it.tellings]
    write(search.client, [_noted(it, due) for it, due in told])
    write(search.client, [Operation("index", NOTIFICATIONS, it.key, _body(it)) for it in posts])


def _noted(sent: Post, due: Due) -> Operation:
    patient_id, kind, started_at = read_alert_id(due.alert_id)
    event = {
        "@timestamp": sent.sent_at,
        "event": Event.NOTIFIED,
        "alert_id": due.alert_id,
        ("part" if kind in WITHOUT_PATIENT else "patient_id"): patient_id,
        "kind": kind,
        "started_at": started_at,
        "recipient": sent.recipient,
        "channel": sent.channel,
        "step": due.step,
        "repeat": due.repeat,
    }
    return Operation("create", ALERT_EVENTS, fit_id(f"{due.alert_id}-{due.key}"), msgspec.json.encode(event))


def _body(stored: Post) -> bytes:
    """Return the document of a message; it names the patients, so that it is found when one of them is erased."""
    about = {due.subject for due in stored.tellings if read_alert_id(due.alert_id)[1] not in WITHOUT_PATIENT}
    known = {name: value for name, value in asdict(stored).items() if value not in (None, "")}
    return msgspec.json.encode(known | {"patient_id": sorted(about)})


def pending(search: Search) -> list[Post]:
    """Return the messages that are still to be sent, the oldest first."""
    return _read(search, term("state", PostState.DUE))


def told(search: Search, alert_ids: Collection[str]) -> list[Post]:
    """Return the messages, sent or not, by which somebody is told of these alerts."""
    ids = sorted(alert_ids)
    return [
        it
        for start in range(0, len(ids), MOST_IDS)
        for it in _read(search, terms("tellings.alert_id", ids[start : start + MOST_IDS]))
        if it.state is not PostState.STOPPED
    ]


def _read(search: Search, query: Mapping[str, Any]) -> list[Post]:
    refresh(search.client, NOTIFICATIONS)
    body = {"query": all_of(dict(query)), "sort": OLDEST_FIRST, "track_total_hits": False}
    return [msgspec.convert(it, Post, strict=False) for it in search.pages(NOTIFICATIONS, body, MOST_PENDING)]


@dataclass(frozen=True, slots=True)
class Failure:
    """That nothing has reached somebody since messages began to fail, or one was given up."""

    recipient: str
    channel: str
    failing_since: datetime | None
    given_up_at: datetime | None


def failures(search: Search, recipients: Iterable[Recipient], now: datetime) -> list[Failure]:
    """Return to whom of these recipients messages fail, or have been given up; that is told for a minute at least."""
    failing = all_of(term("state", PostState.DUE), {"exists": {"field": "failing_since"}})
    last = {
        "sent": {"max": {"field": "sent_at"}},
        "failing": {"filter": failing, "aggs": {"since": {"max": {"field": "failing_since"}}}},
        "given_up": {"filter": term("state", PostState.GIVEN_UP), "aggs": {"at": {"max": {"field": "changed_at"}}}},
    }
    channels = {it.name: it.channel for it in recipients}
    by_recipient = {"terms": {"field": "recipient", "size": len(channels), "include": sorted(channels)}, "aggs": last}
    found: list[Failure] = []
    for bucket in buckets(search.aggregate(NOTIFICATIONS, {"recipients": by_recipient}), "recipients"):
        sent_at = _time(bucket["sent"]) or EPOCH
        since, given_up_at = _time(bucket["failing"]["since"]), _time(bucket["given_up"]["at"])
        since = since if since and since > sent_at else None
        given_up_at = given_up_at if given_up_at and given_up_at > min(sent_at, now - TOLD_FOR) else None
        if since or given_up_at:
            found.append(Failure(bucket["key"], channels[bucket["key"]], since, given_up_at))
    return found


def _time(value: Mapping[str, Any]) -> datetime | None:
    """Return the time of an aggregation, None where no document has one."""
    return None if value["value"] is None else EPOCH + timedelta(milliseconds=value["value"])
