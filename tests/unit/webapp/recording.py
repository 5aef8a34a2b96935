"""An Elasticsearch that holds nothing and remembers what it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from elasticsearch import Elasticsearch

from elastic.client import Search


@dataclass
class RecordingClient:
    """The part of the client that the site's searches use."""

    indices_asked: set[str] = field(default_factory=set)
    bodies: list[Any] = field(default_factory=list)

    def options(self, **_options: Any) -> RecordingClient:
        return self

    def search(self, *, index: str, body: Any, **_options: Any) -> dict[str, Any]:
        self.indices_asked.add(index)
        self.bodies.append(body)
        return {"timed_out": False, "hits": {"total": {"value": 0}, "hits": []}}

    def msearch(self, *, searches: list[Any], **_options: Any) -> dict[str, Any]:
        pairs = zip(searches[::2], searches[1::2], strict=True)
        return {"responses": [self.search(index=header["index"], body=body) for header, body in pairs]}

    def get(self, *, index: str, id: str, **_options: Any) -> dict[str, Any]:  # noqa: A002 - the client's own name
        self.indices_asked.add(index)
        self.bodies.append({"id": id})
        return {"found": False}

    def mget(self, *, index: str, ids: list[str], **_options: Any) -> dict[str, Any]:
        self.indices_asked.add(index)
        self.bodies.append({"ids": ids})
        return {"docs": [{"_id": id_, "found": False} for id_ in ids]}

    def ping(self) -> bool:
        return True


def recording_search() -> tuple[Search, RecordingClient]:
    """Return a search for a site, and what it will have been asked."""
    client = RecordingClient()
    return Search(cast(Elasticsearch, client)), client
