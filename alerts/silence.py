"""Silence: patients of whom no reading has come for too long. A map of everybody's newest reading, and its readers.

A patient is silent from the limit after the newest standing reading with a pressure on, that moment included. Where the
whole feed was stopped, the limit counts from its return: the network was away then, not each of a thousand patients.
While it is stopped nobody becomes silent; the one alert of the feed says it for all.

The limit is that of the ward, or a longer one of the patient. It cannot be switched off; only where the surveillance of
a patient was ended after the newest reading nobody waits for another one. A reading counts as taken at most a minute
after it was stored or seen: a clock that runs ahead does not put off the alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from alerts.findings import stands
from alerts.model import AlertKind, Episode, Withdrawal
from alerts.rules import SilenceRule
from alerts.signs import lost
from conf.times import SECOND_US, from_us, present_until, present_until_us, to_us
from elastic.client import Search
from elastic.search import observations
from fhir.readings import RETRACTED_STATUS

Document = Mapping[str, Any]

FIRST_LOOK: Final = timedelta(hours=72)  # how far back the very first start looks for patients
OVERLAP: Final = timedelta(minutes=1)  # by which a start looks further back than it has to
CHECK_EVERY_US: Final = 5 * SECOND_US  # the whole map
NEVER: Final = -(2**62)  # no time at all; a limit can still be added to it
NEWEST, LIMIT, ENDED, TOLD = range(4)  # rows of the map
RANK: Final = 1
MOST_ASKED: Final = 1_000  # patients of one search


class Silence(NamedTuple):
    """A patient who is silent: the newest reading, and since when that is too long ago."""

    patient_id: str
    newest_at: datetime
    since: datetime


class Back(NamedTuple):
    """A patient whose alert has to end: as of when, and a `Withdrawal` unless a new reading came."""

    patient_id: str
    at: datetime
    why: str


class Watch:
    """Of everybody the newest reading, limit, end of surveillance, and the reading that an open alert was raised after.

    Times and limits are whole microseconds.
    """

    def __init__(self, expected_interval: timedelta, rule: SilenceRule) -> None:
        self.usual = rule.intervals * expected_interval
        self.nobody_left = False  # as of the last look at the whole map: the surveillance of everybody was ended
        self._longest = timedelta(hours=rule.longest_hours)
        self._places: dict[str, int] = {}
        self._ids: list[str] = []
        self._map = self._empty(1)
        self._touched: set[int] = set()  # places of patients with an open alert of whom there is news
        self._checked_us = NEVER
        self._is_held = False
        self._returned_us = NEVER

    @property
    def longer(self) -> list[str]:
        """Return the patients who have a longer limit of their own."""
        return [self._ids[at] for at in np.nonzero(self._map[LIMIT, : len(self._ids)] > _us(self.usual))[0].tolist()]

    def newest(self, patient_id: str) -> datetime | None:
        """Return when the newest reading of a patient was taken, as far as is known here."""
        place = self._places.get(patient_id)
        known = NEVER if place is None else int(self._map[NEWEST, place])
        return None if known == NEVER else from_us(known)

    def see(self, patient_ids: Iterable[str], times: Iterable[datetime]) -> None:
        """Take in readings; they only ever move a patient forward."""
        places = np.fromiter(map(self._place, patient_ids), np.int64)
        seen = np.fromiter(map(to_us, times), np.int64)
        newer = places[seen > self._map[NEWEST, places]]
        np.maximum.at(self._map[NEWEST], places, seen)
        self._touched.update(newer[self._map[TOLD, newer] != NEVER].tolist())

    def correct(self, patient_id: str, newest: datetime | None) -> None:
        """Set what stands after the newest reading was taken back; None: nothing does."""
        self._set(patient_id, NEWEST, NEVER if newest is None else to_us(newest))

    def rules(self, documents: Iterable[Document]) -> None:
        """Take in what was decided about patients; each document is the whole of what holds for its patient now."""
        for document in documents:
            own, ended_at = document.get("silence_minutes"), document.get("surveillance_ended_at")
            limit = self.usual if own is None else max(self.usual, min(timedelta(minutes=own), self._longest))
            self._set(document["patient_id"], LIMIT, _us(limit))
            ended_us = NEVER if ended_at is None else to_us(datetime.fromisoformat(ended_at))
            self._set(document["patient_id"], ENDED, ended_us)

    def hold(self, is_stopped: bool, returned_at: datetime | None) -> None:
        """Take in how the feed is: whether it is stopped, and since when it is back from the last time it was."""
        self._is_held = is_stopped
        self._returned_us = NEVER if returned_at is None else to_us(returned_at)

    def silent(self, now: datetime) -> list[Silence]:
        """Return who is silent and not yet known to be, by a look at the whole map every few seconds; [] between."""
        now_us = to_us(now)
        if 0 <= now_us - self._checked_us < CHECK_EVERY_US:
            return []
        self._checked_us = now_us
        newest, limits, ended, told = self._map[:, : len(self._ids)]
        np.minimum(newest, present_until_us(now_us), out=newest)
        watched = newest > ended
        self.nobody_left = not watched.any() and bool((newest > NEVER).any())
        if self._is_held:
            return []
        since = np.maximum(newest, self._returned_us) + limits
        found = np.nonzero(watched & (since <= now_us) & (told == NEVER))[0].tolist()
        return [Silence(self._ids[at], from_us(int(newest[at])), from_us(int(since[at]))) for at in found]

    def known_silent(self, newest_at: Mapping[str, datetime]) -> None:
        """Note patients who have an open alert, and the newest reading that it was raised after."""
        for patient_id, at in newest_at.items():
            self._set(patient_id, TOLD, to_us(at))
            if self.newest(patient_id) is None:
                self.correct(patient_id, at)

    def back(self, now: datetime) -> list[Back]:
        """Return whose alert has to end; the same ones again until `known_back` says that it has."""
        now_us = to_us(now)
        self._touched = {place for place in self._touched if not self._holds(place, now_us)}
        return [self._ending(place, now) for place in sorted(self._touched)]

    def known_back(self, patient_ids: Iterable[str]) -> None:
        """Note patients whose alert has ended; whoever is silent after yet another reading becomes so anew."""
        for patient_id in patient_ids:
            place = self._place(patient_id)
            self._map[TOLD, place] = NEVER
            self._touched.discard(place)

    def _holds(self, place: int, now_us: int) -> bool:
        """Tell whether an alert says what is the case."""
        newest, limit, ended, told = map(int, self._map[:, place])
        return newest == told and newest > ended and newest + limit <= now_us

    def _ending(self, place: int, now: datetime) -> Back:
        newest, _, ended, told = map(int, self._map[:, place])
        if newest > told:
            return Back(self._ids[place], from_us(newest), "")
        is_ended = NEVER < newest <= ended
        return Back(self._ids[place], now, Withdrawal.ENDED if is_ended else Withdrawal.CHANGED)

    def _set(self, patient_id: str, row: int, value_us: int) -> None:
        """Set what is known of one patient, and look at the alert again if one is open."""
        place = self._place(patient_id)
        if self._map[row, place] != value_us:
            self._map[row, place] = value_us
            if self._map[TOLD, place] != NEVER:
                self._touched.add(place)

    def _place(self, patient_id: str) -> int:
        """Return the place of a patient in the map, which doubles when it is full."""
        place = self._places.get(patient_id)
        if place is None:
            place = self._places[patient_id] = len(self._ids)
            self._ids.append(patient_id)
            if place == self._map.shape[1]:
                self._map = np.concatenate([self._map, self._empty(place)], axis=1)
        return place

    def _empty(self, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        empty = np.full((4, size), NEVER, np.int64)
        empty[LIMIT] = _us(self.usual)
        return empty


def _us(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def episode(found: Silence) -> Episode:
    """Return the alert of a silent patient, begun when the limit was reached: its id is the same each time."""
    return lost(AlertKind.SILENCE, RANK, found.newest_at, found.since)


def load_since(watch: Watch, done_at: datetime | None, now: datetime) -> datetime:
    """Return from when on `load` reads, where everybody who was silent at `done_at` has an alert.

    At the very first start, with None, nobody has, and `FIRST_LOOK` bounds how far back silence is looked for.
    """
    return now - FIRST_LOOK if done_at is None else min(done_at, now) - watch.usual - OVERLAP


def load(search: Search, watch: Watch, since: datetime, now: datetime) -> Iterator[int]:
    """Read everybody's newest standing reading since then; yield how many after each page, for other work between.

    Who has a longer limit is looked for further back.
    """
    for page in observations.newest_times(search, since, now):
        watch.see(page.keys(), page.values())
        yield len(page)
    newest_of = _newest(search, watch.longer, now, since - FIRST_LOOK)
    watch.see(newest_of.keys(), newest_of.values())
    yield len(newest_of)


def follow(search: Search, watch: Watch, documents: Sequence[Document], now: datetime) -> None:
    """Take in observations that were stored or changed; where the newest was retracted, look up what stands."""
    standing = [document for document in documents if stands(document)]
    watch.see((document["patient_id"] for document in standing), map(heard_at, standing))
    in_doubt = {
        document["patient_id"]
        for document in documents
        if document.get("status") == RETRACTED_STATUS
        and (newest := watch.newest(document["patient_id"]))
        and heard_at(document) >= newest
    }
    newest_of = _newest(search, sorted(in_doubt), now)
    for patient_id in in_doubt:
        watch.correct(patient_id, newest_of.get(patient_id))


def verified(search: Search, watch: Watch, found: Sequence[Silence], now: datetime) -> list[Silence]:
    """Return who is silent by what stands in the store, too; set the map right about the others.

    A patient who was erased, whose documents no search tells of any more, is not brought back by an alert.
    """
    if not found:
        return []
    ids = [silence.patient_id for silence in found]
    newest_of = _newest(search, ids, now, min(silence.newest_at for silence in found))
    newest_of |= _newest(search, [patient_id for patient_id in ids if patient_id not in newest_of], now)
    for silence in found:
        watch.correct(silence.patient_id, newest_of.get(silence.patient_id))
    return [silence for silence in found if newest_of.get(silence.patient_id) == silence.newest_at]


def _newest(
    search: Search, patient_ids: Sequence[str], now: datetime, since: datetime | None = None
) -> dict[str, datetime]:
    """Return when these patients' newest standing readings were taken, of those who have any."""
    parts = (patient_ids[start : start + MOST_ASKED] for start in range(0, len(patient_ids), MOST_ASKED))
    return {
        patient_id: heard_at(document)
        for part in parts
        for patient_id, document in observations.newest(search, part, now, since).items()
    }


def heard_at(document: Document) -> datetime:
    """Return when a stored reading was taken, at most as much after it was stored as clocks may differ."""
    taken_at, stored_at = (datetime.fromisoformat(document[name]) for name in ("@timestamp", "ingested_at"))
    return min(taken_at, present_until(stored_at))
