"""The handover of a shift, and what is new since somebody looked at the board last."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.model import Answer, Finding, State
from elastic.names import ALERT_EVENTS, ALERTS
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient, alert
from tests.unit.webapp.site import NOON, Browser, Site, make_site
from webapp.handover.loading import shift_start

PARIS = ZoneInfo("Europe/Paris")  # 13:00 there at NOON


def crisis(patient_id: str, minutes_ago: float, **more: Any) -> dict[str, Any]:
    at = NOON - timedelta(minutes=minutes_ago)
    return alert(patient_id, at, worst=Finding(at, 3, systolic=208.4, diastolic=126.0), **more)


def said(alert_id: str, what: str, minutes_ago: float, by: str = "anne", **more: Any) -> dict[str, Any]:
    at = (NOON - timedelta(minutes=minutes_ago)).isoformat()
    patient_id = alert_id.split("-", 2)[2]
    given = {"alert_id": alert_id, "patient_id": patient_id, "kind": "measured", "number": 1}
    answer = {"reason": "seen", "until": (NOON + timedelta(hours=2)).isoformat()} if what == "acknowledged" else {}
    return {"@timestamp": at, "event": what, "by": by, **given, **answer, **more}


@pytest.fixture
def search() -> FakeSearch:
    made = FakeSearch()
    for id_ in ("p-1", "p-2", "p-3", "p-4"):
        made.put_history(Patient(id_, 150, 0.45), NOON)
    made.documents[ALERTS] = []
    answer = Answer(NOON - timedelta(minutes=50), NOON + timedelta(minutes=10), "bea")
    made.put_alerts(
        crisis("p-1", 30),
        crisis("p-2", 600, state=State.ACKNOWLEDGED, answer=answer, owner="carl"),
        crisis("p-3", 90, state=State.RESOLVED),
        crisis("p-4", 2000, state=State.RESOLVED),
    )
    return made


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch) -> Site:
    return make_site(tmp_path, search=search)


def read(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def test_a_handover_lists_who_waits_who_is_answered_and_whose_alert_has_ended(site: Site) -> None:
    shown = read(site.signed_in(), "/handover?from=09:00")
    waiting, rest = shown.split("Answered, still open 1")
    answered, ended = rest.split("Ended since then 1")
    assert "p-1" in waiting
    assert "150/93 mmHg, 2 min ago" in waiting
    assert "208/126 mmHg" in waiting
    assert "predicted level HIGH" in waiting
    assert ("p-2" in answered, "taken care of by carl" in answered, "acknowledged by bea" in answered) == (True,) * 3
    assert ("p-3" in ended, "p-4" in shown) == (True, False)


def test_what_was_raised_in_the_shift_is_marked(site: Site) -> None:
    shown = read(site.signed_in(), "/handover?from=09:00")
    assert "p-1 new" in shown
    assert "p-2 new" not in shown
    assert "2 with an alert raised since then" in shown


def test_notes_are_handed_over_unless_they_were_taken_back(site: Site, search: FakeSearch) -> None:
    id_ = search.documents[ALERTS][0]["alert_id"]
    search.put(
        ALERT_EVENTS,
        said(id_, "noted", 20, note="asleep"),
        said(id_, "noted", 10, note="wrong patient", number=2),
        said(id_, "undone", 9.5, number=3, undone=2),
    )
    shown = read(site.signed_in(), "/handover")
    assert "asleep anne" in shown
    assert "wrong patient" not in shown


def test_a_shift_begins_at_the_last_such_time_of_the_place() -> None:
    assert shift_start("07:00", NOON, PARIS) == datetime(2026, 3, 10, 7, tzinfo=PARIS)
    assert shift_start("21:00", NOON, PARIS) == datetime(2026, 3, 9, 21, tzinfo=PARIS)
    with pytest.raises(ValueError, match="Invalid"):
        shift_start("late", NOON, PARIS)


@pytest.mark.parametrize("query", ["?from=nonsense", "?since=nonsense", "?since=2999-01-01", "?since=2026-03-10"])
def test_what_is_no_time_is_no_error(site: Site, query: str) -> None:
    assert site.signed_in().get(f"/handover{query}").status_code == 200


def test_a_withdrawn_alert_is_not_handed_over(site: Site, search: FakeSearch) -> None:
    search.put_alerts(crisis("p-9", 5, state=State.WITHDRAWN))
    assert "p-9" not in read(site.signed_in(), "/handover")


def test_who_may_read_no_patient_gets_no_handover(site: Site) -> None:
    for role in ("admin", "kiosk"):
        assert site.signed_in(role).get("/handover").status_code == 403


def look_again(site: Site, **away: float) -> str:
    """Look at the board, go away, and come back."""
    user = site.add_user("dr.martin")
    assert "Since you last looked" not in read(site.client(user), "/")
    site.clock.pass_by(**away)
    return read(site.client(user), "/")


def test_the_board_tells_what_has_happened_since_the_last_visit(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="dr.martin")
    read(browser, "/")
    site.clock.pass_by(minutes=20)
    at = site.clock.now - timedelta(minutes=5)
    raised = alert("p-5", at, worst=Finding(at, 3, systolic=190.0, diastolic=100.0))
    search.put_alerts(raised)
    search.put(
        ALERT_EVENTS,
        said(raised["alert_id"], "acknowledged", -17, "bea"),
        said(search.documents[ALERTS][0]["alert_id"], "acknowledged", -18, "dr.martin"),
    )
    shown = read(browser, "/")
    assert "1 alert raised , 1 answered by others , 0 ended" in shown
    assert "1 alert raised" in read(browser, "/")  # all through the visit


def test_within_one_visit_nothing_is_new(site: Site) -> None:
    assert "Since you last looked" not in look_again(site, minutes=9)


def test_without_news_nothing_is_told(site: Site) -> None:
    assert "Since you last looked" not in look_again(site, hours=3)


def test_a_board_that_stays_open_is_one_visit(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="dr.martin")
    read(browser, "/")
    for _ in range(5):
        site.clock.pass_by(minutes=5)
        browser.get("/board/rows", page=False)
    search.put_alerts(crisis("p-5", -20))
    assert "Since you last looked" not in read(browser, "/")


def test_news_that_are_noted_are_no_news_any_more(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="dr.martin")
    read(browser, "/")
    site.clock.pass_by(minutes=20)
    search.put_alerts(crisis("p-5", -15))
    assert "Since you last looked" in read(browser, "/")
    browser.post("/handover/seen")
    assert "Since you last looked" not in read(browser, "/")
