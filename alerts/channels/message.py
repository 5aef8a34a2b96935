"""What a channel sends and what it promises: the contract between whoever decides that somebody is told, and the ways.

A message may be sent twice, for a sender that dies does not know what has arrived. It then has the same key, and each
channel hands the key on, so that the other side can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, Protocol

AT_ONCE: Final = 8  # messages that a channel is given at most at the same time, each in a thread of its own

ChannelName = Literal["mail", "webhook", "kafka"]
Language = Literal["fr", "en"]


class Disclosure(StrEnum):
    """What of a patient may leave the house with a message; nothing unless the rules say so."""

    ID = "id"
    VALUES = "values"  # pressures and risk
    NAME = "name"
    WARD = "ward"  # and bed


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody, or something, that is told of alerts: where, in which language, and how much."""

    name: str
    channel: ChannelName
    address: str  # of mail, of a webhook, or a Kafka topic
    language: Language
    discloses: frozenset[Disclosure] = frozenset()
    form: Literal["json", "fhir"] = "json"  # of a webhook's body


@dataclass(frozen=True, slots=True)
class Telling:
    """One alert that somebody is told of."""

    alert: Mapping[str, Any]  # its document, as in the index of alerts
    step: int  # of the escalation, 0 for the first
    repeat: int  # 0, or the number of the reminder
    key: str  # the same whenever the same person is told of the same raise, step and reminder


@dataclass(frozen=True, slots=True)
class Message:
    """What one recipient is told at one moment, of one alert or of a burst of them."""

    key: str
    at: datetime
    recipient: Recipient
    tellings: tuple[Telling, ...]
    links: Mapping[str, str]  # by alert id, the address that acknowledges it; nothing where it cannot be


class Undelivered(Exception):  # noqa: N818 - what happened, and no fault of ours
    """The other side has not taken a message; `reason` is for people, `may_pass` tells whether to try again."""

    def __init__(self, reason: str, may_pass: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_pass = may_pass


class Channel(Protocol):
    """A way to a recipient."""

    def send(self, message: Message) -> None:
        """Return when the other side has taken the message; raise `Undelivered`."""
