"""The board as a browser gets it: sections, polling, and the wall."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from elastic.names import LATEST, PREDICTIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient, prediction, reading
from tests.unit.webapp.site import NOON, Browser, Site, make_site
from webapp.patient_ids import spell

ANSWER = {"patient_id": "p-high", "reason": "called", "note": "back at 3", "pause": "30"}
JSON = {"Accept": "application/json"}


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
        Patient("p-silent", 150, 0.5, silent=timedelta(minutes=50)),
    ):
        found.put(patient)
    return found


def shown(html: str) -> list[tuple[str, str]]:
    """Return patient and section of each row."""
    return re.findall(r'data-patient="([^"]+)" data-urgency="([A-Z]+)"', html)


def alert_of(html: str, patient_id: str) -> str:
    """Return the id of the alert that a patient's row shows, with the time when it was raised."""
    (found,) = re.findall(rf'data-patient="{patient_id}"[^>]* data-alert="([^"]+@\d+)"', html)
    return str(found)


def text(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_the_board_lists_by_urgency_and_folds_the_quiet(ward: Ward) -> None:
    html = text(ward.site.signed_in(), "/")
    assert shown(html) == [("p-crisis", "CRITICAL"), ("p-high", "HIGH"), ("p-silent", "STALE")]
    assert 'href="?low=1"' in html


def test_the_quiet_are_shown_on_demand(ward: Ward) -> None:
    assert ("p-low", "LOW") in shown(text(ward.site.signed_in(), "/?low=1"))


@pytest.mark.parametrize(("level", "patient"), [("CRITICAL", "p-crisis"), ("STALE", "p-silent"), ("LOW", "p-low")])
def test_the_board_can_be_limited_to_one_section(ward: Ward, level: str, patient: str) -> None:
    assert shown(text(ward.site.signed_in(), f"/?level={level}")) == [(patient, level)]


def test_a_crisis_at_low_risk_is_red_and_the_risk_beside_it(ward: Ward) -> None:
    html = text(ward.site.signed_in(), "/?level=CRITICAL")
    assert "level-critical" in html
    assert "11\N{NO-BREAK SPACE}%" in html
    assert "184/114" in html


def test_old_values_are_struck_through(ward: Ward) -> None:
    html = text(ward.site.signed_in(), "/?level=STALE")
    assert re.search(r'<s class="pressure">\s*150/93', html)
    assert "trend-" not in html


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


def test_a_new_crisis_has_button_and_count_before_the_index_of_all_predictions_shows_it(ward: Ward) -> None:
    browser = ward.site.signed_in()
    text(browser, "/")
    newest = prediction(reading("p-low", ward.site.clock.now, 190, 100), 0.05)
    ward.search.documents[LATEST] = [
        document for document in ward.search.documents[LATEST] if document["patient_id"] != "p-low"
    ]
    ward.search.put(LATEST, newest)
    ward.site.clock.pass_by(seconds=3)

    for html in (text(browser, "/board/rows"), text(ward.site.signed_in(name="bea"), "/")):
        assert ("p-low", "CRITICAL") in shown(html)
        assert 'href="/acknowledge?patient_id=p-low"' in html
        assert 'data-unanswered="4"' in html
    early = alert_of(text(browser, "/board/rows"), "p-low")

    ward.search.put(PREDICTIONS, newest)
    ward.site.clock.pass_by(seconds=3)
    rows = text(browser, "/board/rows")
    assert alert_of(rows, "p-low") == early
    assert 'data-unanswered="4"' in rows


def test_ages_are_renewed_each_minute(ward: Ward) -> None:
    browser = ward.site.signed_in()
    tag = browser.get("/board/rows").headers["ETag"]
    ward.site.clock.pass_by(seconds=60)
    assert browser.get("/board/rows", headers={"If-None-Match": tag}).status_code == 200


def test_thirty_minutes_of_silence_make_everything_old_but_the_crisis(ward: Ward) -> None:
    ward.site.clock.pass_by(minutes=31)
    assert dict(shown(text(ward.site.signed_in(), "/"))) == {
        "p-crisis": "CRITICAL",
        "p-high": "STALE",
        "p-silent": "STALE",
        "p-low": "STALE",
    }


def test_tags_differ_by_role_language_and_filter(ward: Ward) -> None:
    readers = [ward.site.signed_in(), ward.site.signed_in("viewer"), ward.site.signed_in(name="fr", language="fr")]
    tags = {reader.get("/board/rows").headers["ETag"] for reader in readers}
    tags.add(readers[0].get("/board/rows?level=HIGH").headers["ETag"])
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


def test_a_kiosk_sees_tiles_with_masked_ids(ward: Ward) -> None:
    html = text(ward.site.signed_in("kiosk"), "/")
    assert "page-wall" in html
    assert "p-crisis" not in html
    assert "\N{HORIZONTAL ELLIPSIS}isis" in html
    assert "Acknowledge" not in html
    assert "p-crisis" not in text(ward.site.signed_in("kiosk", "second"), "/board/rows")


def test_a_viewer_cannot_acknowledge(ward: Ward) -> None:
    browser = ward.site.signed_in("viewer")
    assert "button-acknowledge" not in text(browser, "/")


def test_ids_are_written_so_that_no_browser_reads_them_as_markup(tmp_path: Path) -> None:
    search, hostile = FakeSearch(), '"><script>'
    search.put(LATEST, prediction(reading(hostile, NOON, 150, 90), 0.5))
    html = text(make_site(tmp_path, search).signed_in(), "/")
    assert hostile not in html
    assert f'href="/patients/{spell(hostile)}"' in html
