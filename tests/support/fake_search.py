"""Elasticsearch in memory behind the site's own `Search`: filters, sorts and pages documents, and counts patients.

Of aggregations it answers filters with a cardinality inside, and nothing else.
"""

from __future__ import annotations

import itertools
import json
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, cast

from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ConflictError, Elasticsearch

from conf.times import to_us
from elastic.client import Search, SearchUnavailable
from elastic.names import ALERT_SERVICE, ALERTS, LATEST, OBSERVATIONS, PREDICTIONS, fit_id, instant_id
from tests.support.ward import WATCH, Patient, alerts_of, history

Json = dict[str, Any]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}
CHANGES = itertools.count(1)
MONTHS = re.compile(r"-\d{4}\.\d\d")  # the documents of all months are together


class FakeClient:
    """What the site's `Search` asks of a client, over documents by index or alias; created ones exist once."""

    def __init__(self, documents: dict[str, list[Json]]) -> None:
        self.is_away = False
        self.created: dict[tuple[str, str], Json] = {}
        self.documents = documents
        self.asked: list[Json] = []

    @property
    def indices(self) -> FakeClient:
        return self

    def options(self, **_: object) -> FakeClient:
        return self

    def exists(self, **_: object) -> bool:
        return True

    def index(self, *, index: str, id: str, document: Json, op_type: str = "index", **_: object) -> None:  # noqa: A002
        """Store a document in place of the one of that id, unless it is to be created."""
        before = self.created.get((index, id))
        if before and op_type == "create":
            meta = ApiResponseMeta(409, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "fake", 9200))
            raise ConflictError("version_conflict_engine_exception", meta, {})
        self.documents[index] = [each for each in self.documents[index] if each is not before]
        self._store(index, id, document)

    def bulk(self, *, index: str, operations: Sequence[Json], **_: object) -> Json:
        """Create documents whose id is still free."""
        items = []
        for action, document in zip(operations[::2], operations[1::2], strict=True):
            id_ = action["create"]["_id"]
            is_free = (index, id_) not in self.created
            items.append({"create": {"_id": id_, "status": 201 if is_free else 409}})
            if is_free:
                self._store(index, id_, document)
        return {"items": items}

    def _store(self, index: str, id_: str, document: Json) -> None:
        self.created[index, id_] = document
        self.documents[index].append(document)

    def search(self, *, index: str, body: Mapping[str, Any], **_: object) -> Json:
        self._note(index, body)
        query = self._looked_up(body.get("query", {"match_all": {}}))
        families = sorted(set(MONTHS.sub("", index).split(",")))
        found = [each for family in families for each in self.documents[family] if matches(each, query)]
        hits = _page(found, body)
        counted = {name: _count(found, asked) for name, asked in body.get("aggs", {}).items() if "filter" in asked}
        return {"hits": {"total": {"value": len(found)}, "hits": hits}, "aggregations": counted}

    def msearch(self, *, searches: Sequence[Mapping[str, Any]], **_: object) -> Json:
        pairs = zip(searches[::2], searches[1::2], strict=True)
        return {"responses": [self.search(index=header["index"], body=body) for header, body in pairs]}

    def get(self, *, index: str, id: str, **_: object) -> Json:  # noqa: A002
        self._note(index, {"id": id})
        created = self.created.get((index, id))
        family = MONTHS.sub("", index)
        name = _named if family == index else _named_by_instant
        found = created or next((each for each in self.documents[family] if name(each) == id), None)
        place = {"_id": id, "_seq_no": 0, "_primary_term": 1}
        return place | ({"found": True, "_source": found} if found else {"found": False})

    def mget(self, *, index: str, ids: Sequence[str], **_: object) -> Json:
        return {"docs": [self.get(index=index, id=id_) for id_ in ids]}

    def _looked_up(self, query: Any) -> Any:
        """Return a query with the values that a list of terms is to be taken from a document for."""
        if isinstance(query, list):
            return [self._looked_up(each) for each in query]
        if not isinstance(query, Mapping):
            return query
        if {"index", "id", "path"} == query.keys():
            return self.get(index=query["index"], id=query["id"]).get("_source", {}).get(query["path"], [])
        return {name: self._looked_up(inner) for name, inner in query.items()}

    def _note(self, index: str, body: Mapping[str, Any]) -> None:
        self.asked.append(json.loads(json.dumps({"index": index, **body}, default=str)))
        if self.is_away:
            raise SearchUnavailable("The fake is away. Bring it back.")


