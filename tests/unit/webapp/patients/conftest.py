"""The site with a few patients in memory, and their pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.site import NOON, Site, make_site

PATIENTS = (
    Patient("P-0412", 186, 0.68, rise=6),  # in crisis
    Patient("P-0233", 150, 0.3996),
    Patient("P-0302", 131, 0.45, silent=timedelta(minutes=52)),
    Patient("P-0900", 141, 0.0, readings=4),  # waits for a prediction
    Patient("urn:oid:1.2|88/41", 118, 0.05),
)


@pytest.fixture
def search() -> FakeSearch:
    ward = FakeSearch()
    for patient in PATIENTS:
        ward.put_history(patient, NOON)
    return ward


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch, fake: FakeElasticsearch) -> Site:
    """Return a site whose access audit can be written, as exports and reports need."""
    return make_site(tmp_path, search=search, elasticsearch_url=fake.url)
