"""What the probes make of answers: of the site, of stored facts, and of a Kafka that is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import probes
from alerts.chain import Part
from alerts.notifications.policy import Policy
from conf.settings import Settings
from elastic.search.canary import Facts
from tests.support.fake_search import FakeSearch
from tests.support.http_server import Answering, serving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(("status", "lives"), [(200, True), (400, True), (301, True), (500, False), (503, False)])
def test_a_site_that_answers_lives_also_where_it_refuses(status: int, lives: bool) -> None:
    class Handler(Answering):
        def do_GET(self) -> None:  # noqa: N802 - the name that the server calls
            self.send(status if self.path == "/healthz" else 500)

    with serving(Handler) as url:
        site = probes.Site(Settings(), Policy(time_zone="Europe/Paris", site_url=f"{url}/"))
        assert site.signs(NOW) == ({Part.SITE: NOW} if lives else {})
    assert site.signs(NOW) == {}


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:5000/healthz"),
        ({"web_host": "0.0.0.0", "web_port": 8080}, "http://127.0.0.1:8080/healthz"),  # noqa: S104 - not bound here
        ({"web_host": "webapp"}, "http://webapp:5000/healthz"),
        ({"web_host": "webapp", "web_certificate": "/ca/ca.crt"}, "https://webapp:5000/healthz"),
    ],
)
def test_without_an_address_in_the_rules_the_site_is_where_it_listens(settings: dict[str, Any], address: str) -> None:
    assert probes.Site(Settings(**settings), None).address == address


@pytest.mark.parametrize(
    ("told", "notified", "alerts"),
    [
        ((), {}, 4),  # nobody is to be told: that it was raised suffices
        (("mail", "pager"), {"mail": 3, "pager": 9}, 9),  # as old as the last message to who has waited longest
        (("mail", "pager"), {"mail": 3}, None),
    ],
)
def test_stored_facts_are_the_signs_of_the_links_that_they_have_passed(
    told: tuple[str, ...], notified: dict[str, float], alerts: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {name: ago(seconds) for name, seconds in notified.items()}
    facts = Facts(ago(8), ago(7), ago(6), ago(4), times)
    monkeypatch.setattr("alerts.probes.canary.facts", lambda *_: facts)
    expected = {
        Part.ELASTICSEARCH: NOW,
        Part.PRODUCER: ago(8),
        Part.STREAM: ago(7),
        Part.SCORING: ago(6),
        **({} if alerts is None else {Part.ALERTS: ago(alerts)}),
    }
    assert probes.stored(FakeSearch(), told, NOW) == (expected, None)


@pytest.mark.parametrize(("crisis", "notified", "told_s"), [(9, 4, 5), (9, 12, None), (None, 4, None)])
def test_a_round_lasts_from_the_crisis_to_its_message_and_is_none_before_that_has_come(
    crisis: float | None, notified: float, told_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis_at = None if crisis is None else ago(crisis)
    facts = Facts(ago(8), ago(7), ago(6), ago(5), {"mail": ago(notified)}, crisis_at)
    monkeypatch.setattr("alerts.probes.canary.facts", lambda *_: facts)
    assert probes.stored(FakeSearch(), ("mail",), NOW).round_trip_s == told_s


def test_the_newest_sign_of_each_link_counts() -> None:
    known = {Part.KAFKA: ago(9), Part.SITE: ago(1)}
    assert probes.merged(known, {Part.KAFKA: ago(2)}, {Part.SITE: ago(5), Part.STREAM: ago(3)}) == {
        Part.KAFKA: ago(2),
        Part.SITE: ago(1),
        Part.STREAM: ago(3),
    }


def test_without_a_kafka_there_is_no_sign_and_the_next_look_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "ANSWER_MS", 200)
    topic = probes.Topic(Settings(kafka_bootstrap_servers="127.0.0.1:9"))
    assert topic.signs(NOW, None) == {}
    assert topic.signs(NOW, None) == {}
