"""The board and the alerts as JSON; who answers first stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.model import AlertKind, Answer, Finding, Refusal, State
from elastic.names import ALERT_SERVICE, LATEST, OBSERVATIONS, PREDICTIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import alert
from tests.unit.webapp.api.documents import NEWEST, prediction, reading
from tests.unit.webapp.site import SAME_ORIGIN, Browser, Site


def board(browser: Browser, query: str = "") -> dict[str, Any]:
    sections = browser.get(f"/api/v1/board{query}", page=False).get_json()["sections"]
    return {section["urgency"]: section for section in sections}


def alerts(browser: Browser, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = browser.get(f"/api/v1/alerts{query}", page=False).get_json()["items"]
    return items


def answer(browser: Browser, alert_id: str, verb: str = "ack", **body: Any) -> Any:
    return browser.send("POST", f"/api/v1/alerts/{alert_id}/{verb}", json=body, headers=SAME_ORIGIN)


def test_the_board_has_its_sections_in_order_with_alerts(site: Site) -> None:
    sections = board(site.signed_in())
    assert list(sections)[:2] == ["CRITICAL", "HIGH"]
    row = sections["CRITICAL"]["patients"][0]
    assert (row["patient_id"], row["prediction"]["alert_level"]) == ("P-0001", "CRITICAL")
    assert row["alerts"][0]["kind"] == "predicted"
    assert sections["NONE"] == {"urgency": "NONE", "total": 1, "patients": []}


def test_a_measured_crisis_is_critical_whatever_is_predicted(site: Site, search: FakeSearch) -> None:
    crisis: dict[str, Any] = {"systolic": 186.0, "diastolic": 101.0}
    search.put(OBSERVATIONS, reading("P-0004", **crisis))
    search.put(LATEST, prediction("P-0004", 0.01, **crisis))
    search.put_alerts(alert("P-0004", NEWEST, worst=Finding(NEWEST, 3, systolic=186.0, diastolic=101.0)))
    first = board(site.signed_in())["CRITICAL"]["patients"][0]
    assert (first["patient_id"], first["measured_crisis"]) == ("P-0004", True)
    assert first["prediction"]["alert_level"] == "LOW"
    assert (first["alerts"][0]["kind"], first["alerts"][0]["worst"]["systolic"]) == ("measured", 186)


def test_the_board_says_whether_anybody_watches_and_what_has_failed(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    search.put_alerts(alert(None, NEWEST, AlertKind.FEED, part="feed"))
    shown = browser.get("/api/v1/board", page=False).get_json()
    assert (shown["watched"], shown["unanswered"]) == (True, 2)
    assert [(outage["part"], outage["patient_id"]) for outage in shown["outages"]] == [("feed", None)]
    search.documents[ALERT_SERVICE] = []
    site.clock.pass_by(seconds=6)
    assert not browser.get("/api/v1/board", page=False).get_json()["watched"]


def test_all_open_alerts_are_listed_whatever_the_level_is_now(site: Site, search: FakeSearch) -> None:
    """120 crises after which one normal reading came: all of them, page by page, the first ones first."""
    search.put_alerts(*(alert(f"P-{number}", NEWEST, quiet=1) for number in range(1000, 1120)))
    browser, found, query = site.signed_in(), [], ""
    while True:
        page = browser.get(f"/api/v1/alerts?status=open{query}", page=False).get_json()
        found += [each["patient_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"&cursor={page['next_cursor']}"
    assert len(found) == len(set(found)) == 122
    assert found[-2:] == ["P-0001", "P-0002"]


def test_one_section_of_the_board_can_be_asked_for(site: Site) -> None:
    patients = board(site.signed_in(), "?urgency=NONE")["NONE"]["patients"]
    assert [row["patient_id"] for row in patients] == ["P-0003"]


def test_an_unchanged_board_is_not_sent_again(site: Site) -> None:
    browser = site.signed_in()
    first = browser.get("/api/v1/board", page=False)
    site.clock.pass_by(seconds=5)
    again = browser.get("/api/v1/board", page=False, headers={"If-None-Match": first.headers["ETag"]})
    other = browser.get("/api/v1/board?urgency=NONE", page=False, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, other.status_code) == (304, b"", 200)


def test_polling_the_board_does_not_keep_a_session_alive(site: Site) -> None:
    browser = site.signed_in()
    for _ in range(4):
        site.clock.pass_by(minutes=10)
        status = browser.get("/api/v1/board", page=False).status_code
    assert status == 401


def test_alerts_are_listed_and_filtered(site: Site) -> None:
    browser = site.signed_in()
    assert [each["patient_id"] for each in alerts(browser)] == ["P-0001", "P-0002"]
    assert [each["patient_id"] for each in alerts(browser, "?level=HIGH")] == ["P-0002"]
    assert alerts(browser, "?status=acked") == []
    assert alerts(browser, "?status=resolved") == []


def test_an_alert_is_found_by_its_id_and_no_other(site: Site) -> None:
    browser = site.signed_in()
    alert_id = alerts(browser)[0]["alert_id"]
    found = browser.get(f"/api/v1/alerts/{alert_id}", page=False)
    assert (found.get_json()["alert_id"], found.get_json()["events"]) == (alert_id, [])
    for other in ("predicted-0-P-0001", "x", "predicted-99999999999999999-P-0001", "a-b-c", alert_id + "x"):
        assert browser.get(f"/api/v1/alerts/{other}", page=False).status_code == 404


def test_an_acknowledged_alert_says_by_whom_and_until_when(site: Site, search: FakeSearch) -> None:
    given = Answer(NEWEST, NEWEST + timedelta(minutes=32), "anne", "called", "Called at home.", 1)
    search.put_alerts(alert("P-0003", NEWEST, state=State.ACKNOWLEDGED, answer=given))
    (shown,) = alerts(site.signed_in(), "?status=acked")
    assert (shown["patient_id"], shown["status"], shown["acknowledged_by"]) == ("P-0003", "acked", "anne")
    assert (shown["reason"], shown["note"], shown["until"]) == ("called", "Called at home.", "2026-03-01T08:32:00.000Z")


def test_the_first_answer_stands_and_the_second_is_told_whose_it_is(site: Site) -> None:
    anne, bruno = site.signed_in(name="anne"), site.signed_in(name="bruno")
    alert_id = alerts(anne)[0]["alert_id"]
    first, second = (answer(each, alert_id, reason="seen") for each in (anne, bruno))
    assert (first.status_code, second.status_code) == (200, 409)
    assert "acknowledged by anne" in second.get_json(force=True)["detail"]


def test_a_token_with_the_scope_acknowledges(site: Site) -> None:
    alert_id = alerts(site.signed_in())[0]["alert_id"]
    token = site.token(scopes=("read:alerts", "write:ack"))
    asked = site.client().send("POST", f"/api/v1/alerts/{alert_id}/ack", json={"reason": "seen"}, headers=token)
    assert asked.status_code == 200
    assert [event["by"] for event in asked.get_json()["events"]] == ["robot"]


@pytest.mark.parametrize("patient_id", ["https://clinic.example/fhir|7", "urn:oid:1.2|é"])
def test_the_alert_of_any_patient_has_an_address(site: Site, search: FakeSearch, patient_id: str) -> None:
    search.put(PREDICTIONS, prediction(patient_id, 0.9))
    search.put(LATEST, prediction(patient_id, 0.9))
    search.put_alerts(alert(patient_id, NEWEST, AlertKind.PREDICTED))
    browser = site.signed_in()
    alert_id = next(each["alert_id"] for each in alerts(browser) if each["patient_id"] == patient_id)
    acked, useful = answer(browser, alert_id, reason="seen"), answer(browser, alert_id, "feedback", useful=True)
    assert (acked.status_code, useful.status_code, len(useful.get_json()["events"])) == (200, 200, 2)


def test_feedback_joins_what_was_said(site: Site) -> None:
    browser = site.signed_in()
    alert_id = alerts(browser)[0]["alert_id"]
    shown = answer(browser, alert_id, "feedback", useful=False).get_json()
    assert [(event["event"], event["useful"]) for event in shown["events"]] == [("feedback", False)]


def test_an_alert_that_is_over_takes_no_answer(site: Site, search: FakeSearch) -> None:
    ended(search, 1)
    browser = site.signed_in()
    (over,) = alerts(browser, "?status=resolved")
    assert answer(browser, over["alert_id"], reason="seen").status_code == 409


@pytest.mark.parametrize("minutes", [-1, 0, 14, 61, 100_000])
def test_an_alert_is_silenced_for_fifteen_to_sixty_minutes(site: Site, minutes: int) -> None:
    browser = site.signed_in()
    until = (site.clock.now + timedelta(minutes=minutes)).isoformat()
    response = answer(browser, alerts(browser)[0]["alert_id"], reason="seen", until=until)
    assert response.status_code == 422
    assert response.get_json(force=True)["errors"][0]["location"] == "body.until"


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({}, "body.reason"),
        ({"reason": "bored"}, "body.reason"),
        ({"reason": "seen", "note": "x" * 281}, "body.note"),
        ({"reason": "seen", "until": "soon"}, "body.until"),
        ({"reason": "seen", "by": "somebody-else"}, "body.by"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_by_field(site: Site, body: Any, location: str) -> None:
    browser = site.signed_in()
    response = answer(browser, alerts(browser)[0]["alert_id"], **body)
    assert response.status_code == 422
    assert response.get_json(force=True)["errors"][0]["location"] == location


def test_feedback_is_yes_or_no(site: Site) -> None:
    browser = site.signed_in()
    alert_id = alerts(browser)[0]["alert_id"]
    assert answer(browser, alert_id, "feedback", useful="true").status_code == 422
    assert answer(browser, alert_id, "feedback").status_code == 422


def test_only_who_may_write_answers_alerts(site: Site) -> None:
    alert_id = alerts(site.signed_in("viewer", name="vera"))[0]["alert_id"]
    assert answer(site.signed_in("viewer", name="victor"), alert_id, reason="seen").status_code == 403
    reader = site.token(scopes=("read:alerts",))
    asked = site.client().send("POST", f"/api/v1/alerts/{alert_id}/ack", json={"reason": "seen"}, headers=reader)
    assert asked.status_code == 403


def ended(search: FakeSearch, count: int) -> list[str]:
    """Return patients whose alert is over."""
    ids = [f"E-{number:03}" for number in range(count)]
    began, over = (NEWEST - timedelta(minutes=minutes) for minutes in (50, 30))
    search.put_alerts(
        *(alert(id_, began, AlertKind.PREDICTED, peak=2, state=State.RESOLVED, changed_at=over) for id_ in ids)
    )
    return ids


def test_resolved_alerts_are_read_page_by_page(site: Site, search: FakeSearch) -> None:
    ids, browser = ended(search, 60), site.signed_in()
    path, found = "/api/v1/alerts?status=resolved&limit=25", []
    while path:
        response = browser.get(path, page=False)
        found += [each["patient_id"] for each in response.get_json()["items"]]
        link = response.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
    assert sorted(found) == ids


def test_resolved_alerts_are_those_that_ended_in_a_span_and_of_a_level(site: Site, search: FakeSearch) -> None:
    ended(search, 1)
    browser = site.signed_in()
    assert len(alerts(browser, "?status=resolved&from=2026-03-01T07:30:00Z&to=2026-03-01T07:31:00Z")) == 1
    assert alerts(browser, "?status=resolved&from=2026-03-01T07:31:00Z") == []
    assert alerts(browser, "?status=resolved&to=2026-03-01T07:30:00Z") == []
    assert len(alerts(browser, "?status=resolved&level=HIGH")) == 1
    assert alerts(browser, "?status=resolved&level=CRITICAL") == []


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-03-01T07:00:00Z",
        "status=open&to=2026-03-01T07:00:00Z",
        "status=acked&from=2026-03-01T07:00:00Z",
        "status=acked&cursor=x",
        "status=resolved&cursor=x",
        "status=resolved&from=2025-02-01T00:00:00Z",
        "status=resolved&from=2026-03-01T07:00:00Z&to=2026-03-01T06:00:00Z",
    ],
)
def test_a_span_that_cannot_be_meant_is_refused(site: Site, query: str) -> None:
    assert site.signed_in().get(f"/api/v1/alerts?{query}", page=False).status_code == 422


def refused(patient_id: str, **more: Any) -> dict[str, Any]:
    """Return an alert of a refused reading."""
    heard = Refusal(NEWEST, None, "cuff-7", "VALUE_HAS_COMPARATOR", "systolic > 250 mmHg")
    return alert(patient_id, NEWEST, AlertKind.ATTENTION, refusals=(heard,), **more)


def test_a_refused_reading_that_sounds_like_a_crisis_is_an_alert_with_its_words(site: Site, search: FakeSearch) -> None:
    search.put_alerts(refused("P-0003"))
    browser = site.signed_in()

    (found,) = (each for each in alerts(browser) if each["kind"] == "attention")

    assert (found["patient_id"], found["status"], found["level"]) == ("P-0003", "open", "CRITICAL")
    (told,) = found["refusals"]
    assert (told["words"], told["reason"]) == ("systolic > 250 mmHg", "VALUE_HAS_COMPARATOR")
    assert told["device_id"] == "cuff-7"


def test_it_stays_listed_for_its_patient_when_it_is_answered_and_for_nobody_else(
    site: Site, search: FakeSearch
) -> None:
    given = Answer(NEWEST, NEWEST + timedelta(minutes=30), "anne", "treated", "by hand 206/118")
    search.put_alerts(refused("P-new", state=State.RESOLVED, answer=given))
    browser = site.signed_in()
    (item,) = browser.get("/api/v1/patients/P-new/attention", page=False).get_json()["items"]
    assert (item["status"], item["reason"], item["note"]) == ("resolved", "treated", "by hand 206/118")
    assert item["acknowledged_by"] == "anne"
    assert browser.get("/api/v1/patients/P-0003/attention", page=False).get_json()["items"] == []
