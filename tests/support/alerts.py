"""The part of the alert service that takes answers in, for tests of those who answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts.documents import subject_of, to_document, to_episode
from alerts.events import answers, owner
from alerts.lifecycle import fold, settle
from alerts.model import AlertKind, State
from alerts.rules import load_rules
from elastic.names import ALERT_EVENTS, ALERTS
from tests.support.fake_search import FakeSearch

RULES = load_rules()


def serve(search: FakeSearch, now: datetime) -> None:
    """Take in what people have said of alerts that were put as raised, and what time has made of them."""
    for document in list(search.documents[ALERTS]):
        said_of = [event for event in search.documents[ALERT_EVENTS] if event.get("alert_id") == document["alert_id"]]
        events = [event for event in said_of if "number" in event]  # what people said
        kind, begun = AlertKind(document["kind"]), to_episode(document)
        terms, start = RULES.terms(kind), begun.started_at
        times = {"raised_at": start, "changed_at": start, "seen_at": start}
        before: dict[str, Any] = {
            "state": State.RAISED,
            "rank": begun.peak,
            "mark": begun.peak,
            "answer": None,
            **times,
        }
        raised = replace(begun, **before, escalated=False)
        folded = fold(kind, [], answers(events, kind), terms, raised if events else begun)
        said = {
            "number": max((event["number"] for event in events), default=0),
            "owner": owner(events, kind, start),
        }
        renewed = to_document(subject_of(document), settle(folded, now, terms)[0], terms)
        renewed |= {name: value for name, value in said.items() if value}
        if renewed != {name: value for name, value in document.items() if name != "_seq_no"}:
            search.put_alerts(renewed)
