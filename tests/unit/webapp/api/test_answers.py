"""Answering alerts by program: the first answer stands, each refusal says why; and the rules of single patients."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.model import State
from elastic.names import ALERT_EVENTS, PATIENT_RULES
from tests.support.alerts import serve
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.api.test_alerts import alerts, answer, ended
from tests.unit.webapp.site import SAME_ORIGIN, Browser, Site

RULES = "/api/v1/patients/P-0001/rules"


def put(browser: Browser, **body: Any) -> Any:
    return browser.send("PUT", RULES, json=body, headers=SAME_ORIGIN)


def test_an_answer_is_in_the_alert_once_the_service_has_taken_it_in(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="anne")
    alert_id = alerts(browser)[0]["alert_id"]
    given = answer(browser, alert_id, reason="called", note="Called at home.", until="2026-03-01T08:32:00Z")
    assert [(event["event"], event["number"]) for event in given.get_json()["events"]] == [("acknowledged", 1)]
    serve(search, site.clock.now)
    shown = browser.get(f"/api/v1/alerts/{alert_id}", page=False).get_json()
    assert (shown["state"], shown["acknowledged_by"], shown["note"]) == ("acknowledged", "anne", "Called at home.")


def test_an_alert_is_snoozed_only_once_it_is_acknowledged(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    alert_id = alerts(browser)[0]["alert_id"]
    early = answer(browser, alert_id, "snooze")
    assert (early.status_code, "acknowledge it first" in early.get_json(force=True)["detail"]) == (409, True)
    answer(browser, alert_id, reason="seen")
    until = site.clock.now + timedelta(minutes=60)
    assert answer(browser, alert_id, "snooze", until=until.isoformat()).status_code == 200
    serve(search, site.clock.now)
    shown = browser.get(f"/api/v1/alerts/{alert_id}", page=False).get_json()
    assert shown["until"] == until.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_note_and_an_owner_leave_the_alert_open(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="anne")
    alert_id = alerts(browser)[0]["alert_id"]
    assert answer(browser, alert_id, "note", note="asleep").status_code == 200
    assert answer(browser, alert_id, "own").status_code == 200
    serve(search, site.clock.now)
    shown = browser.get(f"/api/v1/alerts/{alert_id}", page=False).get_json()
    assert (shown["status"], shown["owner"], shown["events"][0]["note"]) == ("open", "anne", "asleep")


@pytest.mark.parametrize("note", ["", "  ", "x" * 281])
def test_a_note_says_something_short(site: Site, note: str) -> None:
    browser = site.signed_in()
    assert answer(browser, alerts(browser)[0]["alert_id"], "note", note=note).status_code == 422


def test_an_answer_is_undone_within_a_minute_by_who_gave_it(site: Site, search: FakeSearch) -> None:
    anne, bruno = site.signed_in(name="anne"), site.signed_in(name="bruno")
    alert_id = alerts(anne)[0]["alert_id"]
    answer(anne, alert_id, reason="seen")
    assert answer(bruno, alert_id, "undo").status_code == 409
    undone = answer(anne, alert_id, "undo").get_json()
    assert [(event["event"], event["undone"]) for event in undone["events"]] == [("acknowledged", None), ("undone", 1)]
    serve(search, site.clock.now)
    assert alerts(anne)[0]["state"] == State.RAISED

    answer(bruno, alert_id, reason="seen")
    site.clock.pass_by(seconds=61)
    assert answer(bruno, alert_id, "undo").status_code == 409


def test_what_is_over_takes_no_answer_but_a_note(site: Site, search: FakeSearch) -> None:
    ended(search, 1)
    browser = site.signed_in()
    (over,) = alerts(browser, "?status=resolved")
    assert [answer(browser, over["alert_id"], verb).status_code for verb in ("own", "snooze")] == [409, 409]
    assert answer(browser, over["alert_id"], "note", note="cuff was loose").status_code == 200


def test_an_alert_that_is_not_there_is_not_answered(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    for verb in ("ack", "own", "undo", "note", "snooze", "feedback"):
        bodies: dict[str, Any] = {"ack": {"reason": "seen"}, "note": {"note": "x"}, "feedback": {"useful": True}}
        body = bodies.get(verb, {})
        assert answer(browser, "measured-1-P-0001", verb, **body).status_code == 404
    assert search.documents[ALERT_EVENTS] == []


def test_limits_of_a_patient_are_set_whole_and_read(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="anne")
    assert browser.get(RULES, page=False).get_json()["systolic_from"] is None
    assert put(browser, systolic_from=160, silence_minutes=240, why="after a stroke").status_code == 200
    shown = put(browser, diastolic_from=100, why="better").get_json()
    assert (shown["systolic_from"], shown["diastolic_from"], shown["by"]) == (None, 100, "anne")
    assert browser.get(RULES, page=False).get_json() == shown
    assert len(search.documents[PATIENT_RULES]) == 1


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"systolic_from": 190, "why": "x"}, "body.systolic_from"),
        ({"systolic_from": 130, "systolic_below": 128, "why": "x"}, "body.systolic_below"),
        ({"silence_minutes": 5000, "why": "x"}, "body.silence_minutes"),
        ({"systolic_from": 160}, "body.why"),
        ({"pulse_from": 100, "why": "x"}, "body.pulse_from"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused_by_field(site: Site, body: dict[str, Any], location: str) -> None:
    refused = put(site.signed_in(), **body)
    assert refused.status_code == 422
    assert [fault["location"] for fault in refused.get_json(force=True)["errors"]] == [location]


def test_only_a_clinician_at_a_browser_sets_limits(site: Site) -> None:
    assert put(site.signed_in("viewer"), why="x").status_code == 403
    asked = site.client().send("PUT", RULES, json={"why": "x"}, headers=site.token())
    assert asked.status_code == 403


def test_nobody_has_rules_who_is_not_there(site: Site) -> None:
    path = RULES.replace("P-0001", "P-9")
    browser = site.signed_in()
    assert browser.get(path, page=False).status_code == 404
    assert browser.send("PUT", path, json={"why": "x"}, headers=SAME_ORIGIN).status_code == 404
