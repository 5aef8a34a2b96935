"""The board as a browser gets it: sections, polling, the wall, and acknowledging."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from alerts.model import AlertKind, Answer, Finding, State
from elastic.names import ALERT_SERVICE, ALERTS, LATEST, OBSERVATIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import Document, Patient, alert, prediction, reading
from tests.unit.webapp.site import NOON, Browser, Site, make_site
from webapp.patient_ids import spell


class Ward(NamedTuple):
    site: Site
    search: FakeSearch

    def put(self, patient: Patient) -> None:
        self.search.put_history(patient, self.site.clock.now)
        self.site.clock.pass_by(seconds=3)


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    search = FakeSearch()
    found = Ward(make_site(tmp_path, search), search)
    for patient in (
        Patient("p-high", 150, 0.45),
        Patient("p-low", 120, 0.05),
        Patient("p-crisis", 184, 0.11),
        Patient("p-silent", 130, 0.05, silent=timedelta(minutes=50)),
    ):
        found.put(patient)
    return found


def shown(html: str) -> list[tuple[str, str]]:
    """Return patient and section of each row."""
    return re.findall(r'data-patient="([^"]+)" data-urgency="([A-Z]+)"', html)


def row_of(html: str, patient_id: str) -> str:
    """Return the text of a patient's row or tile with single spaces."""
    (found,) = re.findall(rf'<li class="(?:row|tile) [^>]*data-row="{patient_id}".*?</li>', html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def text(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_the_board_lists_by_the_worst_open_alert_and_folds_the_quiet(ward: Ward) -> None:
    html = text(ward.site.signed_in(), "/")
    assert shown(html) == [("p-crisis", "CRITICAL"), ("p-high", "HIGH"), ("p-silent", "SILENT")]
    assert 'href="?quiet=1"' in html


def test_the_quiet_are_shown_on_demand(ward: Ward) -> None:
    assert ("p-low", "NONE") in shown(text(ward.site.signed_in(), "/?quiet=1"))


@pytest.mark.parametrize(("urgency", "patient"), [("CRITICAL", "p-crisis"), ("SILENT", "p-silent"), ("NONE", "p-low")])
def test_the_board_can_be_limited_to_one_section(ward: Ward, urgency: str, patient: str) -> None:
    assert shown(text(ward.site.signed_in(), f"/?urgency={urgency}")) == [(patient, urgency)]


def test_a_crisis_at_low_risk_is_red_and_the_predicted_level_beside_it(ward: Ward) -> None:
    row = row_of(text(ward.site.signed_in(), "/"), "p-crisis")
    assert row.startswith("MEASURED CRISIS p-crisis MEASURED 2 min 184/114 crisis")
    assert "already in crisis LOW" in row
    assert "6 h 11 %" in row


def test_a_risk_that_the_model_was_not_trained_for_says_so(ward: Ward) -> None:
    browser = ward.site.signed_in()
    assert "trained" not in row_of(text(browser, "/"), "p-high")
    (stored,) = (each for each in ward.search.documents[LATEST] if each["patient_id"] == "p-high")
    stored["out_of_range"] = ["INTERVAL_LONG"]
    ward.site.clock.pass_by(seconds=6)
    assert "the model was not trained on such readings" in row_of(text(browser, "/"), "p-high")


def test_old_values_are_struck_through(ward: Ward) -> None:
    html = text(ward.site.signed_in(), "/?urgency=SILENT")
    assert re.search(r'<s class="pressure">\s*130/80', html)
    assert "trend-" not in html
    assert "NO READINGS" in row_of(html, "p-silent")


def stored(ward: Ward, *documents: Document) -> None:
    ward.search.put_alerts(*documents)
    ward.site.clock.pass_by(seconds=3)


def test_a_late_crisis_is_told_with_its_values_and_age_beside_newer_normal_ones(ward: Ward) -> None:
    at = NOON - timedelta(minutes=97)
    stored(ward, alert("p-low", at, worst=Finding(at, 3, systolic=214.9, diastolic=132), raised_at=NOON))
    row = row_of(text(ward.site.signed_in(), "/"), "p-low")
    assert "MEASURED 2 min 120/74" in row
    assert "214/132, 1 h ago not acknowledged for 0 min" in row


def test_every_open_alert_of_a_patient_is_told_with_who_looks_after_it(ward: Ward) -> None:
    answer = Answer(NOON, NOON + timedelta(minutes=30), "anne")
    at = NOON - timedelta(minutes=9)
    risk = Finding(at, 2, risk_6h=0.459)
    stored(
        ward,
        alert("p-low", at, state=State.ACKNOWLEDGED, answer=answer, owner="bea"),
        alert("p-low", at, AlertKind.PREDICTED, rank=2, worst=risk, escalated=True),
    )
    row = row_of(text(ward.site.signed_in(), "/"), "p-low")
    assert "acknowledged by anne, for another 30 min in charge: bea" in row
    assert "HIGH RISK 6 h 45 %, 9 min ago not acknowledged for 9 min" in row
    assert "Acknowledge" in row


def test_two_values_of_one_instant_and_low_pressure_are_marked(ward: Ward) -> None:
    low = reading("p-low", ward.site.clock.now, 66, 38) | {"flags": ["conflicting_values"]}
    ward.search.put(OBSERVATIONS, low)
    ward.site.clock.pass_by(seconds=6)
    row = row_of(text(ward.site.signed_in(), "/?quiet=1"), "p-low")
    assert "66/38 low" in row
    assert "two values of one instant differ" in row


def test_a_poll_gets_the_rows_of_the_first_view(ward: Ward) -> None:
    browser = ward.site.signed_in()
    page, rows = text(browser, "/"), text(browser, "/board/rows")
    assert shown(rows) == shown(page)
    assert "<html" not in rows


def test_a_poll_is_told_that_nothing_has_changed_before_anything_is_rendered(ward: Ward) -> None:
    browser = ward.site.signed_in()
    first = browser.get("/board/rows")
    again = browser.get("/board/rows", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["X-Newest"] == first.headers["X-Newest"]


def test_a_poll_gets_what_is_new(ward: Ward) -> None:
    browser = ward.site.signed_in()
    tag = browser.get("/board/rows").headers["ETag"]
    ward.put(Patient("p-low", 170, 0.83))
    answer = browser.get("/board/rows", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert ("p-low", "CRITICAL") in shown(answer.get_data(as_text=True))


def test_ages_are_renewed_each_minute(ward: Ward) -> None:
    browser = ward.site.signed_in()
    tag = browser.get("/board/rows").headers["ETag"]
    ward.site.clock.pass_by(seconds=60)
    assert browser.get("/board/rows", headers={"If-None-Match": tag}).status_code == 200


def test_tags_differ_by_role_language_and_filter(ward: Ward) -> None:
    readers = [ward.site.signed_in(), ward.site.signed_in("viewer"), ward.site.signed_in(name="fr", language="fr")]
    tags = {reader.get("/board/rows").headers["ETag"] for reader in readers}
    tags.add(readers[0].get("/board/rows?urgency=HIGH").headers["ETag"])
    assert len(tags) == 4


def test_rows_are_compressed_for_who_takes_it(ward: Ward) -> None:
    browser = ward.site.signed_in()
    packed = browser.get("/board/rows", headers={"Accept-Encoding": "gzip"})
    plain = browser.get("/board/rows")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_many_screens_share_one_search(ward: Ward) -> None:
    browsers = [ward.site.signed_in(name=f"user-{number}") for number in range(5)]
    text(browsers[0], "/board/rows")
    before = len(ward.search.asked)
    for browser in browsers:
        text(browser, "/board/rows")
    assert len(ward.search.asked) == before


def test_without_elasticsearch_the_poll_says_so(ward: Ward) -> None:
    browser = ward.site.signed_in()
    ward.search.fake.is_away = True
    assert browser.get("/board/rows", page=False).status_code == 503


def test_an_empty_ward_is_a_sentence_and_no_error(tmp_path: Path) -> None:
    html = text(make_site(tmp_path, FakeSearch()).signed_in(), "/")
    assert "No data yet" in html
    assert shown(html) == []


@pytest.mark.parametrize("role", ["clinician", "kiosk"])
def test_without_the_alert_service_no_screen_looks_calm(ward: Ward, role: str) -> None:
    browser = ward.site.signed_in(role)
    assert "data-outage" not in text(browser, "/")
    ward.search.documents[ALERT_SERVICE] = [{"until": (ward.site.clock.now - timedelta(minutes=3)).isoformat()}]
    ward.site.clock.pass_by(seconds=6)
    assert "The alert service has not run for 3 min" in text(ward.site.signed_in(role, "later"), "/board/rows")
    ward.search.documents[ALERT_SERVICE] = []
    ward.search.documents[ALERTS] = []
    ward.site.clock.pass_by(seconds=6)
    html = text(browser, "/")
    assert "The alert service has never run" in html
    assert "Nobody has an open alert" not in html


@pytest.mark.parametrize("role", ["clinician", "kiosk"])
def test_a_stopped_feed_stands_above_everything(ward: Ward, role: str) -> None:
    at = ward.site.clock.now - timedelta(minutes=4)
    stored(ward, alert(None, at, AlertKind.FEED, part="feed", worst=Finding(at, 3)))
    html = text(ward.site.signed_in(role), "/")
    assert "Nothing has arrived for 4 min" in html
    assert html.index('data-outage="feed feed"') < html.index("board-counts") < html.index("data-row")


@pytest.mark.parametrize("role", ["clinician", "kiosk"])
def test_a_way_by_which_no_message_arrives_is_told_as_that_and_not_as_old_data(ward: Ward, role: str) -> None:
    at = ward.site.clock.now - timedelta(minutes=4)
    stored(ward, alert(None, at, AlertKind.SYSTEM, part="channel-mail-nurse", worst=Finding(at, 3)))
    html = text(ward.site.signed_in(role), "/")
    assert "Messages have not arrived by “channel-mail-nurse” for 4 min" in html
    assert "No sign of life" not in html


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("model-risks", "The risks do not fit what happens"),
        ("model-patients", "Readings here differ from those that the model was trained on"),
    ],
)
def test_a_model_that_does_not_fit_is_told_as_that_and_not_as_silence(ward: Ward, part: str, told: str) -> None:
    at = ward.site.clock.now - timedelta(minutes=4)
    stored(ward, alert(None, at, AlertKind.SYSTEM, part=part, worst=Finding(at, 1)))
    html = text(ward.site.signed_in("clinician"), "/")
    assert told in html
    assert "No sign of life" not in html


def test_a_kiosk_sees_tiles_with_masked_ids(ward: Ward) -> None:
    html = text(ward.site.signed_in("kiosk"), "/")
    assert "page-wall" in html
    assert "p-crisis" not in html
    assert "Acknowledge" not in html
    assert "p-crisis" not in text(ward.site.signed_in("kiosk", "second"), "/board/rows")


def test_a_wall_tells_measured_from_predicted_and_answered_from_unanswered(ward: Ward) -> None:
    answer = Answer(NOON, NOON + timedelta(minutes=30), "anne")
    stored(ward, alert("p-high", NOON, AlertKind.PREDICTED, state=State.ACKNOWLEDGED, answer=answer))
    html = text(ward.site.signed_in("kiosk"), "/")
    assert "MEASURED CRISIS" in row_of(html, "\N{HORIZONTAL ELLIPSIS}isis")
    assert "CRITICAL RISK" in row_of(html, "\N{HORIZONTAL ELLIPSIS}high")
    assert "✓ acknowledged" in row_of(html, "\N{HORIZONTAL ELLIPSIS}high")
    assert re.search(r"tile-critical kind-measured is-due", html)
    assert re.search(r"tile-critical kind-predicted is-answered", html)


def test_ids_that_end_alike_are_told_apart_on_a_wall(ward: Ward) -> None:
    stored(ward, alert("sim1-00069", NOON), alert("zz9-00069", NOON))
    html = text(ward.site.signed_in("kiosk"), "/")
    assert {"\N{HORIZONTAL ELLIPSIS}1-00069", "\N{HORIZONTAL ELLIPSIS}9-00069"} <= {id_ for id_, _ in shown(html)}


def test_a_wall_says_how_many_are_not_on_it(ward: Ward) -> None:
    stored(ward, *(alert(f"p-{number:05}", NOON) for number in range(80)))
    html = text(ward.site.signed_in("kiosk"), "/")
    assert html.count('class="tile ') == 60
    assert "<strong>+23</strong> not on this screen" in html


def test_a_viewer_cannot_acknowledge(ward: Ward) -> None:
    browser = ward.site.signed_in("viewer")
    assert "button-acknowledge" not in text(browser, "/")


def test_ids_are_written_so_that_no_browser_reads_them_as_markup(tmp_path: Path) -> None:
    search, hostile = FakeSearch(), '"><script>'
    search.put(LATEST, prediction(reading(hostile, NOON, 150, 90), 0.5))
    search.put_alerts(alert(hostile, NOON))
    html = text(make_site(tmp_path, search).signed_in(), "/")
    assert hostile not in html
    assert f'href="/patients/{spell(hostile)}"' in html
