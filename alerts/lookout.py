"""The lookout: keeps the alerts of silence, feed and system equal to what is the case, and answers folded into them.

What an alert of these kinds is about has one sign, the next one; nothing of its past can come in late. So an alert is
begun, answered and ended as it stands, and not folded anew from readings, as `alerts.service` does with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from alerts import feed, silence, store, system
from alerts.chain import Link
from alerts.events import answers
from alerts.lifecycle import settle, steps
from alerts.model import AlertKind, Episode, alert_id
from alerts.replay import Change, Stored, one_step
from alerts.rules import Rules
from alerts.signs import ended, last_sign, lost
from alerts.store import Said, said_of
from conf.canary import is_canary
from conf.settings import METRICS_FILE, Settings
from elastic.client import Document, Search
from elastic.scope import Scope
from elastic.search import alert_events

KINDS: Final = frozenset({AlertKind.SILENCE, AlertKind.FEED, AlertKind.SYSTEM})
SYSTEM_EVERY: Final = timedelta(seconds=10)
AT_ONCE: Final = 1_000  # silent patients of one turn

Told = tuple[Said, Change]


class Lookout:
    """The working of it on one Elasticsearch, within the turns of the alert service."""

    def __init__(
        self,
        search: Search,
        rules: Rules,
        settings: Settings,
        links: Callable[[], Sequence[Link] | None] = tuple,
    ) -> None:
        """Take the links of the chain as they are whenever that is asked; None: they have not been looked at yet."""
        self._search = search
        self._of_patients = search.scoped(Scope())  # a canary's readings are no sign of the ward, nor of a patient
        self._rules = rules
        self._links = links
        self._recipients = list(rules.notifications.named.values()) if rules.notifications else []
        self._metrics_file = settings.metrics_file or settings.local_dir / METRICS_FILE
        self._least_readings = settings.min_readings
        self._watch = silence.Watch(settings.expected_interval, rules.silence)
        self._feed = feed.Feed(rules.feed, self._watch.usual)
        self._loading: Iterator[int] = iter(())
        self._silent: list[silence.Silence] = []  # who is still to be alerted
        self._said: list[Document] = []  # by people, and still to be folded in
        self._open: dict[AlertKind, set[str]] = {}  # parts with an open alert
        self._looked_at: datetime | None = None  # at the system
        self._done_at: datetime | None = None  # until when everybody who was silent has an alert

    def start(self, kept: Mapping[str, Any] | None, now: datetime) -> None:
        """Go on from what the service before has kept, or begin with what is stored; it is read in the first turns."""
        self._done_at = datetime.fromisoformat(kept["at"]) if kept and kept["at"] else None
        self._feed = feed.Feed(self._rules.feed, self._watch.usual, kept and kept["feed"])
        self._loading = self._load(now)

    def _load(self, now: datetime) -> Iterator[int]:
        """Read what is open, when readings came lately, and everybody's newest reading; yield after each part."""
        if self._done_at is None:
            self._feed.see(feed.remembered(self._of_patients, now), now)
        for alert in store.open_of_kind(self._search, AlertKind.FEED).get(feed.WARD, []):
            self._feed.take_over(alert.episode)
        silent = store.open_of_kind(self._search, AlertKind.SILENCE)
        self._watch.known_silent({id_: last_sign(alerts[-1].episode) for id_, alerts in silent.items()})
        yield len(silent)
        since = silence.load_since(self._watch, self._done_at, now)
        yield from silence.load(self._of_patients, self._watch, since, now)

    @property
    def is_behind(self) -> bool:
        """Tell whether something that was said is still to be folded in."""
        return bool(self._said)

    @property
    def state(self) -> dict[str, Any]:
        """Return what another copy goes on from."""
        return {"at": self._done_at.isoformat() if self._done_at else None, "feed": self._feed.state()}

    def turn(
        self,
        readings: Sequence[Document],
        events: Iterable[Document],
        patient_rules: Iterable[Document],
        now: datetime,
        *,
        is_all_read: bool,
    ) -> bool:
        """Take in what has changed, and look what is missed unless more is to be read; tell whether more is to be done.

        Until everybody's newest reading is loaded, a page in each turn, nothing is missed.
        """
        is_loading = next(self._loading, None) is not None
        self._watch.rules(patient_rules)
        of_patients = [reading for reading in readings if not is_canary(reading["patient_id"])]
        silence.follow(self._of_patients, self._watch, of_patients, now)
        self._feed.see(feed.arrivals(of_patients), now)
        self._answer([event for event in events if event.get("kind") in KINDS and event.get("number")], now)
        if is_loading:
            return True
        if is_all_read:
            self._look_at_feed(now)
            self._look_at_patients(now)
            self._look_at_system(now)
            self._note_done(now)
        return bool(self._silent)

    def _note_done(self, now: datetime) -> None:
        """Note that nobody is still to be alerted: not while limits count from the return of the feed."""
        back = self._feed.returned_at
        is_over = back is None or now - back > self._watch.usual + silence.OVERLAP
        if is_over and not self._feed.is_stopped and not self._silent:
            self._done_at = now

    def _look_at_feed(self, now: datetime) -> None:
        """Look at the feed before patients: while it is stopped, none of them is silent."""
        stopped = self._feed.check(now, nobody_left=self._watch.nobody_left)
        wanted = {feed.WARD: stopped} if stopped else {}
        self._keep(AlertKind.FEED, wanted, lambda episode: self._feed.ending(episode, now), now)
        self._watch.hold(self._feed.is_stopped, self._feed.returned_at)

    def _look_at_patients(self, now: datetime) -> None:
        """End the alerts of who is heard of again before others are begun: a patient has one at most."""
        back = {found.patient_id: found for found in self._watch.back(now)[:AT_ONCE]}
        stored = store.open_of_kind(self._search, AlertKind.SILENCE, back) if back else {}
        ends = [
            (Said(id_), one_step(alert, ended(alert.episode, back[id_].at, back[id_].why)))
            for id_, alerts in stored.items()
            for alert in alerts
        ]
        self._watch.known_back(back.keys() - store.put(self._search, ends, self._rules, now))
        self._silent = self._silent or self._watch.silent(now)
        found = silence.verified(self._search, self._watch, self._silent[:AT_ONCE], now)
        self._silent = self._silent[AT_ONCE:]
        begun = self._begin(AlertKind.SILENCE, {silent.patient_id: silence.episode(silent) for silent in found})
        again = store.put(self._search, begun, self._rules, now)
        self._watch.known_silent({it.patient_id: it.newest_at for it in found if it.patient_id not in again})

    def _look_at_system(self, now: datetime) -> None:
        if self._looked_at and timedelta(0) <= now - self._looked_at < SYSTEM_EVERY:
            return
        if (links := self._links()) is None:
            return
        self._looked_at = now
        signs = system.read(self._search, self._metrics_file, self._least_readings, self._rules.system, now)
        signs += system.of_chain(links)
        if self._recipients:
            signs += system.undelivered(self._search, self._recipients, now)
        self._keep(AlertKind.SYSTEM, system.check(signs, now), lambda episode: ended(episode, now), now)

    def _keep(
        self, kind: AlertKind, wanted: Mapping[str, Episode], ending: Callable[[Episode], Episode], now: datetime
    ) -> None:
        """Make the open alerts of a kind those of the parts that are wanted; one that is open stays as it is."""
        if self._open.get(kind) == set(wanted):
            return
        stored = store.open_of_kind(self._search, kind)
        changes = self._begin(kind, {part: episode for part, episode in wanted.items() if part not in stored})
        changes += [
            (Said(part), one_step(alert, ending(alert.episode)))
            for part, alerts in stored.items()
            if part not in wanted
            for alert in alerts
        ]
        if not store.put(self._search, changes, self._rules, now):
            self._open[kind] = set(wanted)

    def _begin(self, kind: AlertKind, begun: Mapping[str, Episode]) -> list[Told]:
        """Return the changes that begin these alerts, by whom they are about; what is open already needs none.

        One that had ended, because a limit was lengthened for a while, say, begins again under its id.
        """
        known = self._by_id(alert_id(subject, kind, episode.started_at) for subject, episode in begun.items())
        return [
            (Said(subject), Change(before, episode, steps=((None, episode),)))
            for subject, episode in begun.items()
            if not ((before := next(iter(known.get(subject, ())), None)) and before.episode.is_open)
        ]

    def _answer(self, events: Sequence[Document], now: datetime) -> None:
        """Fold what people have said of alerts into them."""
        self._said += events
        changes = [
            answered(subject, alert, alert_events.of_alert(self._search, id_), self._rules, now)
            for id_ in sorted({event["alert_id"] for event in self._said})
            for subject, alerts in self._by_id([id_]).items()
            for alert in alerts
        ]
        again = store.put(self._search, changes, self._rules, now)
        self._said = [event for event in self._said if again & {event.get("patient_id"), event.get("part")}]

    def _by_id(self, alert_ids: Iterable[str]) -> dict[str, list[Stored]]:
        ids = list(alert_ids)
        return store.with_ids(self._search, ids) if ids else {}


def answered(subject: str, alert: Stored, events: Sequence[Document], rules: Rules, now: datetime) -> Told:
    """Return an alert with what people have said of it, as it stands, folded in from its beginning."""
    was = alert.episode
    terms = rules.terms(was.kind)
    end = None if was.is_open else was.changed_at
    given = [answer for answer in answers(events, was.kind) if end is None or answer.at <= end]
    begun = lost(was.kind, was.peak, last_sign(was), was.started_at)
    taken = list(steps(was.kind, [], given, terms, begun))
    after = taken[-1][1] if taken else begun
    settled = ended(after, end, was.why) if end else settle([after], now, terms)[0]
    return said_of(subject, events, was), Change(alert, settled, steps=(*taken, (after, settled)))
