"""The site with a ward in memory: three patients, an hour of readings and predictions each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask

from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.support.ward import alerts_of
from tests.unit.webapp.api.documents import NEWEST, prediction, reading
from tests.unit.webapp.site import Site, make_site
from webapp.security.roles import Permission, required_permission

RISKS = {"P-0001": 0.72, "P-0002": 0.45, "P-0003": 0.0213}
MINUTES = (-45, -30, -15, 0)


class Operation(NamedTuple):
    """A route of the API with the permission that its view is marked with."""

    method: str
    rule: str
    name: str
    permission: Permission | None


def operations(app: Flask) -> list[Operation]:
    """Return all that the API's blueprint routes, but for its page."""
    return [
        Operation(method, rule.rule, rule.endpoint, required_permission(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.docs"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@pytest.fixture
def search() -> FakeSearch:
    return make_ward()


def make_ward() -> FakeSearch:
    ward = FakeSearch()
    for patient_id, risk in RISKS.items():
        readings = [reading(patient_id, minutes) for minutes in MINUTES]
        predictions = [prediction(patient_id, risk, minutes) for minutes in MINUTES]
        ward.put(OBSERVATIONS, *readings)
        ward.put(PREDICTIONS, *predictions)
        ward.put(LATEST, prediction(patient_id, risk))
        ward.put_alerts(*alerts_of(readings, predictions, NEWEST))
    return ward


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch) -> Site:
    return at_newest(make_site(tmp_path, search=search))


@pytest.fixture
def audited(tmp_path: Path, search: FakeSearch, fake: FakeElasticsearch) -> Site:
    """Return the same ward where the access audit can be written, as exports need."""
    return at_newest(make_site(tmp_path, search=search, elasticsearch_url=fake.url))


def at_newest(made: Site) -> Site:
    """Set the clock two minutes after the newest reading."""
    made.clock.now = NEWEST + timedelta(minutes=2)
    return made
