"""The links of the chain as the alert service has found them, kept for the site and for the next copy of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from alerts.chain import Link, LinkState, Part
from conf.times import iso
from elastic.client import Search, SearchUnavailable, answering
from elastic.names import ALERT_SERVICE

ID: Final = "chain"
STALE_AFTER: Final = timedelta(seconds=30)  # more than a lease that another copy takes over


class Looked(NamedTuple):
    """The links, () where none were ever kept, and how long the canary's last round took, None if that is unknown."""

    links: tuple[Link, ...] = ()
    round_trip_s: float | None = None


class _Record(msgspec.Struct):
    changed_at: datetime
    links: tuple[Link, ...]
    round_trip_s: float | None = None


def store(search: Search, links: Iterable[Link], round_trip_s: float | None, now: datetime) -> None:
    """Keep the links in place of those before; raise `SearchUnavailable` at once where that is not to be had."""
    kept = {"links": msgspec.to_builtins(tuple(links)), "round_trip_s": round_trip_s}
    document = {"changed_at": iso(now), **kept}
    with answering():
        search.client.options(request_timeout=search.timeout_s).index(index=ALERT_SERVICE, id=ID, document=document)


def load(search: Search) -> tuple[Link, ...]:
    """Return the links as they were kept last, () where there are none; raise `SearchUnavailable`."""
    record = _load(search)
    return record.links if record else ()


def looked_at(search: Search, now: datetime) -> Looked:
    """Return the links as they are for somebody who looks now.

    Where no copy of the alert service has looked for a while, that is what is dead, and of the others nothing is known;
    where Elasticsearch does not answer, that is.
    """
    try:
        record = _load(search)
    except SearchUnavailable:
        return Looked(
            tuple(
                Link(part, LinkState.DEAD if part is Part.ELASTICSEARCH else LinkState.UNKNOWN, None, now, timedelta(0))
                for part in Part
            )
        )
    if record is None or now - record.changed_at < STALE_AFTER:
        return Looked(record.links, record.round_trip_s) if record else Looked()
    return Looked(
        tuple(
            Link(link.part, LinkState.DEAD, record.changed_at, record.changed_at, STALE_AFTER)
            if link.part is Part.ALERTS
            else replace(link, state=LinkState.UNKNOWN)
            for link in record.links
        )
    )


def _load(search: Search) -> _Record | None:
    found = search.get(ALERT_SERVICE, ID)
    return msgspec.convert(found, _Record, strict=False) if found else None
