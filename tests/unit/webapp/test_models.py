"""An administrator sees champion and challenger side by side, and asks for the challenger under the own name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from elastic.names import AUDIT, MODEL_MONITORING, MODEL_PROMOTIONS
from elastic.search import latest
from elastic.search.promotions import answer, requests
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.site import NOON, Browser, Site, make_site

HORIZONS = (1, 6, 24)


def judged(horizon_h: int, **changes: Any) -> dict[str, Any]:
    given = {
        "kind": "shadow",
        "model_version": "v1",
        "shadow_model_version": "v2",
        "judged_at": "2026-03-10T11:00:00.000Z",
        "horizon_h": horizon_h,
        "stratum": "not_in_crisis",
        "days": 8,
        "needed_days": 7,
        "event_patients": 61,
        "needed_event_patients": 50,
        "ready": True,
        "rows": 41_000,
        "events": 512,
        "brier": 0.0412,
        "shadow_brier": 0.0377,
        "brier_difference": {"value": -0.0035, "low": -0.0041, "high": -0.0029},
        "expected_observed": {"value": 1.52, "low": 1.31, "high": 1.77},
        "shadow_expected_observed": {"value": 1.04, "low": 0.9, "high": 1.2},
    }
    return {**given, **changes}


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch, fake: FakeElasticsearch, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(latest, "model_versions", lambda _: ["v1"])
    return make_site(tmp_path, search=search, elasticsearch_url=fake.url)


@pytest.fixture
def chief(site: Site) -> Browser:
    return site.signed_in("admin", name="chief")


def judge(search: FakeSearch, **changes: Any) -> None:
    search.put(MODEL_MONITORING, *(judged(horizon_h, **changes) for horizon_h in HORIZONS))


def text(page: str) -> str:
    plain = re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\s+", " ", plain.replace("\N{NARROW NO-BREAK SPACE}", " "))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ("8 of 7", "61 of 50", "is ready", "beyond chance", "41.2", "-3.5 (-4.1 to -2.9)", "1.52")),
        ("fr", ("8 sur 7", "61 sur 50", "est prêt", "au-delà du hasard", "41,2", "-3,5 (-4,1 à -2,9)")),
    ],
)
def test_both_stand_side_by_side_with_intervals(
    site: Site, search: FakeSearch, language: str, told: tuple[str, ...]
) -> None:
    judge(search)
    shown = text(site.signed_in("admin", language=language).get("/admin/models").text)
    assert [part for part in told if part not in shown] == []


def test_older_figures_and_those_beside_another_version_are_not_shown(search: FakeSearch, chief: Browser) -> None:
    judge(search)
    judge(search, judged_at="2026-03-09T11:00:00.000Z", shadow_model_version="v0")
    judge(search, model_version="v0", shadow_model_version="v9", judged_at="2026-03-10T11:30:00.000Z")
    shown = text(chief.get("/admin/models").text)
    assert ("v2" in shown, "v0" in shown, "v9" in shown) == (True, False, False)


def test_without_a_challenger_the_page_says_how_to_have_one(chief: Browser) -> None:
    page = chief.get("/admin/models").text
    assert "retrain --shadow VERSION" in page
    assert '<form method="post" action="/admin/models"' not in page


def test_promotion_is_asked_for_by_name_after_a_question_and_stands_in_the_audit(
    site: Site, search: FakeSearch, chief: Browser, fake: FakeElasticsearch
) -> None:
    judge(search)
    assert "Put v2 into service?" in chief.post("/admin/models", {"version": "v2", "why": "nearer"}).text
    assert requests(search) == []
    assert chief.confirm("/admin/models", {"version": "v2", "why": "nearer"}).status_code == 302
    (request,) = requests(search)
    assert (request.version, request.instead_of, request.by, request.role) == ("v2", "v1", "chief", "admin")
    assert (request.why, request.ready, request.asked_at, request.state) == ("nearer", True, NOON, "asked")
    shown = text(chief.get("/admin/models").text)
    assert "carried out by the monitor with its next run" in shown
    assert "waits to be carried out" in shown
    assert site.services.audit.flush()
    noted = [event for event in fake.stored(AUDIT).values() if event["action"] == "model_promotion"]
    assert [(event["actor"], event["target"]) for event in noted] == [("chief", "v2")]


def test_before_it_is_ready_a_challenger_is_refused_in_words_unless_the_person_says_why(
    search: FakeSearch, chief: Browser
) -> None:
    judge(search, ready=False, days=2, event_patients=3)
    refused = chief.post("/admin/models", {"version": "v2", "why": " "})
    assert refused.status_code == 422
    assert "Not promoted: the challenger is not ready. Say why it cannot wait" in refused.text
    assert "2 of 7" in text(refused.text)
    assert search.documents[MODEL_PROMOTIONS] == []
    assert chief.confirm("/admin/models", {"version": "v2", "why": "risks are wrong by half"}).status_code == 302
    (request,) = requests(search)
    assert (request.why, request.ready) == ("risks are wrong by half", False)
    assert "(before it was ready)" in text(chief.get("/admin/models").text)


@pytest.mark.parametrize(("version", "is_judged"), [("v3", True), ("", True), ("v2", False)])
def test_only_the_challenger_whose_figures_are_shown_can_be_asked_for(
    search: FakeSearch, chief: Browser, version: str, is_judged: bool
) -> None:
    if is_judged:
        judge(search)
    assert chief.post("/admin/models", {"version": version, "why": "x"}).status_code == 409
    assert requests(search) == []


def test_nobody_asks_twice(search: FakeSearch, chief: Browser) -> None:
    judge(search)
    chief.confirm("/admin/models", {"version": "v2", "why": "nearer"})
    assert chief.post("/admin/models", {"version": "v2", "why": "again"}).status_code == 409
    assert len(requests(search)) == 1


@pytest.mark.parametrize(
    ("state", "why", "told"),
    [("done", None, "in service since"), ("refused", "other_in_service", "another version was in service by then")],
)
def test_what_became_of_a_request_is_told(
    search: FakeSearch, chief: Browser, state: Any, why: str | None, told: str
) -> None:
    judge(search)
    chief.confirm("/admin/models", {"version": "v2", "why": "nearer"})
    answer(search, requests(search)[0], state, NOON, why)
    assert told in text(chief.get("/admin/models").text)


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        ({"value": 0.003, "low": 0.001, "high": 0.005}, "further from what happened"),
        ({"value": -0.003, "low": -0.005, "high": 0.001}, "may be chance"),
        ({"value": -0.003, "low": None, "high": None}, "may be chance"),
    ],
)
def test_the_verdict_goes_by_the_interval(
    search: FakeSearch, chief: Browser, difference: dict[str, Any], told: str
) -> None:
    judge(search, brier_difference=difference)
    assert told in text(chief.get("/admin/models").text)


@pytest.mark.parametrize("role", ["viewer", "clinician", "manager"])
def test_nobody_but_an_administrator_sees_or_asks(site: Site, search: FakeSearch, role: str) -> None:
    judge(search)
    browser = site.signed_in(role)
    assert browser.get("/admin/models").status_code == 403
    assert browser.post("/admin/models", {"version": "v2", "why": "x"}).status_code == 403
    assert requests(search) == []


@pytest.mark.parametrize("is_off", [False, True])
def test_risks_that_fit_no_more_are_told_with_the_remedy(search: FakeSearch, chief: Browser, is_off: bool) -> None:
    search.put(
        MODEL_MONITORING,
        *(judged(horizon_h, kind="calibration", is_off=is_off and horizon_h == 6) for horizon_h in HORIZONS),
    )
    shown = text(chief.get("/admin/models").text)
    assert "1.52 (1.31 to 1.77)" in shown
    assert ("./spark-submit.sh recalibrate" in shown) == is_off


def summed(day: str, horizon_h: int, **changes: Any) -> dict[str, Any]:
    sums = {"cusum_more": 1.25, "cusum_fewer": 0.0, "cusum_limit": 16.0, "is_off": False}
    counted = {"events": 3, "expected_events": 2.5, "@timestamp": f"{day}T00:00:00.000Z"}
    return judged(horizon_h, kind="cusum", **(sums | counted | changes))


@pytest.mark.parametrize(("language", "since"), [("en", "6 h 2026-03-08 5.0 6 16.5 0.0"), ("fr", "5,0 6 16,5 0,0")])
def test_expected_and_observed_crises_stand_beside_the_sums_of_the_newest_day(
    site: Site, search: FakeSearch, language: str, since: str
) -> None:
    newest = summed("2026-03-09", 6, cusum_more=16.5, is_off=True)
    search.put(MODEL_MONITORING, summed("2026-03-08", 6), newest, summed("2026-03-09", 24))
    page = site.signed_in("admin", language=language).get("/admin/models").text
    assert since in text(page)
    assert "./spark-submit.sh recalibrate" in page
    assert page.count("state-bad") == 1


def test_sums_below_the_limit_ask_for_nothing(search: FakeSearch, chief: Browser) -> None:
    search.put(MODEL_MONITORING, *(summed("2026-03-09", horizon_h) for horizon_h in HORIZONS))
    page = chief.get("/admin/models").text
    assert "24 h 2026-03-09 2.5 3 1.2 0.0" in text(page)
    assert "recalibrate" not in page
