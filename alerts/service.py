"""The alert service: follows what is stored, and keeps the alerts equal to what a replay of it all would say.

Each turn reads what has changed, finds the patients whose alerts that can touch, folds what stands of them from the
last point that is known, and writes the difference. A turn may be repeated: what was not written is found again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from alerts import attention, store
from alerts.events import answers
from alerts.findings import (
    FOLDED,
    NEWS_FOR,
    Limits,
    find,
    is_news,
    of_prediction,
    ranks_of_reading,
    read_limits,
    stands,
)
from alerts.lifecycle import settle
from alerts.lookout import Lookout
from alerts.model import AlertKind
from alerts.replay import Change, Start, Stored, compare, one_step, replay, start_of
from alerts.rules import Rules
from alerts.standing import (
    PREDICTION_FIELDS,
    READING_FIELDS,
    Standing,
    newest_raised,
    read_standing,
    recent_crises,
)
from alerts.store import Said, said_of
from conf.times import present_until
from elastic.client import Document, Search
from elastic.names import ALERT_EVENTS, OBSERVATIONS, PATIENT_RULES, PREDICTIONS, REJECTED, all_months
from elastic.search import alert_events, observations, rejected
from elastic.search.changes import Changes, read
from elastic.search.queries import by_patient

REFUSAL_FIELDS: Final = ("@timestamp", "patient_id", "attention")
EVENT_FIELDS: Final = ("@timestamp", "alert_id", "patient_id", "part", "event", "kind", "started_at", "number")
AT_ONCE: Final = 5_000  # patients whose alerts are looked at together

FIRST: Final = "first"  # in a position: what the first start begins with is not done with

Position = dict[str, dict[str, tuple[str, int]]]


@dataclass
class Touched:
    """What changes have touched: from when on, by patient, and who must be looked at although no alert is there."""

    earliest: dict[str, datetime] = field(default_factory=dict)
    raising: set[str] = field(default_factory=set)
    attention: set[str] = field(default_factory=set)

    def note(self, patient_id: str, at: datetime, *, raises: bool) -> None:
        """Note that something of a patient has changed at an instant."""
        self.earliest[patient_id] = min(at, self.earliest.get(patient_id, at))
        if raises:
            self.raising.add(patient_id)


class Service:
    """The working of the service on one Elasticsearch; not safe to share among threads."""

    def __init__(self, search: Search, rules: Rules, lookout: Lookout) -> None:
        self._search = search
        self._rules = rules
        self._lookout = lookout
        self._limits: dict[str, Limits] = {}
        self._ahead: list[tuple[datetime, str]] = []  # readings of the future, by when their time comes
        self._again = Touched()
        self._done: Position = {}
        self._followed = (
            Changes(all_months(OBSERVATIONS), READING_FIELDS),
            Changes(all_months(PREDICTIONS), PREDICTION_FIELDS),
            Changes(REJECTED, REFUSAL_FIELDS),
            Changes(ALERT_EVENTS, EVENT_FIELDS),
            Changes(PATIENT_RULES, ("*",)),
        )

    def start(self, position: Position | None, now: datetime, state: Mapping[str, Any] | None = None) -> None:
        """Go on from a position and state; the first time, begin with the crises of three days and new predictions.

        It is the first time until all of these are done with, whoever dies on the way.
        """
        self._lookout.start(state, now)
        for family in self._followed[:-1]:  # patients' own rules are few: all are read
            if not position:
                family.skip(self._search)
            else:
                family.start_at(position.get(family.pattern, {}))
                family.recognise(self._search)
        ahead = observations.crises_ahead(self._search, now)
        self._ahead = sorted((datetime.fromisoformat(it["@timestamp"]), it["patient_id"]) for it in ahead)
        if not position or FIRST in position:
            self._done = {FIRST: {}} | {family.pattern: family.position for family in self._followed}
            self._note_readings(self._again, recent_crises(self._search, self._rules, now), now)
            refusals = rejected.attention(self._search, now - NEWS_FOR)
            self._note_others(self._again, newest_raised(self._search, self._rules), refusals, ())

    @property
    def is_behind(self) -> bool:
        """Tell whether something has to be looked at again."""
        return bool(self._again.earliest or self._again.attention) or self._lookout.is_behind

    @property
    def position(self) -> Position:
        """Return how far everything is done with; what has to be looked at again is not."""
        if not self.is_behind:
            self._done = {family.pattern: family.position for family in self._followed}
        return self._done

    @property
    def kept(self) -> dict[str, Any]:
        """Return what another copy goes on from."""
        return {"position": self.position, "state": self._lookout.state}

    def turn(self, now: datetime) -> bool:
        """Do one turn; tell whether there is more to be read at once. Raises `SearchUnavailable`."""
        (readings, predictions, refusals, events, limits), is_full = read(self._search, self._followed, now)
        touched, self._again = self._again, Touched()
        try:
            self._limits |= {document["patient_id"]: read_limits(document) for document in limits}
            self._note_readings(touched, readings, now)
            self._note_others(touched, predictions, refusals, events)
            changes = [*self._replay(touched, now), *self._attention(touched, now)]
            again = store.put(self._search, changes, self._rules, now)
            store.put(self._search, self._settle(now), self._rules, now)
            is_more = self._lookout.turn(readings, events, limits, now, is_all_read=not is_full)
        except BaseException:
            self._again = touched
            raise
        for patient_id in again:
            self._again.note(patient_id, touched.earliest.get(patient_id, now), raises=True)
            self._again.attention.add(patient_id)
        return is_full or is_more

    def _note_readings(self, touched: Touched, readings: Iterable[Document], now: datetime) -> None:
        """Note what new, changed and retracted readings touch, and those of the future whose time has come."""
        present = present_until(now)
        for reading in readings:
            patient_id, at = reading["patient_id"], datetime.fromisoformat(reading["@timestamp"])
            if at > present:
                heapq.heappush(self._ahead, (at, patient_id))
                touched.attention.add(patient_id)
                continue
            limits = self._limits.get(patient_id)
            ranks = ranks_of_reading(reading, self._rules, limits) if stands(reading) else {}
            raises = any(ranks.values()) and is_news(at, datetime.fromisoformat(reading["ingested_at"]))
            touched.note(patient_id, at, raises=raises)
        while self._ahead and self._ahead[0][0] <= present:
            at, patient_id = heapq.heappop(self._ahead)
            touched.note(patient_id, at, raises=True)
            touched.attention.add(patient_id)

    def _note_others(
        self,
        touched: Touched,
        predictions: Iterable[Document],
        refusals: Iterable[Document],
        events: Iterable[Document],
    ) -> None:
        """Note what predictions, refused messages and people's answers touch; an answer touches its whole alert."""
        for prediction in predictions:
            finding = of_prediction(prediction, self._rules)
            touched.note(prediction["patient_id"], finding.at, raises=finding.rank > 0)
        touched.attention |= {
            refusal["patient_id"] for refusal in refusals if refusal.get("attention") and refusal.get("patient_id")
        }
        for event in events:
            if event.get("number") and event.get("kind") and event.get("patient_id"):
                touched.note(event["patient_id"], datetime.fromisoformat(event["started_at"]), raises=True)
                touched.attention.add(event["patient_id"])

    def _replay(self, touched: Touched, now: datetime) -> Iterator[tuple[Said, Change]]:
        """Yield what the touched patients' readings, predictions and answers change in their alerts."""
        for ids in store.chunks(touched.earliest, AT_ONCE):
            stored = store.touched_by(self._search, {id_: touched.earliest[id_] for id_ in ids})
            starts = {
                id_: {kind: start_of(kind, stored.get(id_, ()), touched.earliest[id_]) for kind in FOLDED}
                for id_ in ids
                if id_ in touched.raising or id_ in stored
            }
            confirming = timedelta(minutes=self._rules.measured.confirm_within_minutes)
            since = {id_: min(start.since for start in of.values()) - confirming for id_, of in starts.items()}
            for id_, facts in read_standing(self._search, since, now):
                yield from self._replay_patient(id_, facts, starts[id_], now)

    def _replay_patient(
        self, patient_id: str, facts: Standing, starts: dict[AlertKind, Start], now: datetime
    ) -> Iterator[tuple[Said, Change]]:
        findings = find(facts.readings, facts.predictions, self._rules, self._limits.get(patient_id))
        for kind, start in starts.items():
            given = answers(facts.events, kind)
            changes = replay(kind, start, findings[kind], given, self._rules, now)
            yield from with_said(patient_id, facts.events, start.touched, changes)

    def _attention(self, touched: Touched, now: datetime) -> Iterator[tuple[Said, Change]]:
        """Yield what refused messages, readings of the future and answers change in alerts that ask for attention."""
        recent = now - NEWS_FOR
        for ids in store.chunks(touched.attention, AT_ONCE):
            stored = store.touched_by(self._search, dict.fromkeys(ids, recent))
            known = {
                id_: [alert for alert in stored.get(id_, ()) if alert.episode.kind is AlertKind.ATTENTION]
                for id_ in ids
            }
            since = min([recent, *(alert.episode.started_at for alerts in known.values() for alert in alerts)])
            ahead = observations.crises_ahead(self._search, now, ids)
            refused = [*rejected.attention(self._search, since, ids), *map(attention.of_future, ahead)]
            refused_of = by_patient(refused)
            said_by_people = (it for it in alert_events.of_patients(self._search, ids, since) if it.get("number"))
            events_of = by_patient(said_by_people)
            terms = self._rules.terms(AlertKind.ATTENTION)
            for id_ in ids:
                events = events_of[id_]
                episodes = attention.fold(refused_of[id_], events)
                after = settle(episodes, now, terms)
                begun = [(None, episode) for episode in episodes]
                taken = [*begun, *zip(episodes, after, strict=True)]
                yield from with_said(id_, events, known[id_], compare(known[id_], after, now, taken))

    def _settle(self, now: datetime) -> list[tuple[Said, Change]]:
        """Return what time alone has changed."""
        return [
            (Said(subject), one_step(alert, after))
            for subject, alerts in store.due(self._search, now).items()
            for alert in alerts
            for after in settle([alert.episode], now, self._rules.terms(alert.episode.kind))
            if after != alert.episode
        ]


def with_said(
    patient_id: str, events: Sequence[Document], touched: Iterable[Stored], changes: Sequence[Change]
) -> Iterator[tuple[Said, Change]]:
    """Yield changes with what people said, and of the other alerts touched those of which they said something new."""
    for change in changes:
        yield said_of(patient_id, events, change.after), change
    changed = {change.after.started_at for change in changes}
    for alert in (alert for alert in touched if alert.episode.started_at not in changed):
        said = said_of(patient_id, events, alert.episode)
        if said.number > alert.number or said.owner not in (None, alert.owner):
            yield said, Change(alert, alert.episode)
