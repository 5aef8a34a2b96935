"""Proof of life: looks at the chain again and again, answers the canary's alerts, and sends the heartbeat.

Works in a thread of its own beside the alert service, whose turns and messages wait for nothing here. It works where
the lease is held, and goes on where that was lost because Elasticsearch is away: then nobody else could tell.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts import canary, chain_record, probes
from alerts.chain import Link, LinkState, Part, judge, looked_for_from
from alerts.channels.webhook import Webhook, fault_of
from alerts.heartbeat import Heartbeat
from alerts.rules import Rules
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import Search

EVERY_S: Final = 2.0
SEARCH_TIMEOUT_S: Final = 3.0

log = logging.getLogger("alerts.proof_of_life")


class ProofOfLife:
    """The working of it; all but `links` belongs to one thread."""

    def __init__(self, search: Search, rules: Rules, settings: Settings, may_work: Callable[[], bool]) -> None:
        """Raise `UserError` for a heartbeat that the settings do not let out."""
        policy = rules.notifications
        self.links: tuple[Link, ...] | None = None  # None: they have not been looked at yet
        self._search = search.within(SEARCH_TIMEOUT_S)
        self._may_work = may_work
        self._interval = timedelta(seconds=settings.canary_seconds)
        self._grace = timedelta(seconds=rules.system.link_seconds)
        self._told = policy.told_of_canary if policy else ()
        self._topic = probes.Topic(settings)
        self._site = probes.Site(settings, policy)
        self._heartbeat = None
        if policy and policy.heartbeat:
            webhook = Webhook(settings)
            if fault := fault_of(policy.heartbeat.webhook, webhook.hosts):
                raise UserError(f"The heartbeat in the notifications of the rules cannot be sent. {fault}")
            self._heartbeat = Heartbeat(policy.heartbeat, webhook)
        self._is_active = False
        self._signs: probes.Signs = {}
        self._round_trip_s: float | None = None  # of the last round
        self._excused: dict[Part, datetime] = {}

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        try:
            while not stop.is_set():
                self.turn(datetime.now(UTC))
                stop.wait(EVERY_S)
        finally:
            self._topic.close()

    def turn(self, now: datetime) -> None:
        """Look once, where this copy is the one that works."""
        is_held = self._may_work()
        try:
            if is_held and not self._is_active:
                self._begin(chain_record.load(self._search), now)
            stored, round_trip_s = probes.stored(self._search, self._told, now)
        except UserError:
            stored, round_trip_s = {}, None
        if not is_held and stored:
            self._is_active = False
        if not self._is_active:
            return
        self._signs = probes.merged(self._signs, stored)
        from_ = looked_for_from(self._signs.get(Part.PRODUCER), self._interval, self._grace, now)
        self._signs = probes.merged(self._signs, self._topic.signs(now, from_), self._site.signs(now))
        links = judge(self._signs, self._excused, self._interval, self._grace, now)
        self._excused = {link.part: link.since for link in links}
        self.links = links
        self._round_trip_s = self._round_trip_s if round_trip_s is None else round_trip_s
        if stored and is_held:
            self._keep(links, now)
        if self._heartbeat:
            self._heartbeat.beat(links, now)

    def _begin(self, links: Iterable[Link], now: datetime) -> None:
        """Go on from what was kept last: what was dead is so until it gives a sign, the others have time for theirs."""
        kept = {link.part: link for link in links}
        dead = {part for part, link in kept.items() if link.state is LinkState.DEAD}
        self._signs = {part: link.at for part, link in kept.items() if link.at}
        self._excused = {part: kept[part].since if part in dead else now for part in Part}
        self._is_active = True

    def _keep(self, links: tuple[Link, ...], now: datetime) -> None:
        try:
            chain_record.store(self._search, links, self._round_trip_s, now)
            if self._interval:
                canary.answer(self._search, self._told, self._interval, now)
        except UserError as error:
            log.warning("%s Trying again in %g s.", error, EVERY_S)
