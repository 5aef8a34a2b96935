"""The page behind the link in a message: seen without an account, answered by a button, once, and never by a look."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from werkzeug.test import TestResponse

from alerts.channels.message import Disclosure
from alerts.model import Finding
from alerts.notifications.links import LIFETIME, Links
from elastic.names import ALERT_EVENTS, ALERTS, AUDIT, STAYS
from tests.support.alerts import serve
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.support.tellings import EVERYTHING, recipient
from tests.support.ward import alert
from tests.unit.webapp.site import NOON, PAGE, Browser, Site, make_site

AT = NOON - timedelta(minutes=4)
CRISIS = Finding(AT, 3, systolic=208.4, diastolic=126.0)


class Ward(NamedTuple):
    site: Site
    search: FakeSearch

    def link(self, discloses: Iterable[Disclosure] = EVERYTHING, language: str = "en") -> str:
        """Return the path of anne's link to the only alert as it stands."""
        (document,) = self.search.documents[ALERTS]
        told = recipient(discloses=frozenset(discloses), language=language)
        links = Links(self.site.services.settings, site_url="")
        (address,) = links.addresses(told, [document], self.site.clock.now).values()
        return address

    def serve(self) -> None:
        serve(self.search, self.site.clock.now)

    def answers(self) -> list[str]:
        return [event["by"] for event in self.search.documents[ALERT_EVENTS]]


@pytest.fixture
def ward(tmp_path: Path, fake: FakeElasticsearch) -> Ward:
    """Return a patient with a measured crisis, in bed 12 of cardiology."""
    search = FakeSearch()
    search.put_alerts(alert("p-1", AT, worst=CRISIS))
    search.documents[STAYS] = [{"patient_id": "p-1", "ward": "Cardiology", "bed": "12", "name": "Ada Nonym"}]
    return Ward(make_site(tmp_path, search, elasticsearch_url=fake.url), search)


def read(answer: TestResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split())


def test_whoever_has_the_link_sees_what_it_acknowledges_without_an_account(ward: Ward) -> None:
    shown = read(ward.site.client().get(ward.link()))

    for part in ("CRITICAL", "Measured crisis", "Ada Nonym, patient p-1, Cardiology, bed 12", "208/126 mmHg"):
        assert part in shown


@pytest.mark.parametrize(("language", "who"), [("en", "a patient"), ("fr", "un patient")])
def test_what_the_message_may_not_say_the_page_does_not_say(ward: Ward, language: str, who: str) -> None:
    html = ward.site.client().get(ward.link((), language)).text

    assert who in html
    assert not [secret for secret in ("p-1", "208", "Ada", "Cardiology") if secret in html.partition("<main")[2]]


def test_a_look_acknowledges_nothing_however_often(ward: Ward) -> None:
    browser = ward.site.client()
    for method in ("GET", "HEAD", "OPTIONS"):
        browser.send(method, ward.link(), headers=PAGE)
    assert ward.answers() == []


def test_the_button_acknowledges_once_in_the_name_of_the_recipient(ward: Ward) -> None:
    link, browser = ward.link(), ward.site.client()
    first = browser.post(link)
    ward.serve()
    ward.site.clock.pass_by(minutes=3)
    second, look = browser.post(link), browser.get(link)

    assert (first.status_code, second.status_code, look.status_code) == (200, 409, 200)
    assert "Acknowledged." in read(first)
    for late in (second, look):
        assert "Already acknowledged by anne (link), 3 min ago." in read(late)
        assert "<form" not in late.text.partition("<main")[2]
    assert ward.answers() == ["anne (link)"]


def test_an_answer_that_the_service_has_not_taken_in_yet_counts(ward: Ward) -> None:
    link = ward.link()
    assert ward.site.client().post(link).status_code == 200
    assert ward.site.client().post(link).status_code == 409
    assert len(ward.answers()) == 1


def test_an_answer_on_a_screen_makes_the_link_void_and_says_whose_it_is(ward: Ward) -> None:
    link, (document,) = ward.link(), ward.search.documents[ALERTS]
    ward.site.signed_in(name="bea").post("/acknowledge", {"alert_id": document["alert_id"]})

    assert "Already acknowledged by bea" in read(ward.site.client().post(link))
    assert ward.answers() == ["bea"]


def test_a_link_does_not_answer_what_was_raised_anew(ward: Ward) -> None:
    link = ward.link()
    ward.search.put_alerts(ward.search.documents[ALERTS][0] | {"raised_at": NOON.isoformat()})
    answer = ward.site.client().post(link)

    assert (answer.status_code, ward.answers()) == (410, [])
    assert "raised anew" in read(answer)


def test_a_link_to_what_is_over_says_so(ward: Ward) -> None:
    link = ward.link()
    ward.search.put_alerts(ward.search.documents[ALERTS][0] | {"is_open": False, "is_unanswered": False})
    answer = ward.site.client().get(link)

    assert answer.status_code == 410
    assert "This alert is over" in read(answer)


def test_a_link_that_is_too_old_or_none_of_ours_shows_nothing(ward: Ward) -> None:
    link = ward.link()
    assert ward.site.client().post(link[:-4] + "AAAA").status_code == 404
    assert ward.site.client().get("/answer/nonsense").status_code == 404
    ward.site.clock.now += LIFETIME + timedelta(seconds=1)
    expired = ward.site.client().post(link)

    assert expired.status_code == 410
    assert "a expiré" in read(expired)  # nobody is known by it, so the site's own language is spoken
    assert ward.answers() == []


def test_a_form_of_another_site_acknowledges_nothing(ward: Ward) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        assert ward.site.client().send("POST", ward.link(), headers=headers).status_code == 403
    assert ward.answers() == []


def test_a_language_can_be_chosen_on_the_page(ward: Ward) -> None:
    browser: Browser = ward.site.client()

    assert '<html lang="fr">' in browser.get(ward.link(language="fr")).text
    assert '<html lang="en">' in browser.get(ward.link(language="fr") + "?lang=en").text


def test_whoever_tries_links_is_slowed_down(ward: Ward) -> None:
    ward.site.app.config["READS_PER_MINUTE"] = 3
    statuses = [ward.site.client().get("/answer/nonsense").status_code for _ in range(5)]

    assert statuses == [404, 404, 404, 429, 429]


def test_looks_and_answers_are_in_the_audit_and_what_is_no_link_cannot_fill_it(
    ward: Ward, fake: FakeElasticsearch
) -> None:
    browser = ward.site.client()
    browser.get(ward.link())
    browser.post(ward.link())
    browser.get("/answer/nonsense")

    assert ward.site.services.audit.flush()
    events = [(event["actor"], event["action"], event["patient_id"]) for event in fake.stored(AUDIT).values()]
    assert events == [("anne (link)", "view", ["p-1"]), ("anne (link)", "ack", ["p-1"])]
