"""Elasticsearch as the jobs see it, in memory: an HTTP server that speaks bulk, mget, search, refresh and templates.

Like the real one it shows a document to a search only after a refresh, knows aliases, and refuses unmapped fields where
a strict template has been put. Faults are switched on by attribute.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.http_server import Answering, serving

Json = dict[str, Any]
Key = tuple[str, str]

OF_ELASTICSEARCH = {
    "X-Elastic-Product": "Elasticsearch",
    "Content-Type": "application/vnd.elasticsearch+json;compatible-with=8",
}


@dataclass
class FakeElasticsearch:
    """What is stored, what was asked, and the faults that are still to come."""

    url: str = ""
    documents: dict[Key, Json] = field(default_factory=dict)
    searchable: dict[Key, Json] = field(default_factory=dict)
    components: dict[str, Json] = field(default_factory=dict)
    templates: dict[str, Json] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    bulk_ids: list[list[str]] = field(default_factory=list)  # the ids of each bulk request, refused ones too
    authorisations: list[str | None] = field(default_factory=list)

    request_faults: list[int] = field(default_factory=list)  # statuses of the next requests
    unanswered: int = 0  # so many next requests end with a closed connection, undone
    answers_lost: int = 0  # so many next requests are done, and then the connection is closed
    item_faults: dict[str, list[int]] = field(default_factory=dict)  # document id -> statuses of its next writes
    refusing: dict[str, tuple[int, str]] = field(
        default_factory=dict
    )  # index -> status and kind of error of its writes
    mget_faults: int = 0  # so many next mgets find the shard of their documents away
    renewed_mappings: dict[str, set[str]] = field(default_factory=dict)  # index pattern -> fields put to what exists
    search_faults: int = 0  # so many next searches find a shard away
    standing: dict[str, set[str]] = field(default_factory=dict)  # fields of the indices whose mapping may be read

    def stored(self, family: str) -> dict[str, Json]:
        """Return all documents of the indices whose name begins with `family`, by id."""
        return {id_: source for (index, id_), source in self.documents.items() if index.startswith(family)}

    def index_names(self) -> set[str]:
        """Return the indices that hold documents."""
        return {index for index, _ in self.documents}

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: bytes) -> tuple[int, Json]:
        """Return the status and body for one request."""
        target, _, verb = path.strip("/").rpartition("/")
        self.requests[verb if verb.startswith("_") else target.split("/")[0]] += 1
        if self.request_faults:
            return _failure(self.request_faults.pop(0), "fault", "a fault of the test")
        if method == "HEAD":
            known = self.templates if target == "_index_template" else self.index_names()
            return (200 if verb in known else 404), {}
        if verb == "_bulk":
            return 200, _filtered(self._bulk(body), query)
        if verb == "_refresh":
            self.searchable = dict(self.documents)
            return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}
        if verb == "_mget":
            asked = json.loads(body)
            places = asked.get("docs") or [{"_index": target, "_id": id_} for id_ in asked["ids"]]
            return 200, {"docs": [self._get(place["_index"], place["_id"]) for place in places]}
        if verb == "_search":
            return self._search(target, json.loads(body), query)
        if method == "PUT" and target in ("_component_template", "_index_template"):
            (self.components if target == "_component_template" else self.templates)[verb] = json.loads(body)
            return 200, {"acknowledged": True}
        if verb == "_mapping":
            return self._mapping(method, unquote(target).split(","), body)
        return _failure(400, "illegal_argument_exception", f"the fake does not know {method} {path}")

    def _mapping(self, method: str, patterns: list[str], body: bytes) -> tuple[int, Json]:
        """Return the fields of what stands, or give new ones to all of it, which a single blocked index prevents."""
        if method == "GET":
            return 200, {
                name: {"mappings": {"properties": {field: {} for field in sorted(fields)}}}
                for name, fields in self.standing.items()
                if any(fnmatch(name, pattern) for pattern in patterns)
            }
        for name, (status, kind) in self.refusing.items():
            if any(fnmatch(name, pattern) for pattern in patterns):
                return _failure(status, kind, f"index [{name}] takes none")
        self.renewed_mappings[",".join(patterns)] = set(json.loads(body)["properties"])
        return 200, {"acknowledged": True}

    def _bulk(self, body: bytes) -> Json:
        lines = iter(body.decode().split("\n")[:-1])  # a text may hold other ends of lines
        items: list[Json] = []
        ids: list[str] = []
        for header in lines:
            ((action, place),) = json.loads(header).items()
            source = None if action == "delete" else json.loads(next(lines))
            ids.append(place["_id"])
            status, error = self._write(action, (place["_index"], place["_id"]), source)
            item = {"_index": place["_index"], "_id": place["_id"], "status": status}
            items.append({action: item | ({"error": error} if error else {})})
        self.bulk_ids.append(ids)
        return {"took": 1, "errors": any("error" in next(iter(item.values())) for item in items), "items": items}

    def _write(self, action: str, key: Key, source: Json | None) -> tuple[int, Json | None]:
        if self.item_faults.get(key[1]):
            status = self.item_faults[key[1]].pop(0)
            return status, {"type": "fault", "reason": f"a fault of the test, status {status}"}
        if key[0] in self.refusing:
            status, kind = self.refusing[key[0]]
            return status, {"type": kind, "reason": f"index [{key[0]}] takes none"}
        if source is None:
            return (404 if self.documents.pop(key, None) is None else 200), None
        if action == "create" and key in self.documents:
            return 409, {"type": "version_conflict_engine_exception", "reason": "document already exists"}
        unmapped = self._unmapped(key[0], source)
        if unmapped:
            reason = f"introduction of [{unmapped[0]}] within [_doc] is not allowed"
            return 400, {"type": "strict_dynamic_mapping_exception", "reason": reason}
        self.documents[key] = source
        return 201, None

    def _unmapped(self, index: str, source: Json) -> list[str]:
        for template in self._templates_of(index):
            parts = [self.components[name]["template"] for name in template["composed_of"]]
            mappings: list[Json] = [part.get("mappings", {}) for part in [*parts, template.get("template", {})]]
            if any(mapping.get("dynamic") == "strict" for mapping in mappings):
                mapped = {name for mapping in mappings for name in mapping.get("properties", {})}
                return sorted(set(source) - mapped)
        return []

    def _templates_of(self, index: str) -> list[Json]:
        return [
            template
            for template in self.templates.values()
            if any(fnmatch(index, pattern) for pattern in template["index_patterns"])
        ]

    def _get(self, index: str, id_: str) -> Json:
        place = {"_index": index, "_id": id_}
        if self.mget_faults:
            self.mget_faults -= 1
            return place | {"error": {"type": "no_shard_available_action_exception", "reason": "shard not available"}}
        if index not in self.index_names():
            return place | {"error": {"type": "index_not_found_exception", "reason": f"no such index [{index}]"}}
        source = self.documents.get((index, id_))
        return place | ({"found": False} if source is None else {"found": True, "_source": source})

    def _search(self, target: str, body: Json, query: Mapping[str, list[str]]) -> tuple[int, Json]:
        if self.search_faults:
            self.search_faults -= 1
            if query.get("allow_partial_search_results") == ["false"]:
                return _failure(503, "search_phase_execution_exception", "a shard is away")
            away = {"total": 1, "successful": 0, "failed": 1}
            return 200, {"_shards": away, "hits": {"total": {"value": 0}, "hits": []}}
        hits: list[Json] = [
            {"_index": index, "_id": id_, "_source": source}
            for (index, id_), source in sorted(self.searchable.items())
            if self._is_meant(index, target) and _matches(source, body.get("query"))
        ]
        answer: Json = {
            "_shards": {"total": 1, "successful": 1, "failed": 0},
            "hits": {"total": {"value": len(hits)}, "hits": hits[: body.get("size", 10)]},
        }
        if hits and "aggs" in body:
            ((name, aggregation),) = body["aggs"].items()
            answer["aggregations"] = {name: _composite(aggregation, [hit["_source"] for hit in hits])}
        return 200, answer

    def _is_meant(self, index: str, target: str) -> bool:
        aliases = (template.get("template", {}).get("aliases", {}) for template in self._templates_of(index))
        return index == target or any(target in names for names in aliases)


def _matches(source: Json, query: Json | None) -> bool:
    if query is None:
        return True
    if "bool" in query:
        asked = query["bool"]
        is_excluded = any(_matches(source, each) for each in asked.get("must_not", ()))
        return not is_excluded and any(_matches(source, each) for each in asked.get("should", [None]))
    if "prefix" in query:
        ((name, beginning),) = query["prefix"].items()
        return str(source.get(name)).startswith(beginning["value"])
    if "range" in query:  # asked of times of writing, which no test dates back
        return all(name in source for name in query["range"])
    if "exists" in query:
        return source.get(query["exists"]["field"]) is not None
    ((name, wanted),) = query["terms"].items()
    values = source.get(name, [])
    return not set(wanted).isdisjoint(values if isinstance(values, list) else [values])


def _composite(aggregation: Json, sources: list[Json]) -> Json:
    """Return one page of documents grouped by a field, with the smallest or greatest of the times asked for each."""
    composite = aggregation["composite"]
    ((name, grouping),) = composite["sources"][0].items()
    after = composite.get("after", {}).get(name, "")
    values = sorted({source[grouping["terms"]["field"]] for source in sources})
    page = [value for value in values if value > after][: composite["size"]]
    buckets = [
        _bucket(name, value, aggregation["aggs"], [of for of in sources if of[grouping["terms"]["field"]] == value])
        for value in page
    ]
    return {"buckets": buckets} | ({"after_key": {name: page[-1]}} if page else {})


def _bucket(name: str, value: str, metrics: Json, sources: list[Json]) -> Json:
    bucket: Json = {"key": {name: value}, "doc_count": len(sources)}
    for metric, definition in metrics.items():
        ((kind, of),) = definition.items()
        times = [source[of["field"]] for source in sources]
        bucket[metric] = {"value_as_string": min(times) if kind == "min" else max(times)}
    return bucket


def _filtered(answer: Json, query: Mapping[str, list[str]]) -> Json:
    """Keep only the fields of bulk items that ``filter_path`` asks for."""
    if "filter_path" not in query:
        return answer
    kept = set(re.findall(r"items\.\*\.(\w+)", query["filter_path"][0]))
    return {
        "items": [
            {action: {name: value for name, value in item.items() if name in kept} for action, item in pair.items()}
            for pair in answer["items"]
        ]
    }


def _failure(status: int, kind: str, reason: str) -> tuple[int, Json]:
    return status, {"error": {"type": kind, "reason": reason, "root_cause": []}, "status": status}


@contextmanager
def running(fake: FakeElasticsearch | None = None) -> Iterator[FakeElasticsearch]:
    """Serve a fake, or the one given, on a free port of this machine, stopped afterwards."""
    fake = fake or FakeElasticsearch()
    with serving(_handler(fake)) as fake.url:
        yield fake


def _handler(fake: FakeElasticsearch) -> type[Answering]:
    class Handler(Answering):
        def handle_any(self) -> None:
            body = self.read()
            if fake.unanswered:
                fake.unanswered -= 1
                self.close_connection = True
                return
            fake.authorisations.append(self.headers.get("Authorization"))
            url = urlsplit(self.path)
            status, answer = fake.answer(self.command, url.path, parse_qs(url.query), body)
            if fake.answers_lost:
                fake.answers_lost -= 1
                self.close_connection = True
                return
            self.send(status, json.dumps(answer).encode(), OF_ELASTICSEARCH)

        do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    return Handler
