"""Links in messages that acknowledge an alert: what they hold, how long they are good for, and what becomes of them.

A link is sealed with a key that is derived from ``BP_SECRET_KEY`` (Fernet): nobody can make one, or read out of one
whose alert it is. It is for one recipient and one raise of an alert. An answer, by the link or by anybody on a screen,
makes all links to that raise void, so each works once without anything being stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from alerts.answering import Acknowledgement, Known, Person
from alerts.channels.message import Disclosure, Recipient
from alerts.model import USUAL_PAUSE_MIN, AnswerReason
from alerts.notifications.plan import raise_of
from alerts.secret_keys import derive, secret_keys
from conf.settings import Settings

LIFETIME: Final = timedelta(hours=24)
PATH: Final = "/answer/"
PURPOSE: Final = b"links that acknowledge alerts"
ROLE: Final = "link"  # of who answers by one, in the journal
ANSWER: Final = Acknowledgement(AnswerReason.SEEN, "", timedelta(minutes=USUAL_PAUSE_MIN))


class LinkError(ValueError):
    """A link is not one of ours, or too old."""

    def __init__(self, is_expired: bool) -> None:
        super().__init__("a link is too old" if is_expired else "a link is not one of ours")
        self.is_expired = is_expired


class LinkState(StrEnum):
    """What a link may still do."""

    OPEN = "open"  # acknowledge
    ANSWERED = "answered"  # somebody has acknowledged already
    OVER = "over"  # the alert is over, or never was
    RAISED_ANEW = "raised_anew"  # its recipient has not seen what the alert is about by now


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link acknowledges, for whom, and how much its page may show."""

    alert_id: str
    raised_at: datetime  # of the raise, see `alerts.notifications.plan.raise_of`
    recipient: str
    language: str
    discloses: tuple[Disclosure, ...]

    @property
    def person(self) -> Person:
        """Return who answers, as the journal names it."""
        return Person(f"{self.recipient} (link)", ROLE)

    def state(self, known: Known | None, now: datetime) -> LinkState:
        """Tell what the link may still do with its alert as it is at this moment."""
        if known is None or not known.alert["is_open"]:
            return LinkState.OVER
        if known.answer(now):
            return LinkState.ANSWERED
        waits = raise_of(known.alert)
        return LinkState.OPEN if waits and waits.at == self.raised_at else LinkState.RAISED_ANEW


class Links:
    """Makes links and reads them."""

    def __init__(self, settings: Settings, site_url: str | None = None) -> None:
        """Take the secret keys, the first one to make links with; raise `SettingsError` where there is none.

        `site_url` is where the site is for recipients; without it there is nothing to link to.
        """
        self._site_url = site_url
        self._seal = MultiFernet([Fernet(derive(key, PURPOSE)) for key in secret_keys(settings)])

    def addresses(self, recipient: Recipient, alerts: Iterable[Mapping[str, Any]], now: datetime) -> dict[str, str]:
        """Return by alert id the address by which a recipient may acknowledge each alert that waits for an answer."""
        if self._site_url is None:
            return {}
        base = self._site_url.rstrip("/") + PATH
        waiting = {alert["alert_id"]: waits for alert in alerts if (waits := raise_of(alert))}
        allowed = tuple(sorted(recipient.discloses))
        return {
            id_: base + self.seal(Link(id_, waits.at, recipient.name, recipient.language, allowed), now)
            for id_, waits in waiting.items()
        }

    def seal(self, link: Link, now: datetime) -> str:
        """Return a link as the last part of an address."""
        return self._seal.encrypt_at_time(msgspec.json.encode(link), int(now.timestamp())).decode()

    def read(self, token: str, now: datetime) -> Link:
        """Return what a link holds; raise `LinkError`."""
        sealed = token.encode()  # of a text that is not ASCII Fernet would say something else
        try:
            made_s = self._seal.extract_timestamp(sealed)
        except InvalidToken as error:
            raise LinkError(is_expired=False) from error
        if now.timestamp() - made_s > LIFETIME.total_seconds():
            raise LinkError(is_expired=True)
        return msgspec.json.decode(self._seal.decrypt(sealed), type=Link)
