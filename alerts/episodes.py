"""Alerts of patients out of the store: what was found, what was answered, and the episodes that come of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from alerts import lifecycle
from alerts.model import CRITICAL_RANK, Answer, Episode, Finding, Kind
from assessment.freshness import stale_after
from assessment.urgency import is_crisis, level_rank
from elastic.client import Search
from elastic.search import alert_events, latest, observations, predictions

Document = Mapping[str, Any]

HISTORY: Final = timedelta(hours=72)  # a latched alert expires after it
ACKNOWLEDGED: Final = "acknowledged"
FEEDBACK: Final = "feedback"
NOTHING: Final = Finding(datetime.min.replace(tzinfo=UTC), 0)


def history_since(now: datetime) -> datetime:
    """From when on findings are read; it moves once a day only, so that an alert keeps its start and its id."""
    return (now - HISTORY).replace(hour=0, minute=0, second=0, microsecond=0)


def lacks(history: Sequence[Document], newest: Document | None, since: datetime) -> bool:
    """Tell whether a history of predictions read from `since` on lacks the newest one, or its newest scoring.

    `newest` comes from another index than the history, and the two refresh apart.
    """
    if newest is None or datetime.fromisoformat(newest["@timestamp"]) < since:
        return False
    scored_at = datetime.fromisoformat(newest["scored_at"])
    return not any(
        known["@timestamp"] == newest["@timestamp"] and datetime.fromisoformat(known["scored_at"]) >= scored_at
        for known in reversed(history)
    )


def with_newest(history: Sequence[Document], newest: Document | None, since: datetime) -> Sequence[Document]:
    """Return the history, oldest first, with the newest prediction in it where it is still missing."""
    if newest is None or not lacks(history, newest, since):
        return history
    others = (known for known in history if known["@timestamp"] != newest["@timestamp"])
    return sorted([*others, newest], key=lambda known: datetime.fromisoformat(known["@timestamp"]))


class Findings(NamedTuple):
    """What was found about one patient, oldest first."""

    predicted: list[Finding]
    measured: list[Finding]
    worst: list[Finding]  # the higher rank of both


def find(history: Sequence[Document], newest_reading: Document | None = None) -> Findings:
    """Findings of predictions (oldest first), and of a reading after them that is not scored yet."""
    predicted = [_predicted(one) for one in history]
    measured = _measured(history, newest_reading)
    both = zip_longest(predicted, measured, fillvalue=NOTHING)
    return Findings(
        predicted, measured, [replace(other, at=one.at, rank=max(one.rank, other.rank)) for other, one in both]
    )


def _predicted(prediction: Document) -> Finding:
    window, largest_gap = (
        timedelta(hours=prediction.get(name, 0.0)) for name in ("window_hours", "window_largest_gap_hours")
    )
    return Finding(known_at(prediction), level_rank(prediction["alert_level"]), window, largest_gap)


def fold_findings(
    findings: Findings, events: Sequence[Document], now: datetime, expected_interval: timedelta
) -> list[Episode]:
    """All episodes of one patient, by kind."""
    return [
        episode
        for kind, found in _by_kind(findings, now, expected_interval).items()
        for episode in lifecycle.fold(kind, found, answers_of(events, kind), now)
    ]


def _by_kind(findings: Findings, now: datetime, expected_interval: timedelta) -> dict[Kind, list[Finding]]:
    return {
        Kind.PREDICTED: findings.predicted,
        Kind.MEASURED: findings.measured,
        Kind.TECHNICAL: lifecycle.silences(findings.worst, stale_after(expected_interval), now),
    }


def answers_of(events: Iterable[Document], kind: Kind) -> list[Answer]:
    """The acknowledgements of a kind among a patient's events."""
    return [_answer(event) for event in events if is_answer(event, kind)]


def known_at(document: Document) -> datetime:
    """When a reading was taken; a time in the future is replaced by when it was scored or stored."""
    noted = document.get("scored_at") or document.get("ingested_at") or document["@timestamp"]
    return min(datetime.fromisoformat(document["@timestamp"]), datetime.fromisoformat(noted))


def _measured(history: Sequence[Document], newest_reading: Document | None) -> list[Finding]:
    """One finding for each prediction's newest reading, and one for a reading after all of them."""
    unscored = newest_reading and (not history or newest_reading["@timestamp"] > history[-1]["@timestamp"])
    readings = [*history, newest_reading] if unscored and newest_reading else history
    return [Finding(known_at(one), _crisis_rank(one)) for one in readings]


def _crisis_rank(reading: Document) -> int:
    return CRITICAL_RANK if is_crisis(reading.get("systolic"), reading.get("diastolic")) else 0


def is_answer(event: Document, kind: Kind) -> bool:
    """Whether an event acknowledges an alert of this kind."""
    return bool(event["event"] == ACKNOWLEDGED and event["kind"] == kind)


def _answer(event: Document) -> Answer:
    at, until = (datetime.fromisoformat(event[name]) for name in ("@timestamp", "until"))
    return Answer(at, until, event["by"], event["reason"], event.get("note", ""))


def patient_episodes(search: Search, patient_id: str, now: datetime, expected_interval: timedelta) -> list[Episode]:
    """The episodes of a patient's last three days, oldest first by kind."""
    newest = {patient_id: latest.patient(search, patient_id)}
    return [episode for _, episode in episodes_of(search, newest, now, expected_interval)]


def episodes_of(
    search: Search, scored: Mapping[str, Document | None], now: datetime, expected_interval: timedelta
) -> Iterator[tuple[str, Episode]]:
    """The episodes of the last three days of several patients, patient by patient; `scored`: newest predictions."""
    ids, since = sorted(scored), history_since(now)
    histories = predictions.histories(search, ids, since)
    newest = observations.newest(search, ids, since)
    events: dict[str, list[Document]] = defaultdict(list)
    for event in alert_events.of_patients(search, ids, since):
        events[event["patient_id"]].append(event)
    for id_ in ids:
        findings = find(with_newest(histories.get(id_, []), scored[id_], since), newest.get(id_))
        yield from ((id_, one) for one in fold_findings(findings, events[id_], now, expected_interval))
