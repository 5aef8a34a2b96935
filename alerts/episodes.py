"""Episodes of alerts out of stored documents: what was found in predictions and readings, what was answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from alerts import lifecycle
from alerts.events import Event, answers
from alerts.model import CRITICAL_RANK, AlertKind, Episode, Finding
from assessment.freshness import stale_after
from assessment.readings import in_crisis
from assessment.urgency import level_rank

Document = Mapping[str, Any]

HISTORY: Final = lifecycle.LATCH_EXPIRES
ACKNOWLEDGED: Final = Event.ACKNOWLEDGED
FEEDBACK: Final = Event.FEEDBACK
NOTHING: Final = Finding(datetime.min.replace(tzinfo=UTC), 0)


class Findings(NamedTuple):
    """What was found about one patient, oldest first."""

    predicted: list[Finding]
    measured: list[Finding]
    worst: list[Finding]  # the higher rank of both


def history_since(now: datetime) -> datetime:
    """Return from when on findings are read; it moves once a day only, so that an alert keeps its start and its id."""
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


def known_at(document: Document) -> datetime:
    """Return when a reading was taken; a time in the future is replaced by when it was scored or stored."""
    noted = document.get("scored_at") or document.get("ingested_at") or document["@timestamp"]
    return min(datetime.fromisoformat(document["@timestamp"]), datetime.fromisoformat(noted))


def find(
    history: Sequence[Document], newest_reading: Document | None = None, crises: Iterable[Document] = ()
) -> Findings:
    """Return the findings of predictions (oldest first), of a reading after them that is not scored yet, and of crises.

    `crises` are readings that may have been the newest of no prediction: of several readings that arrive at once, from
    a backlog for instance, only the last one is.
    """
    predicted = [
        Finding(
            known_at(prediction),
            level_rank(prediction["alert_level"]),
            window=timedelta(hours=prediction.get("window_hours", 0.0)),
            largest_gap=timedelta(hours=prediction.get("window_largest_gap_hours", 0.0)),
        )
        for prediction in history
    ]
    is_unscored = newest_reading and (not history or newest_reading["@timestamp"] > history[-1]["@timestamp"])
    readings = [*history, newest_reading] if newest_reading and is_unscored else history
    measured = [Finding(known_at(reading), CRITICAL_RANK if in_crisis(reading) else 0) for reading in readings]
    both = zip_longest(predicted, measured, fillvalue=NOTHING)
    worst = [replace(opinion, at=fact.at, rank=max(fact.rank, opinion.rank)) for opinion, fact in both]
    known = {reading["@timestamp"] for reading in readings}
    others = [Finding(known_at(crisis), CRITICAL_RANK) for crisis in crises if crisis["@timestamp"] not in known]
    return Findings(predicted, sorted([*measured, *others], key=lambda finding: finding.at), worst)


def fold(findings: Findings, events: Sequence[Document], now: datetime, expected_interval: timedelta) -> list[Episode]:
    """Return all episodes of one patient by kind, as the last finding or answer left them.

    They stay as they are until there is another one, or data are lost; `lifecycle.settle` adds what time alone does.
    """
    found = {
        AlertKind.PREDICTED: findings.predicted,
        AlertKind.MEASURED: findings.measured,
        AlertKind.TECHNICAL: lifecycle.silences(findings.worst, stale_after(expected_interval), now),
    }
    return [episode for kind in found for episode in lifecycle.fold(kind, found[kind], answers(events, kind))]


def is_answer(event: Document, kind: AlertKind) -> bool:
    """Tell whether an event acknowledges an alert of this kind."""
    return bool(event["event"] == ACKNOWLEDGED and event["kind"] == kind)


def last_found(episode: Episode, expected_interval: timedelta) -> datetime:
    """Return when the finding was made that last met an episode's condition: lost data are noticed a while after it."""
    late = stale_after(expected_interval) if episode.kind is AlertKind.TECHNICAL else timedelta(0)
    return episode.met_at - late
