"""The pages of patients, as a browser asks for them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from alerts.model import AlertKind, Answer, Finding, Refusal, State, Withdrawal
from elastic.names import ALERT_EVENTS, ALERTS, LATEST, OBSERVATIONS, PREDICTIONS, REJECTED
from tests.support.alerts import serve
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.support.ward import alert, reading, refusal
from tests.unit.webapp.patients.pages import text, visible
from tests.unit.webapp.site import NOON, Site, make_site
from webapp.patient_ids import LONGEST_ID
from webapp.patients.listing import PAGE_SIZE
from webapp.patients.views import patient_path

PAGES = ("/patients", "/patients/P-0412", "/patients/P-0412?view=table", "/patients/P-0412/report")
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)


def acknowledgement(search: FakeSearch, note: str = "") -> dict[str, Any]:
    """Return the event of somebody who answered the crisis of P-0412 a minute ago."""
    (crisis,) = (each for each in search.documents[ALERTS] if each["patient_id"] == "P-0412" and is_crisis(each))
    return {
        "@timestamp": (NOON - timedelta(minutes=1)).isoformat(),
        "alert_id": crisis["alert_id"],
        "patient_id": "P-0412",
        "kind": "measured",
        "event": "acknowledged",
        "by": "anne",
        "reason": "called",
        "note": note,
        "until": (NOON + timedelta(minutes=29)).isoformat(),
        "number": 1,
    }


def is_crisis(document: dict[str, Any]) -> bool:
    return bool(document["kind"] == "measured" and document["is_open"])


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("path", [*PAGES, "/patients/P-0302", "/patients/P-0900", "/patients/P-0900?view=table"])
def test_no_page_holds_script_or_style_of_its_own(site: Site, path: str, language: str) -> None:
    page = text(site, path, language=language)

    assert INLINE.findall(page) == []
    assert f'<html lang="{language}">' in page


def test_the_list_shows_truncated_risks_and_links_that_lead_somewhere(site: Site) -> None:
    browser = site.signed_in()
    page = browser.get("/patients").get_data(as_text=True)

    assert "39\N{NO-BREAK SPACE}%" in page
    links = re.findall(r'class="patient-link mono" href="([^"]+)"', page)
    assert len(links) == 4
    assert [browser.get(link).status_code for link in links] == [200] * 4


def test_a_list_longer_than_a_page_goes_on_for_its_own_user_only(site: Site, search: FakeSearch) -> None:
    quiet = search.documents[LATEST][-1]
    search.put(LATEST, *(quiet | {"patient_id": f"Q-{number}"} for number in range(PAGE_SIZE)))
    browser = site.signed_in()
    next_page = re.search(r'rel="next" href="([^"]+)"', browser.get("/patients").get_data(as_text=True))
    assert next_page is not None
    address = next_page[1].replace("&amp;", "&")

    rest = browser.get(address).get_data(as_text=True)

    assert len(re.findall("patient-link", rest)) == 4
    assert "P-0412" not in rest
    assert site.signed_in(name="other").get(address).status_code == 404
    assert browser.get(address + "&level=HIGH").status_code == 404


@pytest.mark.parametrize("patient_id", ["p-1", "urn:oid:1.2|7/8 é"])
def test_a_link_with_the_plain_id_leads_to_the_patient_however_the_id_is_spelled(site: Site, patient_id: str) -> None:
    answer = site.signed_in().get("/patient?" + urlencode({"id": patient_id}))
    assert (answer.status_code, answer.location) == (302, patient_path(patient_id))


@pytest.mark.parametrize("query", ["", "?id=", "?id=" + "p" * (LONGEST_ID + 1)])
def test_a_link_without_an_id_leads_nowhere(site: Site, query: str) -> None:
    assert site.signed_in().get("/patient" + query).status_code == 404


def test_a_patient_of_whom_nothing_is_stored_is_not_found(site: Site) -> None:
    browser = site.signed_in()

    for path in ("", "/live", "/chart", "/data.csv", "/report"):
        assert browser.get(f"/patients/P-9999{path}").status_code == 404


def test_a_measured_crisis_is_red_whatever_the_prediction_says(site: Site, search: FakeSearch) -> None:
    search.put(OBSERVATIONS, reading("P-0233", NOON - timedelta(minutes=1), 192, 101))
    search.put_alerts(alert("P-0233", NOON - timedelta(minutes=1)))

    page = text(site, "/patients/P-0233", language="en")

    assert "MEASURED CRISIS" in page
    assert '<span class="level level-critical">' in page
    assert "192/101" in page


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "1 reading counts only once its time has come: the device's clock runs ahead (clock_ahead)."),
        ("fr", "horloge de l\N{RIGHT SINGLE QUOTATION MARK}appareil avance (clock_ahead)."),
    ],
)
def test_a_reading_of_the_future_is_told_apart_and_hides_no_crisis(
    site: Site, search: FakeSearch, language: str, told: str
) -> None:
    ahead = reading("P-0233", NOON + timedelta(hours=23), 124, 76) | {"device_id": "cuff-7", "flags": ["clock_ahead"]}
    search.put(OBSERVATIONS, ahead, reading("P-0233", NOON, 190, 125))

    page = visible(text(site, "/patients/P-0233", language=language)).replace("&#39;", "'")

    assert told in page
    assert "124/76 mmHg cuff-7" in page
    assert page.index("190/125") < page.index("124/76")


def test_a_patient_with_nothing_but_readings_of_the_future_has_a_page_that_says_so(
    site: Site, search: FakeSearch
) -> None:
    search.put(OBSERVATIONS, reading("P-7", NOON + timedelta(hours=1), 124, 76))

    page = visible(text(site, "/patients/P-7", language="en"))

    assert "Technical fault: the reading's time lies in the future." in page.replace("&#39;", "'")


def test_measured_and_predicted_age_separately(site: Site, search: FakeSearch) -> None:
    search.put(OBSERVATIONS, reading("P-0302", NOON - timedelta(minutes=1), 140, 90))

    page = visible(text(site, "/patients/P-0302", language="en"))

    assert "MEASURED 1 min ago" in page
    assert "From old data: no longer a statement about now." in page
    assert "Old data: check the cuff and the device." not in page


def test_old_data_withhold_the_trend_and_say_so(site: Site) -> None:
    page = visible(text(site, "/patients/P-0302", language="en"))

    assert "Old data: check the cuff and the device." in page
    assert "Trend of the systolic pressure withheld" in page


def test_a_patient_with_too_few_readings_has_a_page_without_prediction(site: Site) -> None:
    page = visible(text(site, "/patients/P-0900", language="en"))

    assert "WAITING: too few readings" in page
    assert "No prediction yet" in page
    assert "Last 24 hours: 4 readings" in page


def test_a_prediction_made_again_tells_what_it_was(site: Site, search: FakeSearch) -> None:
    newest = search.documents[LATEST][1] | {
        "replaced_risk_6h": 0.319,
        "replaced_scored_at": "2026-03-10T10:05:00.000Z",
    }
    search.documents[LATEST][1] = search.documents[PREDICTIONS][-1] = newest

    page = visible(text(site, f"/patients/{newest['patient_id']}", language="en"))

    assert "The 6 h risk was 31 % (computed 10 Mar 11:05) and became 39 %" in page


def test_reasons_and_quality_are_told_in_french(site: Site) -> None:
    page = visible(text(site, "/patients/P-0412", language="fr"))

    assert "pression systolique de la dernière mesure (171 mmHg)" in page
    assert "30 mesures sur 30, en 7,2 h" in page


@pytest.mark.parametrize(
    ("language", "sentence", "mark"),
    [
        (
            "fr",
            "pas été entraîné sur de telles mesures (mesures plus espacées) : ce risque",
            "pas été entraîné sur de telles mesures",
        ),
        (
            "en",
            "The model was not trained on such readings (readings further apart): the risk is a mere guess.",
            "the model was not trained on such readings",
        ),
    ],
)
def test_a_prediction_out_of_the_model_s_range_is_told_on_page_and_list(
    site: Site, search: FakeSearch, language: str, sentence: str, mark: str
) -> None:
    (newest,) = (each for each in search.documents[LATEST] if each["patient_id"] == "P-0412")
    newest["out_of_range"] = ["INTERVAL_LONG"]

    assert sentence in visible(text(site, "/patients/P-0412", name="page", language=language))
    assert visible(text(site, "/patients", name="list", language=language)).count(mark) == 1


def test_an_open_alert_can_be_acknowledged_by_who_may(site: Site) -> None:
    link = 'href="/acknowledge?patient_id=P-0412"'
    assert link in text(site, "/patients/P-0412")
    assert link not in text(site, "/patients/P-0412", role="viewer")


def test_the_note_of_an_acknowledgement_is_text_and_nothing_else(site: Site, search: FakeSearch) -> None:
    search.put(ALERT_EVENTS, acknowledgement(search, "<script>alert(1)</script>"))
    serve(search, NOON)

    page = text(site, "/patients/P-0412", language="en")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Patient called" in page


def test_the_chart_is_data_with_words_in_the_readers_language(site: Site) -> None:
    answer = site.signed_in(language="fr").get("/patients/P-0412/chart?span=6h", page=False)

    drawn = answer.get_json()
    assert len([value for value in drawn["pressures"]["columns"]["systolic"] if value]) == 24
    assert drawn["texts"]["no_data"] == "pas de données"
    assert drawn["pressures"]["sentence"].startswith("Sur 6 heures\N{NO-BREAK SPACE}: 24 mesures")
    assert drawn["timeline"]["steps"]["level"][-1] == "CRITICAL"
    assert {alert["level"] for alert in drawn["pressures"]["alerts"]} >= {"CRITICAL"}


def test_what_has_not_changed_is_not_sent_again(site: Site) -> None:
    browser = site.signed_in()
    for path in ("chart", "live"):
        first = browser.get(f"/patients/P-0412/{path}", page=False)
        site.clock.pass_by(seconds=1)

        again = browser.get(f"/patients/P-0412/{path}", page=False, headers={"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.get_data()) == (304, b"")


def test_polling_keeps_no_session_alive(site: Site) -> None:
    browser = site.signed_in()
    for _ in range(4):
        site.clock.pass_by(minutes=10)
        last = browser.get("/patients/P-0412/live", page=False)

    assert last.status_code == 401


def test_the_live_parts_are_those_of_the_page(site: Site) -> None:
    browser = site.signed_in()
    page, live = (browser.get(f"/patients/P-0412{path}").get_data(as_text=True) for path in ("", "/live"))

    parts = re.findall(r'data-part="(\w+)"', live)
    assert sorted(parts) == sorted(re.findall(r'data-part="(\w+)"', page))
    for part in re.findall(r'<section class="lane .*?</section>', live, re.DOTALL):
        assert part in page


def test_an_unknown_span_is_the_usual_one(site: Site) -> None:
    assert "Last 24 hours: " in visible(text(site, "/patients/P-0233?span=9y", language="en"))


def test_the_table_has_a_row_for_each_reading_and_gap(site: Site) -> None:
    page = text(site, "/patients/P-0302?view=table&span=6h", language="en")

    assert page.count("no data") >= 1
    assert page.count('<th scope="row">') > 20
    assert "uPlot" not in re.sub(r"<link[^>]+>", "", page)


def test_while_elasticsearch_is_away_every_page_says_so(site: Site, search: FakeSearch) -> None:
    search.fake.is_away = True
    browser = site.signed_in()

    assert {browser.get(path).status_code for path in PAGES} == {503}


@pytest.mark.parametrize(
    ("alert_id", "useful", "status"),
    [("measured-1-P-0412", "yes", 404), ("nonsense", "no", 404), ("measured-1-P-0412", "perhaps", 422)],
)
def test_only_an_alert_of_this_patient_can_be_judged(site: Site, alert_id: str, useful: str, status: int) -> None:
    answer = site.signed_in().post("/patients/P-0412/feedback", {"alert_id": alert_id, "useful": useful})

    assert answer.status_code == status


def test_a_judgement_is_shown_on_the_alert(site: Site, search: FakeSearch) -> None:
    answer = acknowledgement(search)
    search.put(ALERT_EVENTS, answer)
    serve(search, NOON)
    page = text(site, "/patients/P-0412", language="en")
    search.put(ALERT_EVENTS, answer | {"event": "feedback", "number": 2, "useful": False})
    judged = site.signed_in(name="other", language="en").get("/patients/P-0412").get_data(as_text=True)

    assert re.findall(r'aria-pressed="(\w+)"', page)[:2] == ["false", "false"]
    assert re.findall(r'aria-pressed="(\w+)"', judged)[:2] == ["false", "true"]


def test_the_night_of_chart_legend_and_report_is_that_of_the_setting(
    tmp_path: Path, search: FakeSearch, fake: FakeElasticsearch
) -> None:
    browser = make_site(tmp_path, search=search, elasticsearch_url=fake.url, day_hours="6-21").signed_in()

    (dusk, dawn) = browser.get("/patients/P-0412/chart").get_json()["pressures"]["nights"][0]
    assert dawn - dusk == 9 * 3600
    assert "night (21\N{EN DASH}6 h)" in browser.get("/patients/P-0412").get_data(as_text=True)
    assert "Day 6\N{EN DASH}21 h" in browser.get("/patients/P-0412/report").get_data(as_text=True)


def test_a_refused_reading_that_sounds_like_a_crisis_is_told_on_the_page_until_it_is_answered(
    site: Site, search: FakeSearch
) -> None:
    at = NOON - timedelta(minutes=2)
    refused = Refusal(at, None, "cuff-7", "SYSTOLIC_OUT_OF_RANGE", "310/160 mmHg")
    search.put_alerts(alert("P-0233", at, AlertKind.ATTENTION, refusals=(refused,)))
    browser = site.signed_in(name="bea")
    page = visible(browser.get("/patients/P-0233").get_data(as_text=True))
    assert "Unusable reading that sounds like a crisis" in page
    assert re.search("TO CHECK ?: 310/160 mmHg", page)
    assert "not usable for the prediction: outside the limits of what is possible" in page
    assert "150/93 mmHg" in page  # the newest reading that was taken, untouched

    answer = Answer(NOON, NOON, "bea")
    search.put_alerts(
        alert("P-0233", at, AlertKind.ATTENTION, state=State.RESOLVED, refusals=(refused,), answer=answer)
    )

    answered = visible(browser.get("/patients/P-0233").get_data(as_text=True))
    open_ones, earlier = answered.split("1 earlier alert in three days")
    assert "310/160 mmHg" not in open_ones
    assert "310/160 mmHg" in earlier
    assert "bea" in earlier


def test_a_withdrawn_alert_is_struck_through_with_its_reason(site: Site, search: FakeSearch) -> None:
    at = NOON - timedelta(minutes=9)
    worst = Finding(at, 3, systolic=222.0, diastolic=136.0)
    search.put_alerts(alert("P-0233", at, state=State.WITHDRAWN, worst=worst, why=Withdrawal.CHANGED))
    page = text(site, "/patients/P-0233", language="en")
    assert "<s>222/136 mmHg</s>" in page
    assert re.search("withdrawn ?: its reading was retracted or corrected", visible(page))


def test_the_journal_tells_who_said_what_and_what_was_taken_back(site: Site, search: FakeSearch) -> None:
    answer = acknowledgement(search)
    undone = {"@timestamp": (NOON - timedelta(seconds=30)).isoformat(), "event": "undone", "number": 2, "undone": 1}
    search.put(ALERT_EVENTS, answer, answer | undone)
    page = text(site, "/patients/P-0412", language="en")
    (line,) = re.findall(r"<s><b>anne</b>.*?</s> \(taken back\)", page, re.DOTALL)
    assert "Patient called" in line


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "message sent . Measured crisis, to nurse-desk by mail, step 2, reminder 2"),
        ("fr", "message envoyé . Crise mesurée, à nurse-desk par mail, étape 2, rappel n° 2"),
    ],
)
def test_the_journal_tells_whom_a_message_has_told_by_which_way_and_at_which_step(
    site: Site, search: FakeSearch, language: str, line: str
) -> None:
    about = {key: value for key, value in acknowledgement(search).items() if key in ("alert_id", "patient_id")}
    told = {"event": "notified", "kind": "measured", "recipient": "nurse-desk", "channel": "mail", "step": 1}
    at = (NOON - timedelta(seconds=30)).isoformat()
    search.put(ALERT_EVENTS, {"@timestamp": at, **about, **told, "repeat": 2})
    assert re.search(line, visible(text(site, "/patients/P-0412", language=language)))


def test_a_refusal_of_another_patient_is_on_no_other_page(site: Site, search: FakeSearch) -> None:
    refused = Refusal(NOON, None, None, "UNIT_MISSING", "310/160 mmHg")
    search.put_alerts(alert("P-0412", NOON, AlertKind.ATTENTION, refusals=(refused,)))
    search.put(REJECTED, refusal(None, NOON, "312/160 mmHg"))

    page = text(site, "/patients/P-0233")

    assert "310/160" not in page
    assert "312/160" not in page
