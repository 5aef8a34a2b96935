"""Answering alerts in a browser, with and without scripts: what is shown, who wins, what can be taken back."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from alerts.model import AlertKind, Finding, State
from elastic.names import ALERT_EVENTS, ALERTS
from tests.support.alerts import serve
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient, alert
from tests.unit.webapp.site import NOON, Browser, Site, make_site

JSON = {"Accept": "application/json"}
FORM = "/acknowledge?patient_id=p-1"


class Ward(NamedTuple):
    site: Site
    search: FakeSearch

    def serve(self) -> None:
        serve(self.search, self.site.clock.now)


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return a patient with a measured crisis of 208/126 and a predicted alert."""
    search = FakeSearch()
    search.put_history(Patient("p-1", 150, 0.05), NOON)
    search.documents[ALERTS] = []
    at = NOON - timedelta(minutes=4)
    worst = Finding(at, 3, systolic=208.4, diastolic=126.0)
    search.put_alerts(
        alert("p-1", at, AlertKind.MEASURED, worst=worst),
        alert("p-1", at, AlertKind.PREDICTED, 2, worst=Finding(at, 2, risk_6h=0.47)),
    )
    return Ward(make_site(tmp_path, search), search)


def ids(html: str) -> list[str]:
    return re.findall(r'name="alert_id" value="([^"]+)"', html)


def read(answer: TestResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def send(browser: Browser, act: str = "acknowledge", **more: Any) -> TestResponse:
    """Send the form as it is when it comes, in what it says of `more` changed."""
    html = browser.get(FORM).get_data(as_text=True)
    chosen = re.findall(r'name="alert_id" value="([^"]+)" checked', html)
    form = {"patient_id": "p-1", "alert_id": chosen, "act": act, "reason": "called", "note": "", "pause": "30"}
    return browser.post("/acknowledge", {**form, **more}, headers=more.pop("headers", JSON))


def test_the_form_names_the_values_and_the_alerts_that_it_answers(ward: Ward) -> None:
    shown = read(ward.site.signed_in().get(FORM))
    assert re.search(r"Last reading ?: 150/\d+ mmHg \( ?2 min ago\)", shown)
    assert re.search(r"Measured crisis. since 10 Mar \d\d:56 208/126 mmHg", shown)
    assert re.search(r"Predicted risk. since 10 Mar \d\d:56 6 h risk 47.%", shown)


def test_an_answer_is_stored_for_the_alerts_chosen_and_shown_when_the_service_has_taken_it_in(ward: Ward) -> None:
    browser = ward.site.signed_in(name="anne")
    answer = send(browser, note="back at 3")
    assert answer.get_json()["stored"] is True
    assert answer.get_json()["text"] == "Acknowledged. Noted; shown as soon as the alert service runs."
    assert [event["note"] for event in ward.search.documents[ALERT_EVENTS]] == ["back at 3", "back at 3"]
    ward.serve()
    assert "acknowledged by anne" in read(browser.get(FORM))


def test_one_of_several_alerts_can_be_answered_alone(ward: Ward) -> None:
    browser = ward.site.signed_in()
    only = ids(browser.get(FORM).get_data(as_text=True))[0]
    send(browser, alert_id=[only])
    assert [event["alert_id"] for event in ward.search.documents[ALERT_EVENTS]] == [only]


def test_the_second_to_acknowledge_hears_who_was_first(ward: Ward) -> None:
    bea = ward.site.signed_in(name="bea")
    form = bea.get(FORM).get_data(as_text=True)
    send(ward.site.signed_in(name="anne"))
    ward.site.clock.pass_by(seconds=40)
    answer = send(bea, alert_id=ids(form))
    assert answer.status_code == 409
    assert answer.get_json()["text"] == "Already acknowledged by anne, 40 s ago."


def test_an_answer_can_be_undone_for_a_minute_without_scripts_too(ward: Ward) -> None:
    browser = ward.site.signed_in(name="anne")
    page = send(browser, headers={"Accept": "text/html"}).get_data(as_text=True)
    assert ">Undo</button>" in page
    ward.serve()
    undone = browser.post("/acknowledge", {"patient_id": "p-1", "alert_id": ids(page), "act": "undo"}, headers=JSON)
    assert (undone.status_code, undone.get_json()["undo"]) == (200, [])
    ward.serve()
    assert all(document["state"] == State.RAISED for document in ward.search.documents[ALERTS])

    send(browser)
    ward.site.clock.pass_by(seconds=61)
    late = browser.post("/acknowledge", {"patient_id": "p-1", "alert_id": ids(page), "act": "undo"}, headers=JSON)
    assert (late.status_code, "one minute is over" in late.get_json()["text"]) == (409, True)


def test_a_note_alone_leaves_the_alerts_to_be_answered(ward: Ward) -> None:
    browser = ward.site.signed_in(name="anne")
    assert send(browser, "note", note="asleep, measured lying").status_code == 200
    ward.serve()
    shown = read(browser.get(FORM))
    assert "asleep, measured lying" in shown
    assert "Acknowledge" in shown


def test_an_empty_note_is_refused_beside_its_field_and_nothing_typed_is_lost(ward: Ward) -> None:
    browser = ward.site.signed_in()
    assert send(browser, "note").get_json() == {"field": "note", "text": "Write the note first."}
    page = send(browser, note="x" * 281, reason="treated", headers={"Accept": "text/html"})
    html = page.get_data(as_text=True)
    assert (page.status_code, "A note has at most 280 characters." in html) == (422, True)
    assert 'value="treated" checked' in html
    assert "x" * 281 in html


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reason": "bored"}, "reason"),
        ({"pause": "45"}, "pause"),
        ({"alert_id": []}, "alert_id"),
        ({"act": "x"}, "act"),
    ],
)
def test_what_the_form_does_not_offer_is_refused(ward: Ward, change: dict[str, Any], field: str) -> None:
    answer = send(ward.site.signed_in(), **change)
    assert (answer.status_code, answer.get_json()["field"]) == (422, field)