class FakeSearch(Search):
    """Documents by index or alias; `asked` are the searches so far; while `fake.is_away`, everything is unavailable."""

    def __init__(self, fake: FakeClient | None = None) -> None:
        super().__init__(cast(Elasticsearch, fake or FakeClient(defaultdict(list))))

    @property
    def fake(self) -> FakeClient:
        return cast(FakeClient, self.client)

    @property
    def documents(self) -> dict[str, list[Json]]:
        return self.fake.documents

    @property
    def asked(self) -> list[Json]:
        return self.fake.asked

    def put(self, index: str, *documents: Json) -> None:
        self.documents[index] += documents

    def put_alerts(self, *documents: Json) -> None:
        """Store alerts as their service does, each in place of an earlier state; the service is at work."""
        for document in documents:
            others = [each for each in self.documents[ALERTS] if each["alert_id"] != document["alert_id"]]
            self.documents[ALERTS] = [*others, {**document, "_seq_no": next(CHANGES)}]
        self.documents[ALERT_SERVICE] = [WATCH]

    def put_history(self, patient: Patient, now: datetime) -> None:
        """Store a patient's readings and predictions up to now; the last prediction is the latest one."""
        readings, predictions = history(patient, now)
        self.put(OBSERVATIONS, *readings)
        self.put(PREDICTIONS, *predictions)
        others = [latest for latest in self.documents[LATEST] if latest["patient_id"] != patient.id]
        self.documents[LATEST] = others + predictions[-1:]
        known = [each for each in self.documents[ALERTS] if each.get("patient_id") != patient.id]
        self.documents[ALERTS] = known
        self.put_alerts(*alerts_of(readings, predictions, now))


def _count(found: list[Json], asked: Mapping[str, Any]) -> Json:
    """Answer a filter with cardinalities inside."""
    inside = [each for each in found if matches(each, asked["filter"])]
    values = {
        name: {each.get(inner["cardinality"]["field"]) for each in inside} for name, inner in asked["aggs"].items()
    }
    return {name: {"value": len(known - {None})} for name, known in values.items()} | {"doc_count": len(inside)}


def _named_by_instant(document: Json) -> str:
    """Return the id of a document in an index of a month."""
    return instant_id(document["patient_id"], to_us(datetime.fromisoformat(document["@timestamp"])))


def _named(document: Json) -> str:
    """Return the id of a document that was put: of an alert its own, else that of the patient, or the ward."""
    return fit_id(document.get("alert_id") or document.get("patient_id") or document.get("ward") or "")


def _page(found: list[Json], body: Mapping[str, Any]) -> list[Json]:
    orders = [next(iter(each.items())) for each in body.get("sort", [])]
    for name, order in reversed(orders):
        direction, missing = (order, None) if isinstance(order, str) else (order["order"], order.get("missing"))
        valued = [(_value(each, name, missing), each) for each in found]
        known = sorted((pair for pair in valued if pair[0] is not None), key=itemgetter(0), reverse=direction == "desc")
        found = [each for _, each in known] + [each for value, each in valued if value is None]
    if "collapse" in body:  # the first document of each value
        field = body["collapse"]["field"]
        first: dict[Any, Json] = {}
        for each in found:
            first.setdefault(each.get(field), each)
        found = list(first.values())
    placed = [(each, [_value(each, name) for name, _ in orders]) for each in found]
    if "search_after" in body:
        known_places = [position for _, position in placed]
        placed = placed[known_places.index(list(body["search_after"])) + 1 :]
    return [{"_source": _stored(each), "sort": position} for each, position in placed[: body.get("size", 10)]]


def _stored(document: Json) -> Json:
    return {name: value for name, value in document.items() if name != "_seq_no"}


def _value(document: Json, name: str, missing: Any = None) -> Any:
    if name == "_score":
        return 0
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    is_time = isinstance(value, str) and (name.endswith("_at") or name in ("@timestamp", "until"))
    return missing if value is None else _instant(value) if is_time else value


def _instant(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def matches(document: Json, query: Mapping[str, Any]) -> bool:
    """Tell whether a document matches one of the kinds of query that the site builds."""
    ((kind, inner),) = query.items()
    if kind == "match_all":
        return True
    if kind == "constant_score":
        return matches(document, inner["filter"])
    if kind == "bool":
        return _matches_bool(document, inner)
    if kind == "exists":
        return document.get(inner["field"]) is not None
    ((field, wanted),) = inner.items()
    value = document.get(field)
    if isinstance(value, list):
        return any(matches({field: each}, query) for each in value)
    if kind == "term":
        return bool(value == (wanted["value"] if isinstance(wanted, Mapping) else wanted))
    if kind == "terms":
        return _instant(document[field]) in map(_instant, wanted) if field == "@timestamp" else value in wanted
    if kind == "wildcard":
        return _fits(str(value), wanted["value"])
    if kind == "prefix":
        return str(value).startswith(wanted["value"])
    return _within(value, wanted)


def _fits(value: str, pattern: str) -> bool:
    """Tell whether a value fits a wildcard in any case."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    operators = {"*": ".*", "?": "."}
    expression = "".join(operators.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL) is not None


def _matches_bool(document: Json, inner: Mapping[str, Any]) -> bool:
    demanded = [*inner.get("filter", ()), *inner.get("must", ())]
    excluded = inner.get("must_not", ())
    wanted = all(matches(document, each) for each in demanded)
    unwanted = any(matches(document, each) for each in ([excluded] if isinstance(excluded, Mapping) else excluded))
    least = inner.get("minimum_should_match", 0 if demanded else 1)  # as Elasticsearch has it by default
    choices = inner.get("should", ()) if least else ()
    return wanted and not unwanted and (not choices or any(matches(document, each) for each in choices))


def _within(value: Any, bounds: Mapping[str, Any]) -> bool:
    if value is None:
        return False
    compared = {name: _instant(bound) if isinstance(bound, str) else bound for name, bound in bounds.items()}
    number = _instant(value) if isinstance(value, str) else value
    return all(COMPARISONS[name](number, bound) for name, bound in compared.items())
