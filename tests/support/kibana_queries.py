"""What Kibana would ask Elasticsearch for each panel and control of the saved objects; for a layer see `lens`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tests.support.lens import Columns, Json, Period, UnsupportedError, aggregations, refuse_unknown, translate_query

CONTROL_VALUES: Final = 10
MARKDOWN: Final = ("visualization", "markdown")
LAYER_KEYS: Final = frozenset({"columns", "columnOrder", "incompleteColumns", "sampling"})
UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class DataQuery:
    """One request: where it comes from, what is asked of which index, and the columns of the table, in order."""

    name: str
    index: str
    body: Json
    columns: Columns


def read_objects(text: str) -> list[Json]:
    """Return the saved objects of an import file."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def queries(objects: Iterable[Json], now: datetime) -> Iterator[DataQuery]:
    """Return all requests of all dashboards that are opened `now`."""
    by_kind: dict[str, dict[str, Json]] = {}
    for object_ in objects:
        by_kind.setdefault(object_["type"], {})[object_["id"]] = object_["attributes"]
    views = by_kind.get("index-pattern", {})
    for attributes in by_kind.get("dashboard", {}).values():
        yield from Board(attributes, views, now).queries()


@dataclass(frozen=True)
class Board:
    """A dashboard that somebody opens at a time."""

    attributes: Json
    views: Mapping[str, Json]
    now: datetime

    def queries(self) -> Iterator[DataQuery]:
        """Return the requests of its panels and controls."""
        for panel in json.loads(self.attributes["panelsJSON"]):
            if panel["type"] == "lens":
                yield from self._panel(panel)
            elif (panel["type"], panel["embeddableConfig"].get("savedVis", {}).get("type")) != MARKDOWN:
                raise UnsupportedError(f"panel of type {panel['type']}")
        for control in json.loads(self.attributes.get("controlGroupInput", {}).get("panelsJSON", "{}")).values():
            yield self._control(control)

    def _panel(self, panel: Json) -> Iterator[DataQuery]:
        lens = panel["embeddableConfig"]["attributes"]
        views = {reference["name"]: reference["id"] for reference in lens["references"]}
        layers = lens["state"]["datasourceStates"]["formBased"]["layers"]
        for number, (layer_id, layer) in enumerate(layers.items(), start=1):
            refuse_unknown(layer, LAYER_KEYS, "layer")
            columns = {id_: layer["columns"][id_] for id_ in layer["columnOrder"]}
            if all(column["operationType"] == "static_value" for column in columns.values()):
                continue
            view = self.views[views[f"indexpattern-datasource-layer-{layer_id}"]]
            period = self._period(panel["embeddableConfig"].get("timeRange"))
            name = f"{self.attributes['title']}: {panel.get('title') or lens['title']} ({number})"
            body = self._body(view, period, lens["state"]) | {"aggs": aggregations(columns, period)}
            yield DataQuery(name, view["title"], body, columns)

    def _control(self, control: Json) -> DataQuery:
        if control["type"] != "optionsListControl":
            raise UnsupportedError(f"control of type {control['type']}")
        given = control["explicitInput"]
        view, period = self.views[given["dataViewId"]], self._period()
        column = {"label": given["title"], "operationType": "terms", "isBucketed": True}
        terms = {"values": {"terms": {"field": given["fieldName"], "size": CONTROL_VALUES}}}
        name = f"{self.attributes['title']}: {given['title']} (control)"
        return DataQuery(name, view["title"], self._body(view, period) | {"aggs": terms}, {"values": column})

    def _period(self, own: Json | None = None) -> Period:
        shown = own or {"from": self.attributes["timeFrom"], "to": self.attributes["timeTo"]}
        return Period(moment(shown["from"], self.now), moment(shown["to"], self.now))

    def _body(self, view: Json, period: Period, state: Json | None = None) -> Json:
        """Return a search for what dashboard and panel (its `state`) let through."""
        source = json.loads(self.attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        state = state or {}
        times = {"gte": period.begin.isoformat(), "lte": period.end.isoformat()}
        conditions = [
            *([{"range": {view["timeFieldName"]: times}}] if "timeFieldName" in view else []),
            *(translate_query(part["query"]) for part in (source, state) if "query" in part),
            *(translate_filter(filter_) for filter_ in (*source.get("filter", []), *state.get("filters", []))),
        ]
        return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": conditions}}}


def moment(text: str, now: datetime) -> datetime:
    """Read a time as Kibana writes it: ISO 8601, ``now`` or ``now-24h``."""
    if not text.startswith("now"):
        return datetime.fromisoformat(text)
    found = re.fullmatch(r"now(?:([+-]\d+)([smhdw]))?", text)
    if found is None:
        raise UnsupportedError(f"time {text}")
    number, unit = found.groups(default="")
    return now + timedelta(seconds=int(number) * UNITS_S[unit]) if number else now


def translate_filter(stored: Json) -> Json:
    """Translate a filter of a panel or dashboard; one that is switched off lets everything through."""
    if stored["meta"].get("disabled"):
        return {"match_all": {}}
    wanted: Json = stored["query"]
    return {"bool": {"must_not": wanted}} if stored["meta"].get("negate") else wanted