def test_an_answered_alert_can_be_suspended_longer(ward: Ward) -> None:
    browser = ward.site.signed_in(name="anne")
    send(browser)
    ward.serve()
    assert "Suspend again" in read(browser.get(FORM))
    assert send(browser, "snooze", pause="60").status_code == 200
    ward.serve()
    until = {document["answer"]["until"] for document in ward.search.documents[ALERTS]}
    assert until == {(NOON + timedelta(minutes=60)).isoformat().replace("+00:00", "Z")}


def test_who_takes_over_is_named(ward: Ward) -> None:
    browser = ward.site.signed_in(name="anne")
    send(browser, "own")
    ward.serve()
    assert "taken care of by anne" in read(browser.get(FORM))


def test_there_may_be_nothing_left_to_answer(ward: Ward) -> None:
    browser = ward.site.signed_in()
    gone = browser.post("/acknowledge", {"patient_id": "p-1", "alert_id": "measured-1-p-1"}, headers=JSON)
    assert (gone.status_code, gone.get_json()["text"]) == (404, "There is no open alert of this patient any more.")
    assert "There is no open alert." in read(browser.get("/acknowledge?patient_id=nobody"))


def test_an_alert_about_the_feed_is_answered_by_its_id(ward: Ward) -> None:
    stopped = alert(None, NOON - timedelta(minutes=1), AlertKind.FEED, part="ward")
    ward.search.put_alerts(stopped)
    browser = ward.site.signed_in()
    shown = browser.get(f"/acknowledge?alert_id={stopped['alert_id']}")
    assert "No reading of any patient any more" in read(shown)
    answer = browser.post("/acknowledge", {"alert_id": ids(shown.get_data(as_text=True))}, headers=JSON)
    assert answer.get_json()["stored"] is True


def test_only_who_may_acknowledge_sees_the_form_and_answers(ward: Ward) -> None:
    for role in ("viewer", "admin"):
        browser = ward.site.signed_in(role)
        assert browser.get(FORM).status_code == 403
        assert browser.post("/acknowledge", {"patient_id": "p-1"}).status_code == 403


def test_in_french_it_is_told_in_french(ward: Ward) -> None:
    browser = ward.site.signed_in(language="fr")
    shown = read(browser.get(FORM))
    assert re.search("Alerte « Crise mesurée » depuis le .* 208/126 mmHg", shown)
    assert "Suspendre l\N{RIGHT SINGLE QUOTATION MARK}alerte pendant" in shown
