"""The statistics page over an Elasticsearch without documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.webapp.recording import recording_search
from tests.unit.webapp.site import make_site


@pytest.mark.parametrize("query", ["", "?span=7d", "?span=30d", "?span=century"])
def test_the_page_stands_without_data(tmp_path: Path, query: str) -> None:
    search, _ = recording_search()
    answer = make_site(tmp_path, search).signed_in("admin").get(f"/stats{query}")
    assert answer.status_code == 200
    assert "No prediction yet" in answer.get_data(as_text=True)


def test_ages_are_told_as_spans_that_nobody_can_read_as_running_totals(tmp_path: Path) -> None:
    search, _ = recording_search()

    page = make_site(tmp_path, search).signed_in("viewer", language="fr").get("/stats").text

    rows = page.partition("Ancienneté de la dernière mesure")[2].partition("</table>")[0]
    spans = re.findall(r'<th scope="row">([^<]*)</th>', rows)
    assert spans[:2] == ["moins de 5 min", "5 min à 15 min"]
    assert spans[-1].endswith(" et plus")


def test_figures_are_shared_for_a_minute(tmp_path: Path) -> None:
    search, client = recording_search()
    site = make_site(tmp_path, search)
    browser = site.signed_in()
    browser.get("/stats")
    asked = len(client.bodies)
    browser.get("/stats")
    assert len(client.bodies) == asked
