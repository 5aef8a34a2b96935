"""Wards on a real Elasticsearch: a register is loaded, and who is bound to a ward is told of its patients only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from pyspark.sql import SparkSession

from alerts import store
from alerts.model import AlertKind, Episode
from alerts.replay import Change
from alerts.rules import load_rules
from alerts.store import Said
from conf.settings import Settings
from elastic.bulk import write
from elastic.client import Search, SearchUnavailable, connect
from elastic.names import (
    ALERT_SERVICE,
    ALERTS,
    ALL_INDICES,
    AUDIT,
    LATEST,
    LOCATIONS,
    OBSERVATIONS,
    PREDICTIONS,
    REJECTED,
    STAYS,
    WARDS,
    monthly_index,
)
from elastic.schema import put_templates
from elastic.scope import NOBODYS, Scope
from elastic.search import alerts, wards
from embedded.services import Addresses
from jobs.erase import erase
from jobs.wards import load
from kibana.saved import ward_filter
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model
from tests.support.factories import observation, payload
from tests.support.two_wards import A, B, answer, requests, stored
from tests.support.ward import WATCH, writing
from tests.unit.webapp.site import NOON, make_site
from tests.unit.webapp.test_routes import rules
from webapp.services import EXTENSION
from webapp.store import users

pytestmark = pytest.mark.integration

OF_A, OF_B = Scope(frozenset("A")), Scope(frozenset("B"))
COMPARED = (
    "/",
    "/api/v1/alerts",
    "/api/v1/board",
    "/api/v1/fhir/Observation",
    "/api/v1/observations",
    "/api/v1/patients",
    "/api/v1/patients/<patient_id>",
    "/api/v1/predictions",
    "/api/v1/stats/alarm-burden",
    "/api/v1/stats/freshness",
    "/api/v1/stats/levels",
    "/api/v1/stats/summary",
    "/board/rows",
    "/handover",
    "/patients",
    "/patients/<patient:patient_id>/chart",
    "/predictions",
    "/stats",
)


@pytest.fixture
def client(services: Addresses) -> Elasticsearch:
    client = connect(Settings(elasticsearch_url=services.elasticsearch_url))
    client.indices.delete(index=[STAYS, WARDS], ignore_unavailable=True)
    delete_documents(client)
    put_templates(client)
    return client


def put(client: Elasticsearch, *patient_ids: str) -> None:
    """Store all of some patients, and what is about nobody."""
    client.index(index=ALERT_SERVICE, id="lease", document=WATCH)
    for number, (family, document) in enumerate(stored(NOON, *patient_ids)):
        if family in (OBSERVATIONS, PREDICTIONS, LATEST, ALERTS):
            write(client, [writing(family, document)])
            continue
        named = {WARDS: document.get("ward"), REJECTED: f"{document.get('patient_id')}-{number}"}
        index = monthly_index(AUDIT, round(NOON.timestamp() * 1e6)) if family == AUDIT else family
        client.index(index=index, id=named.get(family) or str(document["patient_id"]), document=document)
    client.indices.refresh(index=ALL_INDICES)


def register(**wards_of: str) -> list[dict[str, Any]]:
    return [{"patient_id": patient_id.replace("_", "-"), "ward": ward} for patient_id, ward in wards_of.items()]


def seen(client: Elasticsearch, scope: Scope) -> set[str]:
    """Return the patients of whom a scope is told, by searches and by their ids alike."""
    search = Search(client).scoped(scope)
    found = {document["patient_id"] for document in search.pages(LATEST, {"sort": ["patient_id"]}, 10)}
    assert set(search.get_many(LATEST, [A, B])) == found
    assert {id_ for id_ in (A, B) if search.get(LATEST, id_)} == found
    return found


def test_the_register_says_who_sees_whom_and_a_new_one_at_once(client: Elasticsearch) -> None:
    put(client, A, B)
    client.indices.delete(index=[STAYS, WARDS])
    search = Search(client)
    with pytest.raises(SearchUnavailable, match=r"python -m jobs\.wards"):
        search.scoped(OF_A).count(LATEST, {"match_all": {}})
    with pytest.raises(SearchUnavailable, match="no such index"):
        search.scoped(OF_A).ask_all(LATEST, [{"size": 0}])

    load(search, register(anna_of_a="A", boris_of_b="B"), NOON)
    assert (seen(client, OF_A), seen(client, OF_B), seen(client, Scope())) == ({A}, {B}, {A, B})
    assert (seen(client, Scope(frozenset("AB"))), seen(client, NOBODYS)) == ({A, B}, set())
    assert wards.names(search) == ["A", "B"]

    load(search, register(anna_of_a="B", boris_of_b="B"), NOON + timedelta(hours=1))
    assert (seen(client, OF_A), seen(client, OF_B), wards.names(search)) == (set(), {A, B}, ["B"])

    load(search, register(anna_of_a="A"), NOON)
    assert (seen(client, OF_A), seen(client, OF_B)) == (set(), {A, B})  # it is older than the one before

    load(search, register(anna_of_a="A"), NOON + timedelta(hours=2))
    assert (seen(client, OF_A), seen(client, OF_B), wards.names(search)) == ({A}, set(), ["A"])


def test_the_filter_of_a_dashboard_finds_whom_the_site_finds(client: Elasticsearch) -> None:
    put(client, A, B)
    load(Search(client), register(anna_of_a="A", boris_of_b="B"), NOON)
    for ward, patient_id in (("A", A), ("B", B)):
        query = {"bool": {"must": [{"match_all": {}}], "filter": [ward_filter(ward)["query"]]}}
        levels = {
            "levels": {
                "terms": {"field": "alert_level"},
                "aggs": {"patients": {"cardinality": {"field": "patient_id"}}},
            }
        }
        found = client.search(index=LATEST, query=query, aggs=levels)
        assert [hit["_source"]["patient_id"] for hit in found["hits"]["hits"]] == [patient_id]
        assert [each["patients"]["value"] for each in found["aggregations"]["levels"]["buckets"]] == [1]
    nobody = client.search(index=LATEST, query=ward_filter("a ward without patients")["query"])
    assert nobody["hits"]["hits"] == []


def test_who_is_erased_lies_in_no_ward(client: Elasticsearch) -> None:
    put(client, A, B)
    erase(client, B, None)
    search = Search(client)
    assert (list(wards.all_stays(search)), wards.names(search)) == ([A], ["A"])


def test_an_alert_says_where_its_patient_lay_when_it_was_raised(client: Elasticsearch) -> None:
    put(client, B)
    search, rules = Search(client), load_rules()
    begun = Episode(AlertKind.LIMIT, NOON, rank=2, peak=2, mark=2, raised_at=NOON, met_at=NOON, changed_at=NOON)
    store.put(search, [(Said(B), Change(None, begun)), (Said("nobody-knows"), Change(None, begun))], rules, NOON)
    load(search, register(boris_of_b="A"), NOON + timedelta(hours=1))
    (raised,) = store.open_of_kind(search, AlertKind.LIMIT, [B])[B]
    later = replace(begun, changed_at=NOON + timedelta(hours=1))
    assert not store.put(search, [(Said(B), Change(raised, later))], rules, NOON)
    found = {
        alert["patient_id"]: alert.get("ward") for alert in alerts.open_page(search, limit=9, level="HIGH").documents
    }
    assert found == {B: "B", "nobody-knows": None}


def answers(folder: Path, client: Elasticsearch, *, is_leaking: bool = False) -> dict[str, str]:
    """Return what the nurse of ward A gets, by request."""
    site = make_site(folder, Search(client))
    users.set_wards(site.services.store, site.add_user("nurse").id, ["A"])
    if is_leaking:
        site.app.extensions[EXTENSION] = replace(site.services, search_within=lambda _: Search(client))
    asked = [each for each in requests(rules(site.app), NOON) if each.method == "GET" and each.rule in COMPARED]
    assert {each.rule for each in asked} == set(COMPARED)
    return {each.path: answer(site, "nurse", each) for each in asked}


def test_no_figure_list_or_page_is_otherwise_because_there_is_a_patient_of_another_ward(
    client: Elasticsearch, tmp_path: Path
) -> None:
    put(client, A)
    alone = answers(tmp_path / "alone", client)
    put(client, B)
    assert answers(tmp_path / "both", client) == alone
    leaking = answers(tmp_path / "leaking", client, is_leaking=True)
    told = {path.partition("?")[0] for path, text in leaking.items() if text != alone[path]}
    named = "/patients/{}/chart", "/api/v1/patients/{}"
    assert told >= {path for path in COMPARED if "<" not in path} | {path.format(B) for path in named}


@pytest.fixture
def pipeline(services: Addresses, spark: SparkSession, tmp_path: Path) -> Pipeline:
    """Return a stream that hears Encounters and Locations, and of which nothing is stored yet."""
    settings = build_settings(services, tmp_path, wards_from_encounters=True)
    publish_model(settings.model_dir)
    made = Pipeline(settings, spark)
    delete_documents(made.client)
    made.client.indices.delete(index=[STAYS, WARDS, LOCATIONS], ignore_unavailable=True)
    return made


def test_encounters_on_the_topic_move_patients_where_the_house_wants_it(pipeline: Pipeline) -> None:
    """1. Admitted with a reading. 2. Moved. 3. A late message of before. 4. Discharged."""
    search, now = Search(pipeline.client), datetime.now(UTC)

    def told(ward: str, minutes_ago: float, status: str = "in-progress") -> tuple[str, bytes]:
        encounter = {
            "resourceType": "Encounter",
            "id": "e-1",
            "status": status,
            "meta": {"lastUpdated": (now - timedelta(minutes=minutes_ago)).isoformat()},
            "subject": {"reference": "Patient/p-1"},
            "location": [{"location": {"display": ward}}],
        }
        return "p-1", payload(encounter)

    def counted(ward: str) -> int:
        return search.scoped(Scope(frozenset({ward}))).count(OBSERVATIONS, {"match_all": {}})

    reading = observation(subject={"reference": "Patient/p-1"}, effectiveDateTime=now.isoformat())
    pipeline.send_all([told("A", 9), ("p-1", payload(reading))])
    pipeline.drain()
    pipeline.client.indices.refresh(index=ALL_INDICES)
    assert (counted("A"), counted("B")) == (1, 0)

    pipeline.send_all([told("B", 5), told("A", 7)])
    pipeline.drain()
    assert (counted("A"), counted("B"), wards.names(search)) == (0, 1, ["B"])

    pipeline.send_all([told("B", 1, "finished")])
    pipeline.drain()
    assert (counted("B"), wards.names(search), wards.of_patients(search, ["p-1"])) == (0, [], {})

    totals = pipeline.metrics()["queries"]["ingest"]["totals"]  # of the last run
    assert (totals["readings"], totals["rejected"], totals["ignored"]) == (0, 0, 1)


def test_locations_on_the_topic_say_in_which_ward_a_bed_is_whichever_comes_first(pipeline: Pipeline) -> None:
    """1. A bed of which nothing is known. 2. Its Location and its ward's. 3. A bed that is known. 4. Repeated."""
    search, now = Search(pipeline.client), datetime.now(UTC)

    def changed(minutes_ago: float) -> dict[str, str]:
        return {"lastUpdated": (now - timedelta(minutes=minutes_ago)).isoformat()}

    def lies_in(bed: str, minutes_ago: float) -> tuple[str, bytes]:
        place = {"location": {"reference": f"Location/{bed}"}, "physicalType": {"coding": [{"code": "bd"}]}}
        more = {"id": "e-1", "status": "in-progress", "subject": {"reference": "Patient/p-1"}}
        resource = {"resourceType": "Encounter", "meta": changed(minutes_ago), "location": [place], **more}
        return "p-1", payload(resource)

    def location(id_: str, kind: str, name: str, minutes_ago: float, part_of: str | None = None) -> tuple[str, bytes]:
        above = {"partOf": {"reference": f"Location/{part_of}"}} if part_of else {}
        more = {"id": id_, "name": name, "physicalType": {"coding": [{"code": kind}]}, **above}
        return id_, payload({"resourceType": "Location", "meta": changed(minutes_ago), **more})

    def told(*messages: tuple[str, bytes]) -> tuple[str | None, str | None]:
        pipeline.send_all(list(messages))
        pipeline.drain()
        found = wards.of_patients(search, ["p-1"]).get("p-1", {})
        return found.get("ward"), found.get("bed")

    assert told(lies_in("b-12", 9)) == (None, None)
    assert told(location("b-12", "bd", "12", 99, "w-1"), location("w-1", "wa", "Cardiology", 99)) == (
        "Cardiology",
        "12",
    )
    known = location("b-7", "bd", "7", 99, "w-2"), location("w-2", "wa", "Rehab", 8)
    assert told(*known, lies_in("b-7", 5), location("w-2", "wa", "Old name", 50)) == ("Rehab", "7")

    pipeline.forget_last_commit()
    assert told() == ("Rehab", "7")
    reading = observation(subject={"reference": "Patient/p-1"}, effectiveDateTime=now.isoformat())
    assert told(("p-1", payload(reading)), lies_in("b-12", 7)) == ("Rehab", "7")
    pipeline.client.indices.refresh(index=ALL_INDICES)
    counts = [
        search.scoped(Scope(frozenset({ward}))).count(OBSERVATIONS, {"match_all": {}})
        for ward in ("Cardiology", "Rehab")
    ]
    assert (counts, wards.names(search)) == ([0, 1], ["Rehab"])
