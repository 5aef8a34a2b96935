"""What is stored of the canary: when its newest reading, prediction, raise and message came. The signs of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from conf.times import EPOCH
from elastic.client import Document, Query, Search
from elastic.names import ALERT_EVENTS, ALERTS, LATEST, OBSERVATIONS
from elastic.scope import OF_CANARIES
from elastic.search.queries import all_of, between, buckets, term

MOST_OPEN: Final = 100
MOST_RECIPIENTS: Final = 100
BY_ID: Final = [{"alert_id": "asc"}]


@dataclass(frozen=True)
class Facts:
    """Times of the newest facts, None where there is none; `notified` is by recipient, `crisis_at` what was raised."""

    sent_at: datetime | None
    stored_at: datetime | None
    scored_at: datetime | None
    raised_at: datetime | None
    notified: Mapping[str, datetime] = field(default_factory=dict)
    crisis_at: datetime | None = None


def facts(search: Search, since: datetime) -> Facts:
    """Return the newest facts since then; raise `SearchUnavailable` where Elasticsearch does not answer."""
    told = {"terms": {"field": "recipient", "size": MOST_RECIPIENTS}, "aggs": _newest(at="@timestamp")}
    readings, latest, raised, notified = (
        answer.get("aggregations", {})
        for answer in search.ask_each(
            [
                (OBSERVATIONS, _body(since, _newest(sent="@timestamp", stored="ingested_at"))),
                (LATEST, _body(since, _newest(scored="scored_at"))),
                (
                    ALERT_EVENTS,
                    _body(since, _newest(raised="written_at", crisis="started_at"), term("event", "raised")),
                ),
                (ALERT_EVENTS, _body(since, {"recipients": told}, term("event", "notified"))),
            ]
        )
    )
    by_recipient = {each["key"]: _time(each, "at") for each in buckets(notified, "recipients")}
    return Facts(
        _time(readings, "sent"),
        _time(readings, "stored"),
        _time(latest, "scored"),
        _time(raised, "raised"),
        {name: at for name, at in by_recipient.items() if at},
        _time(raised, "crisis"),
    )


def waiting(search: Search) -> list[Document]:
    """Return the canary's alerts that wait for an answer."""
    query = all_of(OF_CANARIES, term("is_open", True), term("is_unanswered", True))
    body = {"size": MOST_OPEN, "query": query, "sort": BY_ID, "track_total_hits": False}
    return search.page(ALERTS, body).documents


def _newest(**fields: str) -> Query:
    return {name: {"max": {"field": field_name}} for name, field_name in fields.items()}


def _body(since: datetime, aggregations: Query, *filters: Query) -> Query:
    query = all_of(OF_CANARIES, between("@timestamp", since), *filters)
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggregations}


def _time(aggregations: Mapping[str, Document], name: str) -> datetime | None:
    value = aggregations.get(name, {}).get("value")
    return None if value is None else EPOCH + timedelta(milliseconds=value)
