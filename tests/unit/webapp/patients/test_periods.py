"""The period that a patient's charts show, as it stands in the address."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.patients.pages import text, visible
from tests.unit.webapp.site import NOON, Site
from webapp.patients import loading
from webapp.patients.periods import SPANS, Period, read_period

PATIENT = "/patients/P-0412"


def link(page: str, word: str) -> str:
    found = re.search(rf'href="([^"]+)"[^>]*>{word}</a>', page)
    assert found
    return unescape(found[1])


@given(st.sampled_from(list(SPANS)), st.integers(0, 5), st.booleans())
def test_a_period_comes_back_from_its_address(span: str, steps: int, compared: bool) -> None:
    period = Period(span, NOON, compared=compared)
    for _ in range(steps):
        period = period.before

    assert read_period(period.parameters(), NOON) == period


def test_earlier_and_later_lead_back_to_now() -> None:
    live = Period("24h", NOON + timedelta(seconds=30))
    now = live.end

    assert live.before.after(now) == live
    assert live.before.before.after(now) == live.before
    assert (live.before.end, live.before.is_live) == (NOON - timedelta(hours=24), False)


@pytest.mark.parametrize(
    "until", ["", "yesterday", "2026-03-10T13:00Z", "9999-12-31T00:00Z", "0001-01-01T00:00Z", "1" * 400]
)
def test_an_end_that_nobody_can_mean_is_now(until: str) -> None:
    assert read_period({"until": until}, NOON) == Period("24h", NOON)


def test_the_buttons_lead_to_the_day_before_and_back(site: Site, search: FakeSearch) -> None:
    search.put_history(Patient("P-2days", 150, 0.3, readings=190), NOON)
    browser = site.signed_in(language="en")
    today = browser.get("/patients/P-2days").get_data(as_text=True)
    yesterday = browser.get(link(today, "Earlier")).get_data(as_text=True)

    assert "From 8 Mar 13:00 to 9 Mar 13:00: 94 readings" in visible(yesterday)
    assert 'aria-label="PREDICTED, right of now"' not in yesterday
    assert "Last 24 hours: 96 readings" in visible(browser.get(link(yesterday, "Later")).get_data(as_text=True))
    assert link(yesterday, "Up to now") == "/patients/P-2days?span=24h"
    assert ">Later</a>" not in today
    assert "span=7d&until=2026-03-09T12:00Z" in link(yesterday, "7 days").replace("%3A", ":")


def test_the_chart_has_the_time_before_at_its_place_in_the_day(site: Site, search: FakeSearch) -> None:
    search.put_history(Patient("P-2days", 150, 0.3, readings=190), NOON)
    browser = site.signed_in()
    drawn = browser.get("/patients/P-2days/chart?compare=1").get_json()["pressures"]

    before = drawn["before"]
    known = [at for at, systolic in zip(before["t"], before["systolic"], strict=True) if systolic]
    assert len(known) == 94
    assert drawn["start"] <= min(known) < max(known) <= drawn["end"]
    assert "in the period before" in drawn["sentence"]
    assert browser.get("/patients/P-2days/chart").get_json()["pressures"]["before"] is None
    assert "systolic and diastolic in the time before" in text(site, "/patients/P-2days?compare=1", name="other")


@pytest.mark.parametrize("span", SPANS)
def test_both_charts_show_the_same_period(site: Site, span: str) -> None:
    drawn = site.signed_in().get(f"{PATIENT}/chart?span={span}").get_json()

    assert [drawn[name]["start"] for name in ("pressures", "timeline")] == [drawn["pressures"]["start"]] * 2
    assert drawn["timeline"]["end"] - drawn["timeline"]["start"] == SPANS[span].total_seconds()


def test_more_predictions_than_can_be_drawn_are_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST_PREDICTIONS", 20)
    browser = site.signed_in(language="en")

    assert browser.get(f"{PATIENT}/chart").get_json()["timeline"] is None
    page = browser.get(PATIENT).get_data(as_text=True)
    assert "too many predictions to draw them" in page
    assert 'id="risks"' not in page


def test_the_file_of_an_earlier_period_says_until_when(site: Site) -> None:
    answer = site.signed_in().get(f"{PATIENT}/data.csv?span=1h&until=2026-03-10T08:00Z")

    assert 'filename="readings-P-0412-1h-until-20260310T0800Z.csv"' in answer.headers["Content-Disposition"]
    assert answer.get_data(as_text=True).count("P-0412") == 4
