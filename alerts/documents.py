"""Alerts as documents of ``blood-pressure-alerts``: one for each episode, all that a reader shows or sorts by. Pure.

A document holds the whole `Episode`, so that the life cycle goes on from it, and says besides what is only reckoned:
its place in the order of action, and when time alone will change it next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from alerts.lifecycle import Terms, due_at
from alerts.model import AlertKind, Episode, alert_id

Document = dict[str, Any]

MOST_REFUSALS: Final = 20  # that a document keeps; `refused` says how many there were
WITHOUT_PATIENT: Final = frozenset({AlertKind.FEED, AlertKind.SYSTEM})
KIND_ORDER: Final = (  # what is to be done first of the same level: facts before opinions
    AlertKind.SYSTEM,
    AlertKind.FEED,
    AlertKind.MEASURED,
    AlertKind.ATTENTION,
    AlertKind.LIMIT,
    AlertKind.LOW,
    AlertKind.PREDICTED,
    AlertKind.SILENCE,
)


def to_document(subject: str, episode: Episode, terms: Terms) -> Document:
    """Return the document of an episode; `subject` is the patient's id, or the part of the system it is about."""
    kept = replace(episode, refusals=episode.refusals[:MOST_REFUSALS])
    due = due_at(episode, terms) if episode.is_open else None
    reckoned = {
        "alert_id": alert_id(subject, episode.kind, episode.started_at),
        ("part" if episode.kind in WITHOUT_PATIENT else "patient_id"): subject,
        "level": episode.level,
        "is_open": episode.is_open,
        "is_unanswered": episode.is_unanswered,
        "shown_rank": episode.rank or episode.peak,
        "kind_order": KIND_ORDER.index(episode.kind),
        "ended_at": None if episode.is_open else episode.changed_at,
        "due_at": due,
        "refused": len(episode.refusals) or None,
    }
    stored: Document = _known(msgspec.to_builtins(kept)) | _known(msgspec.to_builtins(reckoned))
    return stored


def to_episode(document: Mapping[str, Any]) -> Episode:
    """Return the episode that a document holds."""
    return msgspec.convert(document, Episode, strict=False)


def subject_of(document: Mapping[str, Any]) -> str:
    """Return whom or what an alert is about: the patient's id, or the part of the system."""
    subject: str = document.get("patient_id") or document["part"]
    return subject


def _known(values: Mapping[str, Any]) -> Document:
    """Return what is known of some values, and of those inside them; Elasticsearch keeps nothing of what is not."""
    inner = {name: _known(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    return {
        name: [_known(value) for value in found] if isinstance(found, list) else found
        for name, found in inner.items()
        if found not in (None, "", [], ())
    }
