"""The predictions page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from elastic.names import LATEST, MODEL_MONITORING, PREDICTIONS
from elastic.search import latest
from tests.support.fake_search import FakeSearch
from tests.support.ward import prediction, reading
from tests.unit.webapp.predictions.test_quality import day
from tests.unit.webapp.site import NOON, Site, make_site


@pytest.fixture
def search() -> FakeSearch:
    search = FakeSearch()
    for number in range(60):
        document = prediction(reading(f"p-{number:02}", NOON, 140, 90), number / 100)
        search.put(LATEST, document)
        search.put(PREDICTIONS, document)
    return search


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch) -> Site:
    return make_site(tmp_path, search)


def patients(html: str) -> list[str]:
    return re.findall(r'class="patient" href="/patients/([^"]+)"', html)


def test_the_highest_risks_come_first_and_the_rest_on_the_next_page(site: Site) -> None:
    browser = site.signed_in()
    html = browser.get("/predictions").get_data(as_text=True)
    assert patients(html) == [f"p-{number:02}" for number in range(59, 9, -1)]
    (following,) = re.findall(r'rel="next" href="([^"]+)"', html)
    second = browser.get(following.replace("&amp;", "&")).get_data(as_text=True)
    assert patients(second) == [f"p-{number:02}" for number in range(9, -1, -1)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("level=HIGH", 20), ("risk=40", 20), ("risk=20", 40), ("q=p-0", 10), ("level=HIGH&q=p-45", 1), ("q=p", 50)],
)
def test_filters_limit_the_list(site: Site, query: str, expected: int) -> None:
    assert len(patients(site.signed_in().get(f"/predictions?{query}").get_data(as_text=True))) == expected


def test_a_risk_out_of_the_model_s_range_is_marked(site: Site, search: FakeSearch) -> None:
    mark = "the model was not trained on such readings"
    search.documents[LATEST][-1]["out_of_range"] = ["FEW_READINGS"]
    assert site.signed_in().get("/predictions").get_data(as_text=True).count(mark) == 1


def test_a_cursor_of_another_query_or_person_is_refused(site: Site) -> None:
    html = site.signed_in().get("/predictions").get_data(as_text=True)
    (cursor,) = re.findall(r"cursor=([^\"&]+)", html)
    assert site.signed_in(name="eve").get(f"/predictions?cursor={cursor}").status_code == 422
    assert site.signed_in(name="fay").get("/predictions?cursor=x").status_code == 422


def test_how_many_predictions_come_out_the_same_is_told_for_the_live_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "model_versions", lambda *_: ["v-2", "v-1"])
    search = FakeSearch()
    judged = {"kind": "parity", "@timestamp": "2026-03-01T00:00:00.000Z", "rows": 1000, "greatest_difference": 0.0312}
    search.put(MODEL_MONITORING, judged | {"model_version": "v-2", "equal_share": 0.998})
    html = make_site(tmp_path, search).signed_in().get("/predictions").get_data(as_text=True)
    assert "Made again on 2026-03-01 from what is stored, 998 of 1000 random predictions came out the same." in html
    assert "The greatest difference of a risk is 0.0312." in html


@pytest.mark.parametrize(
    ("language", "score", "expected"), [("en", "40.0 (50.0)", "1234.5"), ("fr", "40,0 (50,0)", "1234,5")]
)
def test_what_risks_say_of_themselves_stands_beside_what_came_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, score: str, expected: str
) -> None:
    monkeypatch.setattr(latest, "model_versions", lambda *_: ["v-1"])
    search = FakeSearch()
    common = {"model_version": "v-1", "stratum": "all"}
    estimate = common | {"kind": "estimate", "@timestamp": "2026-03-09T00:00:00.000Z", "rows": 9600}
    older = {**estimate, "@timestamp": "2026-03-08T00:00:00.000Z", "expected_events": 17.0, "estimated_brier": 0.5}
    newest = [{**estimate, "horizon_h": h, "expected_events": 1234.5, "estimated_brier": 0.0321} for h in (1, 6, 24)]
    search.put(MODEL_MONITORING, *newest, *({**older, "horizon_h": h} for h in (1, 6, 24)))
    search.put(MODEL_MONITORING, common | {"kind": "quality"} | day())
    html = make_site(tmp_path, search).signed_in(language=language).get("/predictions").get_data(as_text=True)
    assert f">{score}<" in html
    assert html.count(f">{expected}<") == 3
    assert ">17" not in html


def test_the_page_stands_without_data(tmp_path: Path) -> None:
    answer = make_site(tmp_path, FakeSearch()).signed_in().get("/predictions")
    assert answer.status_code == 200
    assert "No prediction matches." in answer.get_data(as_text=True)


def test_a_model_without_figures_says_when_they_will_come_and_what_it_has_predicted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "model_versions", lambda _: ["20260310T110000Z-0a1b2c3d"])  # memory counts nothing
    page = site.signed_in(language="en").get("/predictions").get_data(as_text=True)
    assert "No figures for this version yet" in page
    assert "Per patient and day" in page
