"""The commands on the audit's indices: whole chains pass, old months go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from elasticsearch import Elasticsearch

from conf.errors import UserError
from elastic.client import Page, Search
from webapp.audit.__main__ import prune, verify
from webapp.audit.chain import GENESIS, hash_of


def chain(length: int, chain_id: str = "c") -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for number in range(length):
        previous = events[-1]["sha256"] if events else GENESIS
        event = {"actor": "anne", "chain_id": chain_id, "seq": number, "prev_sha256": previous}
        events.append(event | {"sha256": hash_of(event)})
    return events


class Pages:
    """A search over a list of events, a page at a time."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events

    def page(self, index: str, body: Mapping[str, Any]) -> Page:
        assert index == "blood-pressure-audit-*"
        start = int(body.get("search_after", [0])[0])
        end = start + min(body["size"], 2)
        return Page(self.events[start:end], [end] if end < len(self.events) else None)


def searched(events: list[dict[str, Any]]) -> Search:
    return cast(Search, Pages(events))


def test_whole_chains_pass_with_their_number() -> None:
    assert verify(searched(chain(5) + chain(2, "d"))) == 7


def test_a_changed_event_is_named() -> None:
    events = chain(4)
    events[2] |= {"actor": "somebody else"}

    with pytest.raises(UserError, match=r"1 of 4 audit events are changed .*: c-2\."):
        verify(searched(events))


class Indices:
    """The indices of a cluster, by name."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.indices = self

    def get(self, **_options: object) -> dict[str, object]:
        return {name: {} for name in self.names}

    def delete(self, *, index: str) -> None:
        self.names.remove(index)


def test_months_past_retention_are_deleted_and_no_others() -> None:
    cluster = Indices([f"blood-pressure-audit-{month}" for month in ("2024.12", "2025.02", "2025.03", "2026.03")])

    deleted = prune(cast(Elasticsearch, cluster), datetime(2026, 3, 10, tzinfo=UTC), months=12)

    assert deleted == ["blood-pressure-audit-2024.12", "blood-pressure-audit-2025.02"]
    assert cluster.names == ["blood-pressure-audit-2025.03", "blood-pressure-audit-2026.03"]
