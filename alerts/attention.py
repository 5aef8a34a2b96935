"""Attention: unusable readings that sound like a crisis, as alerts that stay open until somebody answers. Pure.

Unlike a finding, a refusal says nothing that a later reading could take back. And an answer covers what the person had
before the eyes and nothing else: the refusals up to `seen_until`. One that was sent before the answer but came in after
it, because the stream had stopped for instance, opens an alert of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from alerts.events import Event, answer_of, standing
from alerts.findings import is_news
from alerts.model import CRITICAL_RANK, AlertKind, Answer, Episode, Refusal, State
from fhir.reasons import Reason

Document = Mapping[str, Any]


def read_refusal(document: Document) -> Refusal:
    """Return a document of the rejected index that has `attention`."""
    measured_at = document.get("measured_at")
    return Refusal(
        datetime.fromisoformat(document["@timestamp"]),
        datetime.fromisoformat(measured_at) if measured_at else None,
        document.get("device_id"),
        document["reason"],
        document["attention"],
    )


def recent(documents: Iterable[Document]) -> list[Refusal]:
    """Return the refusals of what was measured at most three days before it came, the newest first.

    A transfer of old data must not raise the ward.
    """
    refusals = [refusal for refusal in map(read_refusal, documents) if is_news(refusal.at, refusal.arrived_at)]
    return sorted(refusals, key=lambda refusal: refusal.arrived_at, reverse=True)


def of_future(reading: Document) -> dict[str, Any]:
    """Return a stored crisis of the future as such a document: what a clock that runs ahead measures is measured now.

    Once its time has come it is a measured crisis and no longer this.
    """
    return {
        "@timestamp": reading["ingested_at"],
        "patient_id": reading["patient_id"],
        "device_id": reading.get("device_id"),
        "measured_at": reading["@timestamp"],
        "reason": Reason.TIME_IN_FUTURE,
        "attention": f"{reading['systolic']:g}/{reading['diastolic']:g} mmHg",
    }


def fold(documents: Iterable[Document], events: Iterable[Document]) -> list[Episode]:
    """Return the alerts of one patient, oldest first: one for each answer, and an open one for what came after it."""
    left = recent(documents)[::-1]
    answers = [
        (datetime.fromisoformat(event["seen_until"]), answer_of(event))
        for event in standing(events)
        if event["event"] == Event.ACKNOWLEDGED and event["kind"] == AlertKind.ATTENTION
    ]
    episodes = []
    for seen_until, answer in sorted(answers, key=lambda known: (known[0], known[1].at)):
        seen = [refusal for refusal in left if refusal.arrived_at <= seen_until]
        episodes += [_episode(seen, answer)] if seen else []
        left = left[len(seen) :]
    return [*episodes, _episode(left, None)] if left else episodes


def _episode(refusals: Sequence[Refusal], answer: Answer | None) -> Episode:
    first, last = refusals[0].arrived_at, refusals[-1].arrived_at
    return Episode(
        AlertKind.ATTENTION,
        first,
        rank=0 if answer else CRITICAL_RANK,
        peak=CRITICAL_RANK,
        mark=CRITICAL_RANK,
        raised_at=first,
        met_at=last,
        changed_at=answer.at if answer else first,
        seen_at=answer.at if answer else last,
        state=State.RESOLVED if answer else State.RAISED,
        answer=answer,
        refusals=tuple(reversed(refusals)),
    )
