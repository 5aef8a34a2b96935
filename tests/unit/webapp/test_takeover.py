"""Pages and API show what commit 5a51d4a has stored; its accounts are the matter of store/test_before.py."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from elastic.names import AUDIT, OBSERVATIONS, PREDICTIONS
from tests.support import before
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import MONTHS, FakeSearch
from tests.support.ward import alerts_of
from tests.unit.webapp.site import Site, make_site
from webapp.audit.search import INDICES
from webapp.audit.spool import ship_leftovers
from webapp.store import users

EXPECTED = before.expectations()
PATIENT = "sim11-00000"


@pytest.fixture
def site(tmp_path: Path, fake: FakeElasticsearch) -> Site:
    """Return the site a minute after the last of it was made, with what it left in files and documents."""
    before.unpack("site", tmp_path)
    metrics_file = before.unpack("files", tmp_path) / "local" / "metrics.json"
    search = FakeSearch()
    for stored in before.documents():
        family = MONTHS.sub("", stored.index)
        search.put(INDICES if INDICES.startswith(family) else family, stored.source)
    of_patient = [
        [it.source for it in before.documents() if it.index.startswith(family) and it.source["patient_id"] == PATIENT]
        for family in (f"{OBSERVATIONS}-", f"{PREDICTIONS}-")
    ]
    readings, predictions = (sorted(found, key=lambda document: document["@timestamp"]) for found in of_patient)
    search.put_alerts(
        *alerts_of(readings, predictions, before.made_at())
    )  # what the first look of the alert service makes of it
    secrets = {name: EXPECTED[name] for name in ("secret_key", "password_pepper")}
    site = make_site(tmp_path, search, metrics_file=metrics_file, elasticsearch_url=fake.url, **secrets)
    site.clock.now = before.made_at() + timedelta(minutes=1)
    return site


def as_user(site: Site, path: str, name: str = "anne") -> str:
    """Return the page that the user of that name sees."""
    answer = site.client(users.find(site.services.store, name)).get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "192/123"),
        ("/patients", "sim11-00009"),
        (f"/patients/{PATIENT}", "Nicardipine begun."),
        (f"/patients/{PATIENT}", "125\N{EN DASH}139"),
        (f"/patients/{PATIENT}?view=table", ">191<"),
        (f"/patients/{PATIENT}/report", "192/123"),
        (f"/patients/{PATIENT}/data.csv", ",192"),
    ],
)
def test_pages_show_its_documents(site: Site, path: str, shown: str) -> None:
    assert shown in as_user(site, path)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/admin/audit", "anne"),
        ("/admin/audit?action=ack", PATIENT),
        ("/admin/system", before.VERSION),
        ("/admin/users", "former"),
        ("/admin/tokens", "the hospital&#39;s dashboard"),
    ],
)
def test_pages_of_the_administrator_show_what_it_left(site: Site, path: str, shown: str) -> None:
    assert shown in as_user(site, path, "lea")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/api/v1/patients/{PATIENT}/observations?limit=2", {"systolic": 192.0}),
        (f"/api/v1/patients/{PATIENT}/predictions?limit=2", {"model_version": before.VERSION}),
        ("/api/v1/patients", {"patient_id": PATIENT}),
        ("/api/v1/alerts", {"patient_id": PATIENT}),
    ],
)
def test_its_token_reads_its_documents(site: Site, path: str, shown: dict[str, Any]) -> None:
    bearer = {"Authorization": f"Bearer {EXPECTED['tokens']['robot']}"}
    answer = site.client().get(path, page=False, headers=bearer)
    assert answer.status_code == 200, answer.text
    assert any(shown.items() <= item.items() for item in json.loads(answer.text)["items"])


def test_its_password_for_one_use_leads_to_its_change(site: Site) -> None:
    browser, given, chosen = site.client(), EXPECTED["accounts"]["new"]["password"], "cinq nuages violets flottent"
    step = browser.post("/login", {"user_name": "new", "password": given}).headers["Location"]
    assert browser.get("/").headers["Location"] == step
    browser.post(step, {"present": given, "new": chosen, "again": chosen})
    assert browser.get("/").status_code == 200


def test_audit_events_that_had_not_been_taken_are_shipped(tmp_path: Path, fake: FakeElasticsearch) -> None:
    before.unpack("site", tmp_path)
    waiting = [json.loads(line) for path in (tmp_path / "audit").glob("*.jsonl") for line in path.open()]
    assert [event["action"] for event in waiting] == ["view", "logout"]
    ship_leftovers(tmp_path / "audit", Elasticsearch(fake.url))
    assert list(fake.stored(AUDIT).values()) == waiting
    assert not list((tmp_path / "audit").glob("*.jsonl"))
