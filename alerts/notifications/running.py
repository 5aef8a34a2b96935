"""The sender beside the alert service: which ways it has by the settings, and the thread that it works in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol

from alerts.channels.kafka import Kafka
from alerts.channels.mail import Mail
from alerts.channels.message import Channel, ChannelName
from alerts.channels.webhook import Webhook, fault_of
from alerts.notifications.gaps import gaps
from alerts.notifications.links import Links
from alerts.notifications.policy import Policy
from alerts.notifications.sending import LANDING_S, WAIT_S, Sender
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import Search

WAYS: Final[Mapping[ChannelName, Callable[[Settings], Channel]]] = {"mail": Mail, "webhook": Webhook, "kafka": Kafka}

log = logging.getLogger("alerts.notifications")


def prepare(
    search: Search, policy: Policy | None, settings: Settings, may_work: Callable[[], bool]
) -> Callable[[], AbstractContextManager[None]]:
    """Return in what messages are sent while `may_work` says so: a block of nothing else where nobody is to be told.

    Says when nobody is told of critical alerts; raises `UserError` for a recipient who cannot be by these settings.
    """
    if policy is None or not policy.recipients:
        return nullcontext
    channels = open_channels(policy, settings)
    for gap in gaps(policy):
        log.warning("%s Add a route to the notifications in %s if that is not meant.", gap, settings.alert_rules)
    links = Links(settings, policy.site_url)
    return lambda: at_work(lambda: Sender(search, policy, channels, may_work, links))


def open_channels(policy: Policy, settings: Settings) -> dict[ChannelName, Channel]:
    """Return the ways to the recipients; raise `UserError` for one that the settings do not allow."""
    channels = {name: WAYS[name](settings) for name in sorted({it.channel for it in policy.named.values()})}
    for name, recipient in policy.named.items():
        channel = channels[recipient.channel]
        if isinstance(channel, Webhook) and (fault := fault_of(recipient.address, channel.hosts)):
            raise UserError(f"{name} in the notifications of the rules cannot be told. {fault}")
    return channels


class Worker(Protocol):
    """What works until it is told to stop."""

    def run(self, stop: threading.Event) -> None:
        """Work."""


@contextmanager
def at_work(make: Callable[[], Worker], name: str = "notifications") -> Iterator[None]:
    """Work beside what is done in the block, in a thread; a worker that fails unforeseen is made anew."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                make().run(stop)
            except Exception:
                log.exception("the thread of %s failed, and begins anew", name)
            stop.wait(WAIT_S)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2 * LANDING_S)
