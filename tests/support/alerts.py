"""Alerts as documents for tests of those who show and answer them, and the service's part of taking answers in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from alerts.documents import subject_of, to_document, to_episode
from alerts.events import answers, owner
from alerts.lifecycle import fold, settle
from alerts.model import CRITICAL_RANK, AlertKind, Episode, Finding, Refusal
from alerts.rules import load_rules
from elastic.names import ALERT_EVENTS, ALERTS
from tests.support.fake_search import FakeSearch

Json = dict[str, Any]

RULES = load_rules()


def episode(kind: AlertKind, at: datetime, rank: int = CRITICAL_RANK, **more: Any) -> Episode:
    """Return an alert that was raised at a moment and that nobody has answered."""
    worst: Json = {"systolic": 208.4, "diastolic": 126.0} if kind is AlertKind.MEASURED else {"risk_6h": 0.684}
    finding = Finding(at, rank, arrived_at=at, model_version="2026-03-01", **worst)
    times = {"raised_at": at, "met_at": at, "changed_at": at, "seen_at": at}
    return Episode(kind, at, **{"rank": rank, "peak": rank, "mark": rank, "worst": finding, **times, **more})


def alert(patient_id: str, kind: AlertKind, at: datetime, rank: int = CRITICAL_RANK, **more: Any) -> Json:
    """Return the document of such an alert; `more` are fields of the episode."""
    if kind is AlertKind.ATTENTION:
        more = {"refusals": (Refusal(at, None, "cuff-7", "VALUE_HAS_COMPARATOR", "systolic > 250 mmHg"),), **more}
    document = to_document(patient_id, episode(kind, at, rank, **more), RULES.terms(kind))
    return _plain(document)


def _plain(document: Json) -> Json:
    """Return a document as JSON has it, times as texts."""
    plain: Json = msgspec.to_builtins(document)
    return plain


def serve(search: FakeSearch, now: datetime) -> None:
    """Do the alert service's part for alerts that were put as raised: take in what people have said of them."""
    for document in search.documents[ALERTS]:
        events = [event for event in search.documents[ALERT_EVENTS] if event.get("alert_id") == document["alert_id"]]
        kind, subject = AlertKind(document["kind"]), subject_of(document)
        terms, begun = RULES.terms(kind), to_episode(document)
        start = begun.started_at
        raised = replace(episode(kind, start, begun.peak), worst=begun.worst, refusals=begun.refusals)
        folded = fold(kind, [], answers(events, kind), terms, raised if events else begun)
        number = max((event["number"] for event in events), default=0)
        more = {"number": number, "owner": owner(events, kind, start)}
        renewed = to_document(subject, settle(folded, now, terms)[0], terms) | more
        document.clear()
        document.update(_plain({name: value for name, value in renewed.items() if value is not None}))
