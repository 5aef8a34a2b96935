"""The statistics page over an Elasticsearch without documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.clinical import ALERT_LEVELS
from elastic.search import statistics
from tests.unit.webapp.recording import recording_search
from tests.unit.webapp.site import make_site


@pytest.mark.parametrize("query", ["", "?span=7d", "?span=30d", "?span=century"])
def test_the_page_stands_without_data(tmp_path: Path, query: str) -> None:
    search, _ = recording_search()
    answer = make_site(tmp_path, search).signed_in("admin").get(f"/stats{query}")
    assert answer.status_code == 200
    assert "No prediction yet" in answer.get_data(as_text=True)


def test_figures_are_shared_for_a_minute(tmp_path: Path) -> None:
    search, client = recording_search()
    site = make_site(tmp_path, search)
    browser = site.signed_in()
    browser.get("/stats")
    asked = len(client.bodies)
    browser.get("/stats")
    assert len(client.bodies) == asked


def test_an_estimate_says_so_and_what_nobody_counted_is_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {level: {"predictions": 9_000_000, "patients": None} for level in ALERT_LEVELS}
    burden = {"patients": 5, "levels": levels, "share": 0.025}
    monkeypatch.setattr(statistics, "alarm_burden", lambda *_: burden)
    browser = make_site(tmp_path, recording_search()[0]).signed_in()
    html = browser.get("/stats").get_data(as_text=True)
    assert "Estimated from a random sample of 2.5 % of the documents." in html
    assert '<td class="numbers">9000000</td><td class="numbers">\N{EN DASH}</td>' in html
