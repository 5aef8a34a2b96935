"""The seven links: how old their signs are, and which of them is the first dead one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.chain import Link, LinkState, Part, dead, judge, looked_for_from
from alerts.model import AlertKind
from alerts.proof_of_life import EVERY_S
from alerts.rules import load_rules
from alerts.system import check, of_chain
from conf.settings import Settings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL, GRACE = timedelta(seconds=60), timedelta(seconds=45)
LIMIT = INTERVAL + GRACE
BEHIND = {
    Part.PRODUCER: {Part.PRODUCER, Part.STREAM, Part.SCORING, Part.ALERTS},
    Part.KAFKA: {Part.KAFKA, Part.PRODUCER, Part.STREAM, Part.SCORING, Part.ALERTS},
    Part.ELASTICSEARCH: {Part.ELASTICSEARCH, Part.STREAM, Part.SCORING, Part.ALERTS},
    Part.STREAM: {Part.STREAM, Part.SCORING, Part.ALERTS},
    Part.SCORING: {Part.SCORING},
    Part.ALERTS: {Part.ALERTS},
    Part.SITE: {Part.SITE},
}


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def links(
    signs: dict[Part, datetime], second: float, excused: datetime | None = None, interval: timedelta = INTERVAL
) -> dict[Part, Link]:
    found = judge(signs, dict.fromkeys(Part, excused or START), interval, GRACE, at(second))
    assert [link.part for link in found] == list(Part)
    return {link.part: link for link in found}


@pytest.mark.parametrize("part", Part)
def test_of_a_dead_link_and_all_that_fall_silent_with_it_the_first_alone_is_named(part: Part) -> None:
    signs = {each: at(0 if each in BEHIND[part] else 1000) for each in Part}
    found = links(signs, 1001)
    assert dead(found.values()) == [part]
    hidden = BEHIND[part] - {part}
    assert {each for each, link in found.items() if link.state is LinkState.UNKNOWN} == hidden


@pytest.mark.parametrize(
    ("sent", "now", "from_"),
    [
        (0, 64.9, None),  # not overdue: what is stored will tell
        (0, 65, 0),
        (0, 500, 500 - LIMIT.total_seconds()),  # no longer ago than a living producer may have sent
        (None, 500, 500 - LIMIT.total_seconds()),
    ],
)
def test_the_canary_is_looked_for_in_the_topic_once_it_is_overdue(
    sent: float | None, now: float, from_: float | None
) -> None:
    found = looked_for_from(None if sent is None else at(sent), INTERVAL, GRACE, at(now))
    assert found == (None if from_ is None else at(from_))


def test_without_a_canary_nothing_is_looked_for_in_the_topic() -> None:
    assert looked_for_from(None, timedelta(0), GRACE, at(500)) is None


@pytest.mark.parametrize(
    ("part", "limit"), [(Part.PRODUCER, LIMIT), (Part.STREAM, LIMIT), (Part.KAFKA, GRACE), (Part.SITE, GRACE)]
)
def test_a_link_is_dead_from_its_limit_on_and_not_a_moment_before(part: Part, limit: timedelta) -> None:
    signs = {each: at(0 if each is part else 1000) for each in Part}
    last = limit.total_seconds()
    assert links(signs, last)[part].state is LinkState.DEAD
    assert links(signs, last - 0.001)[part].state is LinkState.ALIVE
    assert links(signs, last)[part].limit == limit


def test_two_links_that_are_not_seen_through_each_other_are_both_named() -> None:
    signs = dict.fromkeys(Part, at(0)) | {Part.KAFKA: at(500), Part.ELASTICSEARCH: at(500)}
    assert dead(links(signs, 500).values()) == [Part.PRODUCER, Part.SITE]


def test_what_comes_after_a_link_has_time_for_its_sign_once_that_is_back() -> None:
    signs = dict.fromkeys(Part, at(0)) | {Part.KAFKA: at(500), Part.SITE: at(500), Part.PRODUCER: at(499)}
    back = links(signs | {Part.ELASTICSEARCH: at(500)}, 500, excused=at(499))
    assert dead(back.values()) == []
    later = {Part.KAFKA: at(604), Part.SITE: at(604), Part.PRODUCER: at(604), Part.ELASTICSEARCH: at(604)}
    assert dead(links(signs | later, 604, excused=at(499)).values()) == [Part.STREAM]


def test_what_was_sent_and_never_arrived_is_missed_although_nothing_ever_did() -> None:
    signs = {Part.KAFKA: at(200), Part.ELASTICSEARCH: at(200), Part.PRODUCER: at(190)}
    assert links(signs, 100)[Part.STREAM].state is LinkState.UNKNOWN
    assert dead(links(signs, 200).values()) == [Part.STREAM]


def test_of_what_never_gave_a_sign_nothing_is_known() -> None:
    assert {link.state for link in links({}, 9000).values()} == {LinkState.UNKNOWN}


def test_without_a_canary_what_answers_for_itself_is_still_judged() -> None:
    found = links(dict.fromkeys(Part, at(0)), 9000, interval=timedelta(0))
    assert dead(found.values()) == [Part.KAFKA, Part.ELASTICSEARCH, Part.SITE]
    assert found[Part.PRODUCER].state is LinkState.UNKNOWN


def test_each_link_tells_the_age_of_its_last_sign() -> None:
    found = links({Part.SITE: at(0)}, 10)
    assert found[Part.SITE].age_s(at(12.34)) == 12.3
    assert found[Part.SITE].age_s(at(-1)) == 0
    assert found[Part.KAFKA].age_s(at(12)) is None


def test_a_dead_link_is_a_critical_alert_of_the_system_that_keeps_its_id() -> None:
    signs = {each: at(0 if each is Part.SITE else 100) for each in Part}
    first, later = (check(of_chain(links(signs, second).values()), at(second)) for second in (100, 101))
    assert first == later
    episode = first["link-site"]
    assert (episode.kind, episode.started_at, episode.level) == (AlertKind.SYSTEM, at(45), "CRITICAL")


def test_by_default_a_dead_link_is_told_within_a_minute() -> None:
    longest_s = Settings().canary_seconds + load_rules().system.link_seconds + EVERY_S
    assert longest_s <= 55  # the rest is for raising the alert and sending the message
