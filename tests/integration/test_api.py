"""The API over documents in a real Elasticsearch: sorts and cursors, filters, intervals, statistics, answers, FHIR."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from elasticsearch.helpers import bulk

from elastic.client import connect
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    AUDIT,
    LATEST,
    OBSERVATIONS,
    PREDICTIONS,
    all_months,
    fit_id,
    monthly_index,
)
from elastic.schema import put_templates
from elastic.scope import NOBODYS
from embedded.services import Addresses
from tests.integration.pipeline import delete_documents
from tests.support.fhir_models import r4b
from tests.support.ward import alerts_of
from tests.unit.webapp.api.documents import NEWEST, NEWEST_US, prediction, reading
from tests.unit.webapp.site import SAME_ORIGIN, Browser, Site, make_site

Bundle = r4b("Bundle")

pytestmark = pytest.mark.integration

RISKS = {"P-0001": 0.72, "P-0002": 0.45, "P-0003": 0.02, "Q-0001": 0.25, "urn:oid:1.2|7": 0.41}
MINUTES = (-60, -45, -30, -15, 0)
CRISIS: dict[str, Any] = {"systolic": 192.0, "diastolic": 101.0}


def documents() -> Iterator[dict[str, Any]]:
    for patient_id, risk in RISKS.items():
        readings, predictions = [], []
        for minutes in MINUTES:
            month = NEWEST_US + minutes * 60_000_000
            values = CRISIS if (patient_id, minutes) == ("P-0003", 0) else {}
            scored = prediction(patient_id, risk, minutes, **values)
            yield {"_index": monthly_index(OBSERVATIONS, month), "_source": reading(patient_id, minutes, **values)}
            yield {"_index": monthly_index(PREDICTIONS, month), "_source": scored}
            if minutes == 0:
                yield {"_index": LATEST, "_id": patient_id, "_source": scored}
            readings.append(reading(patient_id, minutes, **values))
            predictions.append(scored)
        for alert in alerts_of(readings, predictions, NEWEST):
            yield {"_index": ALERTS, "_id": fit_id(alert["alert_id"]), "_source": alert}


@pytest.fixture(scope="module")
def site(services: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder: Path = tmp_path_factory.mktemp("site")
    made = make_site(folder, elasticsearch_url=services.elasticsearch_url)
    made.clock.now = NEWEST
    made.clock.pass_by(minutes=2)
    client = connect(made.services.settings)
    delete_documents(client)
    client.options(ignore_status=404).indices.delete(index=ALERT_EVENTS)
    put_templates(client)
    bulk(client, documents(), refresh="wait_for")
    return made


@pytest.fixture(scope="module")
def browser(site: Site) -> Browser:
    return site.signed_in("clinician", name="anne")


def get(browser: Browser, path: str) -> Any:
    response = browser.get(f"/api/v1/{path}", page=False)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_json(force=True)


def patients(browser: Browser, path: str) -> list[str]:
    return [item["patient_id"] for item in get(browser, path)["items"]]


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("patients", 5),
        ("patients/P-0001/observations", 5),
        ("patients/P-0001/predictions", 5),
        ("observations", 25),
        ("predictions?min_risk_6h=0.4", 15),
    ],
)
def test_pages_together_are_the_whole_list_each_item_once(browser: Browser, path: str, count: int) -> None:
    items: list[Any] = []
    following = f"/api/v1/{path}{'&' if '?' in path else '?'}limit=3"
    while following:
        response = browser.get(following, page=False)
        items += response.get_json()["items"]
        link = response.headers.get("Link", "")
        following = link[1 : link.index(">")] if link else ""
    instants = [item["timestamp"] for item in items]
    assert len({(item["timestamp"], item["patient_id"]) for item in items}) == len(items) == count
    assert instants == sorted(instants, reverse=True)


def test_filters_narrow_lists(browser: Browser) -> None:
    assert patients(browser, "patients?level=HIGH") == ["P-0002", "urn:oid:1.2|7"]
    assert patients(browser, "patients?q=Q-") == ["Q-0001"]
    assert patients(browser, "observations?category=severe") == ["P-0003"]
    assert set(patients(browser, "predictions?level=CRITICAL")) == {"P-0001"}
    assert patients(browser, "observations?from=2026-03-01T07:00:00Z&to=2026-03-01T07:00:00.001Z&limit=9") == sorted(
        RISKS
    )


def test_the_end_of_a_span_is_left_out(browser: Browser) -> None:
    span = "from=2026-03-01T07:15:00Z&to=2026-03-01T08:00:00Z"
    items = get(browser, f"patients/P-0001/observations?{span}")["items"]
    assert [item["timestamp"][11:16] for item in items] == ["07:45", "07:30", "07:15"]


def test_a_patient_with_another_identifier_has_an_address(browser: Browser) -> None:
    found = get(browser, "patients/~dXJuOm9pZDoxLjJ8Nw")
    assert (found["patient_id"], found["alert_level"]) == ("urn:oid:1.2|7", "HIGH")


def test_intervals_give_lowest_mean_and_highest(browser: Browser) -> None:
    items = get(browser, "patients/P-0003/observations?interval=1h")["items"]
    assert [(item["timestamp"], item["readings"]) for item in items] == [
        ("2026-03-01T07:00:00.000Z", 4),
        ("2026-03-01T08:00:00.000Z", 1),
    ]
    assert items[0]["mean_arterial_pressure"] == {"min": 110.7, "avg": 110.7, "max": 110.7}
    assert items[1]["systolic"] == {"min": 192.0, "avg": 192.0, "max": 192.0}


def test_a_measured_crisis_leads_the_board(browser: Browser) -> None:
    sections = {section["urgency"]: section for section in get(browser, "board")["sections"]}
    critical = [(row["patient_id"], row["measured_crisis"]) for row in sections["CRITICAL"]["patients"]]
    assert critical == [("P-0003", True), ("P-0001", False)]
    assert (sections["HIGH"]["total"], sections["MEDIUM"]["total"], sections["NONE"]["total"]) == (2, 1, 0)


def test_statistics_count_what_is_stored(browser: Browser) -> None:
    summary = get(browser, "stats/summary")
    assert summary["patients"] == {"CRITICAL": 1, "HIGH": 2, "MEDIUM": 1, "LOW": 1}
    assert (summary["readings"]["stage_2"], summary["readings"]["severe"]) == (24, 1)
    assert [(hour["HIGH"], hour["LOW"]) for hour in get(browser, "stats/levels")["items"]] == [(8, 4), (2, 1)]
    assert [group["patients"] for group in get(browser, "stats/freshness")["items"]] == [5, 0, 0, 0, 0]
    burden = get(browser, "stats/alarm-burden")
    assert (burden["patients"], burden["levels"]["CRITICAL"]) == (5, {"predictions": 5, "patients": 1})


def test_of_two_who_acknowledge_at_once_one_is_first(site: Site, browser: Browser) -> None:
    alert_id = next(each["alert_id"] for each in get(browser, "alerts")["items"] if each["patient_id"] == "P-0001")
    others = [site.signed_in("clinician", name=f"person-{number}") for number in range(4)]

    def acknowledge(each: Browser) -> int:
        return each.send(
            "POST", f"/api/v1/alerts/{alert_id}/ack", json={"reason": "seen"}, headers=SAME_ORIGIN
        ).status_code

    with ThreadPoolExecutor(len(others)) as pool:
        assert sorted(pool.map(acknowledge, others)) == [200, 409, 409, 409]
    events = get(browser, f"alerts/{alert_id}")["events"]
    assert len(events) == 1


def test_fhir_searches_are_valid_and_complete(browser: Browser) -> None:
    for kind, count in (("Observation", 10), ("RiskAssessment", 5)):
        bundle = get(browser, f"fhir/{kind}?patient=P-0001&date=ge2026-03-01")
        Bundle.model_validate(bundle)
        assert len(bundle["entry"]) == count


def test_a_report_is_given_and_its_reader_is_in_the_audit(site: Site, browser: Browser) -> None:
    assert get(browser, "patients/P-0002/report.json")["whole"]["readings"] == 5
    client = site.services.search_within(NOBODYS).client
    client.indices.refresh(index=all_months(AUDIT))
    site.clock.pass_by(seconds=1)
    events = get(site.signed_in("admin"), "fhir/AuditEvent?patient=P-0002")
    Bundle.model_validate(events)
    exports = [entry["resource"] for entry in events["entry"] if "export" in str(entry["resource"]["subtype"])]
    assert [each["agent"][0]["who"]["identifier"]["value"] for each in exports] == ["anne"]


def test_the_site_is_ready(browser: Browser) -> None:
    """No alert service looks at the links here."""
    ready = browser.get("/readyz", page=False).get_json()
    assert ready == {"status": "ok", "elasticsearch": True, "store": True, "links": []}
