"""What is asked of Elasticsearch for a layer, a panel and a control, and how the answer is judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kibana.importer import SAVED_OBJECTS
from tests.support.kibana_queries import DataQuery, moment, queries, read_objects
from tests.support.kql import KqlError
from tests.support.lens import Period, UnsupportedError, aggregations, emptiness, table

Json = dict[str, Any]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = Period(NOW - timedelta(days=1), NOW)
EVERYTHING: Json = {"match_all": {}}
HIGH = {"match_phrase": {"alert_level": "HIGH"}}


def query(text: str = "", language: str = "kuery") -> Json:
    return {"query": text, "language": language}


def column(operation: str, field: str = "systolic", *, bucketed: bool = False, **more: Any) -> Json:
    return {
        "label": f"{operation} of {field}",
        "customLabel": True,
        "dataType": "number",
        "isBucketed": bucketed,
        "operationType": operation,
        "scale": "ratio",
        "sourceField": field,
        "params": {"emptyAsNull": True},
    } | more


def count(**more: Any) -> Json:
    return column("count", "___records___", **more)


def last_value(field: str = "systolic", **more: Any) -> Json:
    newest: Json = {"params": {"sortField": "@timestamp"}, "filter": query(f"{field}: *")}
    return column("last_value", field, **(newest | more))


def by_time(interval: str = "auto", **params: Any) -> Json:
    all_params = {"interval": interval, "includeEmptyRows": True, "dropPartials": False} | params
    return column("date_histogram", "@timestamp", bucketed=True, params=all_params)


def terms(field: str = "patient_id", by: str = "", **params: Any) -> Json:
    order = {"type": "column", "columnId": by} if by else {"type": "alphabetical"}
    usual = {"size": 5, "orderBy": order, "orderDirection": "desc" if by else "asc", "parentFormat": {"id": "terms"}}
    off = dict.fromkeys(("otherBucket", "missingBucket", "includeIsRegex", "excludeIsRegex"), False)
    return column("terms", field, bucketed=True, params=usual | off | {"include": [], "exclude": []} | params)


def filters(**by_label: str) -> Json:
    chosen = [{"input": query(text), "label": label} for label, text in by_label.items()]
    return column("filters", bucketed=True, params={"filters": chosen})


def static(value: float = 180) -> Json:
    return column("static_value", params={"value": value}, references=[])


def lens(*layers: Json, title: str = "Pressures", text: str = "", filtered: list[Json] | None = None) -> Json:
    """Return a panel with these layers of columns, of the data view ``view-1``."""
    by_id = {
        f"layer-{number}": {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}, "sampling": 1}
        for number, columns in enumerate(layers)
    }
    references = [
        {"type": "index-pattern", "id": "view-1", "name": f"indexpattern-datasource-layer-{id_}"} for id_ in by_id
    ]
    state = {
        "datasourceStates": {"formBased": {"layers": by_id}},
        "query": query(text),
        "filters": filtered or [],
    }
    return {
        "type": "lens",
        "title": title,
        "embeddableConfig": {"attributes": {"title": "", "references": references, "state": state}},
    }


def visualization(kind: str) -> Json:
    return {"type": "visualization", "embeddableConfig": {"savedVis": {"type": kind}}}


def objects(*panels: Json, text: str = "", control: Json | None = None) -> list[Json]:
    """Return a data view and a dashboard of the last day with these panels."""
    board: Json = {
        "title": "Ward",
        "timeFrom": "now-24h",
        "timeTo": "now",
        "panelsJSON": json.dumps(panels),
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps({"query": query(text), "filter": []})},
    }
    if control:
        board["controlGroupInput"] = {"panelsJSON": json.dumps({"control-1": control})}
    view = {"title": "blood-pressure-observations-*", "timeFieldName": "@timestamp"}
    return [
        {"type": "dashboard", "id": "board-1", "attributes": board},
        {"type": "index-pattern", "id": "view-1", "attributes": view},
    ]


def only(found: list[Json]) -> DataQuery:
    (request,) = queries(found, NOW)
    return request


def conditions(found: list[Json]) -> list[Json]:
    """Return what a document must fulfil besides being of the time that is shown."""
    (_, *others) = only(found).body["query"]["bool"]["filter"]
    return [condition for condition in others if condition != EVERYTHING]


def answer(total: int = 1, **of_aggregations: Any) -> Json:
    return {"hits": {"total": {"value": total}}, "aggregations": of_aggregations}


def hits(**fields: Any) -> Json:
    return {"hits": {"hits": [{"fields": {name: [value] for name, value in fields.items()}}]}}


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (column("average"), {"avg": {"field": "systolic"}}),
        (column("max"), {"max": {"field": "systolic"}}),
        (column("min"), {"min": {"field": "systolic"}}),
        (column("unique_count", "patient_id"), {"cardinality": {"field": "patient_id"}}),
        (column("median"), {"percentiles": {"field": "systolic", "percents": [50.0]}}),
        (count(filter=query('alert_level : "HIGH"')), {"filter": HIGH}),
        (
            column("average", filter=query('alert_level : "HIGH"')),
            {"filter": HIGH, "aggs": {"figure": {"avg": {"field": "systolic"}}}},
        ),
        (
            last_value(),
            {
                "filter": {"exists": {"field": "systolic"}},
                "aggs": {
                    "figure": {
                        "top_hits": {
                            "size": 1,
                            "sort": [{"@timestamp": {"order": "desc"}}],
                            "docvalue_fields": ["systolic"],
                            "_source": False,
                        }
                    }
                },
            },
        ),
    ],
)
def test_each_figure_has_its_aggregation(figure: Json, expected: Json) -> None:
    assert aggregations({"figure": figure}, DAY) == {"figure": expected}


@pytest.mark.parametrize("figure", [count(), static()])
def test_a_plain_count_and_a_fixed_value_ask_for_nothing(figure: Json) -> None:
    assert aggregations({"figure": figure}, DAY) == {}


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        (terms(), {"terms": {"field": "patient_id", "size": 5, "order": {"_key": "asc"}}}),
        (
            terms(include=["a"], exclude=["b"]),
            {"terms": {"field": "patient_id", "size": 5, "order": {"_key": "asc"}, "include": ["a"], "exclude": ["b"]}},
        ),
        (
            filters(High='alert_level : "HIGH"', All=""),
            {"filters": {"filters": {"High": HIGH, "All": EVERYTHING}}},
        ),
        (by_time(), {"date_histogram": {"field": "@timestamp", "fixed_interval": "30m", "min_doc_count": 0}}),
        (
            by_time("1d", includeEmptyRows=False),
            {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d", "min_doc_count": 1}},
        ),
        (by_time("1w"), {"date_histogram": {"field": "@timestamp", "calendar_interval": "1w", "min_doc_count": 0}}),
    ],
)
def test_each_bucket_column_has_its_aggregation(bucket: Json, expected: Json) -> None:
    assert aggregations({"bucket": bucket, "figure": count()}, DAY) == {"bucket": expected}


def test_bucket_columns_lie_within_each_other_and_figures_in_the_innermost() -> None:
    found = aggregations({"a": by_time(), "b": terms(), "c": column("max"), "d": column("min")}, DAY)
    assert found["a"]["aggs"]["b"]["aggs"] == {"c": {"max": {"field": "systolic"}}, "d": {"min": {"field": "systolic"}}}


@pytest.mark.parametrize(
    ("figure", "path", "within"),
    [
        (count(), "_count", {}),
        (column("max"), "order", {"order": {"max": {"field": "systolic"}}}),
        (column("median"), "order.50", {"order": {"percentiles": {"field": "systolic", "percents": [50.0]}}}),
        (count(filter=query('alert_level : "HIGH"')), "order._count", {"order": {"filter": HIGH}}),
        (
            last_value(),
            "order>order",
            {
                "order": {
                    "filter": {"exists": {"field": "systolic"}},
                    "aggs": {"order": {"max": {"field": "systolic"}}},
                }
            },
        ),
    ],
)
def test_values_are_sorted_by_a_figure_of_their_own_buckets(figure: Json, path: str, within: Json) -> None:
    columns = {"who": terms(by="figure"), "when": by_time(), "figure": figure}
    found = aggregations(columns, DAY)["who"]
    assert found["terms"]["order"] == {path: "desc"}
    assert {name: figure for name, figure in found["aggs"].items() if name != "when"} == within


@pytest.mark.parametrize(
    ("hours", "expected"), [(0.25, "30s"), (1, "1m"), (6, "5m"), (24, "30m"), (72, "1h"), (168, "3h"), (720, "12h")]
)
def test_the_interval_suits_the_time_that_is_shown(hours: float, expected: str) -> None:
    assert Period(NOW - timedelta(hours=hours), NOW).interval() == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (column("formula"), "operation formula"),
        (column("average", timeShift="1d"), "average with timeShift"),
        (column("average", params={"window": 3}), "average with window"),
        (count(sourceField="systolic"), "count of a field"),
        (by_time(dropPartials=True), "date_histogram with dropPartials"),
        (terms(otherBucket=True), "terms with otherBucket"),
        (terms(orderBy={"type": "rare"}), "order by rare"),
        (terms() | {"filter": query()}, "terms with a filter"),
        (column("average", filter=query("a:b", "lucene")), "query language lucene"),
    ],
)
def test_what_is_not_known_is_refused(given: Json, expected: str) -> None:
    with pytest.raises(UnsupportedError, match=expected):
        aggregations({"given": given}, DAY)


def test_a_query_that_is_not_understood_is_refused() -> None:
    with pytest.raises(KqlError, match="not understood"):
        aggregations({"given": count(filter=query("alert_level = HIGH"))}, DAY)


def test_each_layer_of_each_panel_makes_a_request_unless_it_holds_fixed_values_only() -> None:
    first = lens({"when": by_time(), "mean": column("average")}, {"limit": static()}, {"n": count()})
    found = list(queries(objects(first, lens({"n": count()}, title="Readings"), visualization("markdown")), NOW))
    assert [request.name for request in found] == ["Ward: Pressures (1)", "Ward: Pressures (3)", "Ward: Readings (1)"]
    assert {request.index for request in found} == {"blood-pressure-observations-*"}
    assert [list(request.columns) for request in found] == [["when", "mean"], ["n"], ["n"]]


def test_a_request_asks_for_the_time_that_the_dashboard_shows() -> None:
    found = only(objects(lens({"n": count()}))).body["query"]["bool"]["filter"]
    assert found[0] == {
        "range": {"@timestamp": {"gte": "2026-02-28T12:00:00+00:00", "lte": "2026-03-01T12:00:00+00:00"}}
    }


def test_a_panel_may_show_a_time_of_its_own() -> None:
    panel = lens({"when": by_time(), "n": count()})
    panel["embeddableConfig"]["timeRange"] = {"from": "now-1h", "to": "now"}
    found = only(objects(panel)).body
    assert found["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"] == "2026-03-01T11:00:00+00:00"
    assert found["aggs"]["when"]["date_histogram"]["fixed_interval"] == "1m"


def test_the_queries_of_dashboard_and_panel_both_count() -> None:
    found = objects(lens({"n": count()}, text="systolic >= 180"), text='alert_level : "HIGH"')
    assert conditions(found) == [HIGH, {"range": {"systolic": {"gte": "180"}}}]


def test_filters_of_a_panel_count_unless_they_are_switched_off() -> None:
    wanted = {"match_phrase": {"kind": "quality"}}
    stored: list[Json] = [
        {"meta": {}, "query": wanted},
        {"meta": {"negate": True}, "query": HIGH},
        {"meta": {"disabled": True}, "query": {"match_none": {}}},
    ]
    assert conditions(objects(lens({"n": count()}, filtered=stored))) == [wanted, {"bool": {"must_not": HIGH}}]


def test_a_control_asks_for_the_values_of_its_field() -> None:
    given = {"dataViewId": "view-1", "fieldName": "patient_id", "title": "Patient"}
    found = only(objects(control={"type": "optionsListControl", "explicitInput": given}))
    assert (found.name, found.index) == ("Ward: Patient (control)", "blood-pressure-observations-*")
    assert found.body["aggs"] == {"values": {"terms": {"field": "patient_id", "size": 10}}}
    values = {"buckets": [{"key": "P-1", "doc_count": 3}]}
    assert table(found.columns, answer(3, values=values)) == [{"values": "P-1"}]


@pytest.mark.parametrize(
    "found",
    [
        objects(visualization("vega")),
        objects({"type": "links", "embeddableConfig": {}}),
        objects(control={"type": "rangeSliderControl", "explicitInput": {}}),
    ],
)
def test_panels_and_controls_of_other_kinds_are_refused(found: list[Json]) -> None:
    with pytest.raises(UnsupportedError):
        list(queries(found, NOW))


def test_a_layer_with_a_setting_that_would_be_overlooked_is_refused() -> None:
    panel = lens({"n": count()})
    layers = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
    layers["layer-0"]["ignoreGlobalFilters"] = True
    with pytest.raises(UnsupportedError, match="layer with ignoreGlobalFilters"):
        list(queries(objects(panel), NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-90m", NOW - timedelta(minutes=90)),
        ("now-7d", NOW - timedelta(days=7)),
        ("now+1w", NOW + timedelta(weeks=1)),
        ("2026-03-01T12:00:00Z", NOW),
    ],
)
def test_times_are_read_as_kibana_writes_them(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


def test_a_time_in_another_form_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="time now/d"):
        moment("now/d", NOW)


def test_objects_are_read_line_by_line() -> None:
    written = "".join(json.dumps(object_) + "\n" for object_ in objects())
    assert read_objects(written) == objects()


def test_the_dashboards_of_the_project_hold_nothing_that_is_not_known() -> None:
    names = [request.name for request in queries(read_objects(SAVED_OBJECTS.read_text(encoding="utf-8")), NOW)]
    assert len(names) == len(set(names)) > 50


def test_the_table_has_a_row_for_each_innermost_bucket_with_documents() -> None:
    columns = {"who": terms(), "level": filters(High='alert_level : "HIGH"', Low=""), "n": count(), "m": column("max")}
    low = {"doc_count": 2, "m": {"value": 120.0}}
    buckets = [
        {
            "key": "P-1",
            "doc_count": 5,
            "level": {"buckets": {"High": {"doc_count": 3, "m": {"value": 190.0}}, "Low": low}},
        },
        {
            "key": "P-2",
            "doc_count": 2,
            "level": {"buckets": {"High": {"doc_count": 0, "m": {"value": None}}, "Low": low}},
        },
        {"key": "P-3", "doc_count": 0},
    ]
    assert table(columns, answer(7, who={"buckets": buckets})) == [
        {"who": "P-1", "level": "High", "n": 3, "m": 190.0},
        {"who": "P-1", "level": "Low", "n": 2, "m": 120.0},
        {"who": "P-2", "level": "Low", "n": 2, "m": 120.0},
    ]


@pytest.mark.parametrize(
    ("figure", "told", "expected"),
    [
        (count(), {}, 1),
        (count(filter=query("a: b")), {"doc_count": 4}, 4),
        (count(filter=query("a: b")), {"doc_count": 0}, None),
        (column("average"), {"value": 0.0}, 0.0),
        (column("average"), {"value": None}, None),
        (column("average", filter=query("a: b")), {"doc_count": 1, "figure": {"value": 3.0}}, 3.0),
        (column("unique_count"), {"value": 0}, None),
        (column("median"), {"values": {"50.0": 128.0}}, 128.0),
        (last_value(), {"doc_count": 1, "figure": hits(systolic=181.0)}, 181.0),
        (last_value(), {"doc_count": 0, "figure": {"hits": {"hits": []}}}, None),
        (static(180), {}, 180),
    ],
)
def test_each_figure_is_read_from_its_aggregation(figure: Json, told: Json, expected: float | None) -> None:
    assert table({"figure": figure}, answer(1, figure=told)) == [{"figure": expected}]


def test_without_documents_there_are_no_rows() -> None:
    assert table({"n": count()}, {"hits": {"total": {"value": 0}}}) == []


def test_a_full_table_lacks_nothing() -> None:
    columns = {"who": terms(), "m": column("max")}
    assert emptiness(columns, [{"who": "P-1", "m": None}, {"who": "P-2", "m": 0.0}]) == []


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        ({"n": count()}, [], "no rows"),
        ({"who": terms(), "m": column("max")}, [{"who": "P-1", "m": None}], "no value of 'max of systolic'"),
        (
            {"level": filters(High="", Low=""), "n": count()},
            [{"level": "Low", "n": 3}],
            "nothing under 'High' of 'filters of systolic'",
        ),
    ],
)
def test_what_a_table_lacks_is_named(columns: dict[str, Json], rows: list[Json], expected: str) -> None:
    assert emptiness(columns, rows) == [expected]
