"""What tests of notifications need: ways that note what they take, the service, a plain reckoning of what is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import yaml

from alerts import __main__ as command
from alerts.channels.message import Channel, ChannelName, Message, Undelivered
from alerts.notifications.policy import Policy
from alerts.notifications.sending import Sender
from alerts.rules import RULES_FILE
from conf.settings import Settings
from elastic.client import Search
from tests.support.http_server import Answering, serving
from tests.support.smtp_server import MailServer
from tests.support.tellings import SECRET

Document = dict[str, Any]
Told = tuple[str, datetime, int, int, str]  # alert, raise, step, reminder, recipient


class Taken(NamedTuple):
    """A webhook that came: when, under which key, and what it said."""

    at: datetime
    key: str
    body: Document


@dataclass
class Hook:
    """A receiver of webhooks: what it has taken, and what it answers."""

    url: str = ""
    status: int = 200
    taken: list[Taken] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[str, int, int]]:
        """Return alert (by its alias), step and reminder of all that was taken, in the order in which it came."""
        return [(alert["alert"], alert["step"], alert["repeat"]) for it in self.taken for alert in it.body["alerts"]]


@contextmanager
def hook() -> Iterator[Hook]:
    """Serve a receiver on a free port."""
    made = Hook()

    class Handler(Answering):
        def do_POST(self) -> None:  # noqa: N802 - the name that the server calls
            body = json.loads(self.read())
            if made.status == 200:
                made.taken.append(Taken(datetime.now(UTC), self.headers["Idempotency-Key"], body))
            self.send(made.status)

    with serving(Handler) as made.url:
        yield made


def ways(mails: MailServer) -> dict[str, Any]:
    """Return the settings by which mails go to a server of the tests, and webhooks to this machine."""
    return {
        "secret_key": SECRET,
        "smtp_host": "127.0.0.1",
        "smtp_port": mails.port,
        "smtp_security": "none",
        "smtp_from": "alerts@hospital.example",
        "webhook_hosts": "127.0.0.1",
        "webhook_secret": SECRET,
    }


def write_rules(file: Path, notifications: Mapping[str, Any], **sections: Mapping[str, Any]) -> None:
    """Write the usual rules of alerts with this section, and with others in place of theirs."""
    rules = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    section = {"time_zone": "Europe/Paris", **notifications}
    file.write_text(yaml.safe_dump(rules | sections | {"notifications": section}), encoding="utf-8")


def mailed(mails: MailServer) -> list[str]:
    """Return the alerts of all mails, by their aliases, in the order in which they came."""
    return [
        reference.strip("<>").split("@")[0].removeprefix("alert.")
        for mail in list(mails.mails)
        for reference in str(mail["References"]).split()
    ]


@contextmanager
def alert_service(settings: Settings) -> Iterator[None]:
    """Run the alert service, and its sender, in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=command.run, args=(settings,), kwargs={"stopping": stop}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


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
