"""Every panel and control of the dashboards has something to show of what the real pipeline, monitor and site wrote.

The strongest proof of the dashboards without a Kibana: their layers, translated to what Kibana would ask (see
`tests.support.kibana_queries`), run on the real Elasticsearch. How a browser draws the answers is not proved.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import SparkSession

from elastic.names import OBSERVATIONS
from embedded.services import Addresses
from kibana.importer import SAVED_OBJECTS
from tests.integration.kibana_ward import Ward, open_ward
from tests.support.kibana_queries import DataQuery, queries, read_objects
from tests.support.lens import RECORDS, Columns, Period, aggregations

pytestmark = pytest.mark.integration

TEXT = SAVED_OBJECTS.read_text(encoding="utf-8")


def of_names(text: str, now: datetime) -> dict[str, DataQuery]:
    """Return the requests of all panels and controls by name."""
    return {request.name: request for request in queries(read_objects(text), now)}


KINDS = ("dashboard", "index-pattern")
EXISTS = {"exists": {"field": "systolic"}}
NAMES = list(of_names(TEXT, datetime.now(UTC)))


def plain(name: str) -> str:
    """Return the text without accents, which pytest shows as numbers."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


@pytest.fixture(scope="module")
def ward(services: Addresses, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """Run the pipeline once for all panels."""
    return open_ward(services, spark, tmp_path_factory.mktemp("kibana"))


@pytest.mark.parametrize("name", NAMES, ids=plain)
def test_a_panel_or_control_has_something_to_show(ward: Ward, name: str) -> None:
    assert ward.faults(of_names(TEXT, ward.now)[name]) == []


def test_every_dashboard_and_every_data_view_is_asked_for(ward: Ward) -> None:
    found = of_names(TEXT, ward.now).values()
    titles = {
        kind: {object_["attributes"]["title"] for object_ in read_objects(TEXT) if object_["type"] == kind}
        for kind in KINDS
    }
    assert {request.name.partition(":")[0] for request in found} == titles["dashboard"]
    assert {request.index for request in found} == titles["index-pattern"]
    assert len(found) == len(list(queries(read_objects(TEXT), ward.now)))


def test_a_table_shows_the_figures_of_the_documents(ward: Ward) -> None:
    # what the translation counts and finds is what a plain computation on all documents finds
    latest, asked = ward.latest(), of_names(TEXT, ward.now)
    (counted,) = ward.ask(asked["Vue du service: Patients suivis (1)"])
    assert list(counted.values()) == [len(latest)]
    levels = ward.ask(asked["Vue du service: Patients par niveau prédit (1)"])
    of_levels = Counter(prediction["alert_level"] for prediction in latest)
    assert sorted(list(row.values())[-1] for row in levels) == sorted(of_levels.values())
    (newest,) = ward.ask(asked["Patient: Systolique (1)"])
    found = ward.client.search(index=OBSERVATIONS, size=1, sort=[{"@timestamp": "desc"}], query=EXISTS)
    assert list(newest.values()) == [found["hits"]["hits"][0]["_source"]["systolic"]]


def misspelt(columns: Columns) -> Iterator[Columns]:
    """Yield the columns of a layer, each time with the name of one field that does not exist."""
    for id_, column in columns.items():
        if column.get("sourceField", RECORDS) != RECORDS:
            yield {**columns, id_: column | {"sourceField": column["sourceField"] + "_"}}
        if "sortField" in column.get("params", {}):
            yield {**columns, id_: column | {"params": {"sortField": column["params"]["sortField"] + "_"}}}


def test_no_field_of_any_column_can_be_misspelt_unnoticed(ward: Ward) -> None:
    day, tried = Period(ward.now - timedelta(days=1), ward.now), 0
    for query in of_names(TEXT, ward.now).values():
        for columns in misspelt(query.columns):
            wrong = replace(query, columns=columns, body=query.body | {"aggs": aggregations(columns, day)})
            assert ward.faults(wrong), (query.name, columns)
            tried += 1
    assert tried > len(NAMES)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("critical_risk_6h", "critical_risk_7h", "Patient: Risque à 6 h (1)"),
        ("CRITICAL", "CRITIQUE", "Prédictions et alertes: Patients à risque critique (1)"),
        ("blood-pressure-rejected", "blood-pressure-refused", "Santé de la chaîne: Motifs de refus (1)"),
        ("patient_id", "patient", "Vue du service: Patient (control)"),
        ("now-24h", "now-1s", "Vue du service: Mesures (1)"),
    ],
)
def test_what_finds_nothing_is_reported(ward: Ward, right: str, wrong: str, expected: str) -> None:
    # planted in the saved objects: a field, a value, an index, the field of a control, the time shown
    query = of_names(TEXT.replace(right, wrong), ward.now)[expected]
    assert ward.faults(query)
