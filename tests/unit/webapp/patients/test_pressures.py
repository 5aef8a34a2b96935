"""A pressure is cut off to whole mmHg wherever it is shown: what is no crisis does not read as one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import alerts_of, prediction, reading
from tests.unit.webapp.patients.pages import text, visible
from tests.unit.webapp.site import NOON, Site
from webapp.i18n import mmhg

CRISIS_MOOT = "already in crisis"


@pytest.fixture
def search(search: FakeSearch) -> FakeSearch:
    """Return the ward with a patient just below a crisis, whose device tells kPa."""
    below = reading("P-kPa", NOON - timedelta(minutes=1), 179.6, 119.6)
    search.put(OBSERVATIONS, below)
    search.put(PREDICTIONS, prediction(below, 0.45))
    search.put(LATEST, prediction(below, 0.45))
    search.put_alerts(*alerts_of([below], [prediction(below, 0.45)], NOON))
    return search


@pytest.mark.parametrize(("pressure", "shown"), [(179.6, "179"), (179.999, "179"), (180.0, "180"), (180.01, "180")])
def test_a_pressure_reads_180_exactly_when_it_is_a_crisis(pressure: float, shown: str) -> None:
    assert mmhg(pressure) == shown


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/", "clinician"),
        ("/", "kiosk"),
        ("/patients", "clinician"),
        ("/patients/P-kPa", "clinician"),
        ("/patients/P-kPa/live", "clinician"),
        ("/patients/P-kPa/report", "clinician"),
        ("/predictions", "clinician"),
    ],
)
def test_every_page_shows_179_119(site: Site, path: str, role: str) -> None:
    page = visible(text(site, path, role=role))

    assert "179/119" in page
    assert "180/120" not in page
    assert "180/119" not in page


def test_table_and_summary_of_the_chart_show_the_same(site: Site) -> None:
    page = visible(text(site, "/patients/P-kPa?view=table", language="en"))

    assert "systolic 179 to 179 mmHg (mean 179), diastolic 119 to 119 mmHg" in page
    assert "179 119 139" in page  # with the mean arterial pressure


def test_what_the_chart_gets_stays_below_the_crisis_too(site: Site, search: FakeSearch) -> None:
    search.put(OBSERVATIONS, reading("P-kPa", NOON - timedelta(minutes=9), 179.97, 119.97))

    columns = site.signed_in().get("/patients/P-kPa/chart").get_json()["pressures"]["columns"]

    assert [value for value in columns["systolic"] if value] == [179.9, 179.6]
    assert columns["crisis"].count(True) == 0


@pytest.mark.parametrize("path", ["/", "/patients", "/predictions"])
def test_a_list_says_of_a_measured_crisis_that_its_risk_says_nothing_more(site: Site, path: str) -> None:
    page = text(site, path, language="en")

    assert visible(page).count(CRISIS_MOOT) == 1  # P-0412
    assert "is-moot" in page


def test_the_page_of_a_patient_in_crisis_greys_what_is_predicted(site: Site) -> None:
    browser = site.signed_in(language="en")
    in_crisis, others = (browser.get(f"/patients/{id_}").get_data(as_text=True) for id_ in ("P-0412", "P-0233"))

    assert 'class="lane lane-predicted is-moot"' in in_crisis
    assert 'class="ahead is-moot"' in in_crisis
    assert CRISIS_MOOT in in_crisis
    assert CRISIS_MOOT not in others
    assert "déjà en crise" in text(site, "/patients/P-0412", name="fr", language="fr")
