"""A whole simulation: read what is needed besides the records, and replay patient by patient on two processors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from multiprocessing import get_context
from typing import Any, Final

from elasticsearch import Elasticsearch

from alerts.documents import to_episode
from alerts.findings import NEWS_FOR, stands
from alerts.model import AlertKind, Episode
from alerts.rules import Rules
from alerts.simulation.figures import Figures, Watched, figures, judge, watched
from alerts.simulation.record import Aside, instants_us, read
from alerts.simulation.replaying import Alert, Ward, alerts_of
from alerts.standing import IN_TIME, MOST, READING_FIELDS
from conf.settings import Settings
from conf.times import iso, to_us
from elastic.client import Document, Search, connect
from elastic.columns import connect_for_columns
from elastic.names import ALERT_EVENTS, ALERTS, OBSERVATIONS
from elastic.scope import Scope
from elastic.search import observations, patient_rules
from elastic.search.queries import all_of, any_of, between, by_patient, present, term, terms
from fhir.readings import CONFLICTING_VALUES, RETRACTED_STATUS

TIMEOUT_S: Final = 60.0
LEAD: Final = NEWS_FOR  # read before the period, so that what was open at its beginning is known
AT_ONCE: Final = 10  # patients
PROCESSES: Final = 2
FEW: Final = 40  # patients for whom no second process is started

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What comes of one patient: what the record says, and the alerts by the name of the rules."""

    watched: Watched
    alerts: Mapping[str, list[Alert]]


@dataclass(frozen=True)
class Task:
    """What a process needs for each patient: settings, the period, and the ward under each set of rules."""

    settings: Settings
    since: datetime
    wards: Mapping[str, Ward]

    def work(self, patients: Mapping[str, Aside]) -> list[Outcome]:
        """Read and replay some patients."""
        client = connect_for_columns(self.settings)
        return [self._replay(client, patient_id, aside) for patient_id, aside in patients.items()]

    def _replay(self, client: Elasticsearch, patient_id: str, aside: Aside) -> Outcome:
        """Read one patient once, and replay under each set of rules."""
        until = next(iter(self.wards.values())).until
        record = read(client, patient_id, self.since - LEAD, until, aside)
        alerts = {name: judge(record, alerts_of(record, ward)) for name, ward in self.wards.items()}
        return Outcome(watched(record, to_us(self.since), to_us(until)), alerts)


@dataclass(frozen=True)
class Simulation:
    """What a period would have been under each set of rules, by their names."""

    since: datetime
    until: datetime
    names: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    def alerts(self, name: str) -> list[Alert]:
        """Return everybody's alerts under some rules, those that were open when the period began among them."""
        return list(chain.from_iterable(outcome.alerts[name] for outcome in self.outcomes))

    def figures(self) -> Figures:
        """Return the figures of each set of rules, and what does not depend on them, as JSON has it."""
        of = [outcome for outcome in self.outcomes if outcome.watched.days]
        ends = to_us(self.since), to_us(self.until)
        return {
            "from": iso(self.since),
            "to": iso(self.until),
            "patients": len(of),
            "patient_days": round(sum(outcome.watched.days for outcome in of), 2),
            "crises": sum(len(outcome.watched.crises_us) for outcome in of),
            "rules": {name: figures([(each.watched, each.alerts[name]) for each in of], *ends) for name in self.names},
        }


def simulate(
    settings: Settings,
    since: datetime,
    until: datetime,
    rules: Mapping[str, Rules],
    patients: int | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Simulation:
    """Replay a period under each of several rules; of at most so many patients, always the same ones of a ward.

    `progress` is told how many patients are done. Raises `SearchUnavailable`.
    """
    search = Search(connect(settings), TIMEOUT_S, Scope())  # of all patients, and of no canary
    ids = sorted(chain.from_iterable(observations.newest_times(search, since, until)))
    if patients is not None and patients < len(ids):
        ids = sorted(random.Random(0).sample(ids, patients))  # noqa: S311 - a sample that is the same each time
    stops = _stops(search, since - LEAD, until)
    wards = {name: Ward(each, settings.expected_interval, stops, until) for name, each in rules.items()}
    asides = _asides(search, ids, since - LEAD, until)
    parts = [{id_: asides[id_] for id_ in ids[start : start + AT_ONCE]} for start in range(0, len(ids), AT_ONCE)]
    outcomes: list[Outcome] = []
    for found in _share_out(Task(settings, since, wards), parts, len(ids)):
        outcomes += found
        progress(len(outcomes), len(ids))
    return Simulation(since, until, tuple(rules), tuple(outcomes))


def _share_out(task: Task, parts: list[dict[str, Aside]], patients: int) -> Iterator[list[Outcome]]:
    """Yield what comes of each part, in their order, from processes of their own where it is worth it."""
    if patients <= FEW:
        yield from map(task.work, parts)
        return
    with get_context("spawn").Pool(PROCESSES) as pool:
        yield from pool.imap(task.work, parts)


def _asides(search: Search, ids: Iterable[str], since: datetime, until: datetime) -> dict[str, Aside]:
    """Return what is known of each patient besides the columns."""
    documents: Callable[..., list[Document]] = partial(_documents, search, since=since, until=until)
    special = any_of(terms("flags", [CONFLICTING_VALUES]), term("status", RETRACTED_STATUS))
    readings = by_patient(documents(OBSERVATIONS, special, _source=[*READING_FIELDS, "withdrawn_at"]))
    said = all_of({"exists": {"field": "number"}}, {"exists": {"field": "patient_id"}})
    events = by_patient(documents(ALERT_EVENTS, said))
    own = {document["patient_id"]: document for document in patient_rules.all_patients(search)}
    found = {}
    for id_ in ids:
        whole = [it for it in readings[id_] if stands(it)]
        retracted = [it for it in readings[id_] if it.get("status") == RETRACTED_STATUS]
        by_instant = dict(zip(instants_us(whole, "@timestamp").tolist(), whole, strict=True))
        found[id_] = Aside(by_instant, retracted, events[id_], own.get(id_))
    return found


def _documents(
    search: Search, index: str, query: Document, *, since: datetime, until: datetime, **more: Any
) -> list[Document]:
    """Return the documents of all patients that match, from one moment to another, by time."""
    whole = all_of(query, between("@timestamp", since), present(until))
    return search.pages(index, {"query": whole, "sort": IN_TIME, "track_total_hits": False, **more}, MOST)


def _stops(search: Search, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Return from when to when the whole feed was stopped, as the alert service has told it, oldest first."""
    over = all_of(between("started_at", since, until), term("kind", AlertKind.FEED))
    body = {"query": over, "sort": [{"started_at": "asc"}], "track_total_hits": False}
    told: list[Episode] = [to_episode(document) for document in search.pages(ALERTS, body, MOST)]
    return [(each.started_at, until if each.is_open else each.changed_at) for each in told]
