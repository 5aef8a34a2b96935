"""The whole pipeline on an Elasticsearch that is given by its address, of another major version say.

BP_TEST_ELASTICSEARCH_URL, and for one with security on BP_TEST_ELASTICSEARCH_USER and BP_TEST_ELASTICSEARCH_PASSWORD of
a superuser, name a cluster that is for tests alone: with security on, the password of Kibana's own account is set. A
cluster that holds anything of the project is refused; what the tests have made there is removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from elasticsearch import Elasticsearch
from pyspark.sql import SparkSession

from conf.settings import Settings
from deploy.account_files import read_roles
from deploy.accounts import create_accounts
from deploy.secrets import all_names, make_missing
from elastic.client import connect
from elastic.names import LATEST, MODEL_MONITORING, NAME_PREFIX, OBSERVATIONS
from elastic.schema import COMPONENT_PREFIX, TEMPLATE_DIR, TEMPLATE_PREFIX, create_standing_indices, put_templates
from embedded.services import Addresses
from jobs.monitor import monitor
from tests.integration.mixed import PATIENTS, mixture
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model
from tests.integration.rights import ACTIONS, require_exact_rights
from tests.integration.secured import Secured
from tests.unit.webapp.site import SAME_ORIGIN, Site, make_site

URL, USER, PASSWORD = (os.environ.get(f"BP_TEST_ELASTICSEARCH_{name}") for name in ("URL", "USER", "PASSWORD"))
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not URL, reason="BP_TEST_ELASTICSEARCH_URL names no other Elasticsearch to run the pipeline on"),
]
PAGES = ("/", "/predictions", "/stats", "/patients", "/api/v1/alerts", "/api/v1/patients", "/api/v1/predictions")


class Pair(NamedTuple):
    """The same pipeline on the embedded Elasticsearch and on the other one."""

    embedded: Pipeline
    other: Pipeline


def _names(prefix: str) -> list[str]:
    return [NAME_PREFIX + path.stem.removeprefix(prefix) for path in TEMPLATE_DIR.glob(f"{prefix}*.json")]


def _refuse_used(client: Elasticsearch) -> None:
    found = [*client.indices.get(index=f"{NAME_PREFIX}*", expand_wildcards="all")]
    if USER:
        found += [*client.options(ignore_status=404).security.get_user(username=list(read_roles()))]
    if found:
        pytest.fail(f"{URL} holds {', '.join(sorted(found))} already and is left as it is. Give a cluster for tests.")


def _clean(client: Elasticsearch) -> None:
    delete_documents(client)
    quiet = client.options(ignore_status=404)
    for name in _names(TEMPLATE_PREFIX):
        quiet.indices.delete_index_template(name=name)
    for name in _names(COMPONENT_PREFIX):
        quiet.cluster.delete_component_template(name=name)
    for name in read_roles() if USER else ():
        quiet.security.delete_user(username=name)
        quiet.security.delete_role(name=name)


@pytest.fixture(scope="module")
def settings(services: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Return settings with the other Elasticsearch, which is empty before and afterwards."""
    folder = tmp_path_factory.mktemp("other")
    there = {"elasticsearch_url": URL, "elasticsearch_user": USER, "elasticsearch_password": PASSWORD}
    settings = build_settings(services, folder, max_offsets_per_trigger=1_000, **there)
    client = connect(settings)
    _refuse_used(client)
    try:
        put_templates(client)
        create_standing_indices(client)
        yield settings
    finally:
        _clean(client)


@pytest.fixture(scope="module")
def pair(
    settings: Settings, services: Addresses, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Pair:
    """Let both read the same topic."""
    folder = tmp_path_factory.mktemp("embedded")
    own = {"local_dir": folder / "local", "data_dir": folder / "data", "checkpoint_dir": folder / "checkpoints"}
    here = {"elasticsearch_url": services.elasticsearch_url, "elasticsearch_user": None, "elasticsearch_password": None}
    pair = Pair(Pipeline(settings.model_copy(update=own | here), spark), Pipeline(settings, spark))
    publish_model(settings.model_dir)
    delete_documents(pair.embedded.client)
    pair.other.send_all(mixture().messages)
    for pipeline in pair:
        pipeline.drain()
    return pair


@pytest.fixture(scope="module")
def newest(pair: Pair) -> datetime:
    """Return the time of the newest reading."""
    return max(datetime.fromisoformat(document["@timestamp"]) for document in pair.other.observations().values())


def test_the_same_messages_become_the_same_documents(pair: Pair) -> None:
    there = pair.other.everything()
    assert len(there[OBSERVATIONS]) == mixture().expected["observations"]
    assert len(there[LATEST]) == PATIENTS
    assert there == pair.embedded.everything()


def test_predictions_are_judged(pair: Pair, spark: SparkSession, newest: datetime) -> None:
    written = monitor(spark, pair.other.settings, days=3, now=newest + timedelta(days=1))
    pair.other.client.indices.refresh(index=MODEL_MONITORING)
    assert pair.other.client.count(index=MODEL_MONITORING)["count"] == written > 0


def test_site_shows_the_pages_answers_an_alert_and_notes_it(newest: datetime, tmp_path: Path) -> None:
    there = {"elasticsearch_url": URL, "elasticsearch_user": USER, "elasticsearch_password": PASSWORD}
    site: Site = make_site(tmp_path, **there)
    site.clock.now = newest + timedelta(minutes=2)
    nurse = site.signed_in("clinician")
    alert = nurse.get("/api/v1/alerts", page=False).get_json(force=True)["items"][0]
    pages = (*PAGES, f"/patients/{alert['patient_id']}", f"/api/v1/patients/{alert['patient_id']}/observations")
    assert {path: nurse.get(path).status_code for path in pages} == dict.fromkeys(pages, 200)
    path = f"/api/v1/alerts/{alert['alert_id']}/ack"
    assert nurse.send("POST", path, json={"reason": "seen"}, headers=SAME_ORIGIN).status_code == 200
    assert site.services.audit.flush()


@pytest.mark.skipif(not USER, reason="BP_TEST_ELASTICSEARCH_USER is not set: no accounts to test")
def test_accounts_are_made_again_and_again_and_have_exactly_their_rights(settings: Settings, tmp_path: Path) -> None:
    make_missing(tmp_path, all_names())
    said: list[str] = []
    for _ in range(2):
        create_accounts(connect(settings), tmp_path, said.append)
    assert {f"Account {name}: {what}" for name in read_roles() for what in ("created", "renewed")} <= set(said)
    clients = Secured(settings, tmp_path).clients()
    for action in ACTIONS:
        require_exact_rights(action, connect(settings), clients)
