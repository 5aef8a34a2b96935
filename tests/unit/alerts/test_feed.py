"""The feed: when it is told to be stopped, by what is usual in a ward, and what that is."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.documents import to_document, to_episode
from alerts.feed import WARD, Feed, arrivals
from alerts.lifecycle import settle
from alerts.model import CRITICAL_RANK, AlertKind, Episode, State, Withdrawal, alert_id
from alerts.rules import FeedRule, load_rules
from alerts.signs import lost
from tests.support.ward import reading

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = FeedRule(pauses=10, least_seconds=30, answer_within_minutes={"CRITICAL": 5})
SILENT_AFTER = timedelta(minutes=30)
INTERVAL_S = 900.0  # in which each patient is measured once
BATCH_S = 2.0  # of the stream: what comes within it is stored at once
DAY_S = 86400.0

Times = list[float]  # seconds after the start


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def feed(times: Times, readings: int = 1) -> Feed:
    """Return a feed that has heard readings at these times."""
    made = Feed(RULE, SILENT_AFTER)
    for time in times:
        made.see({at(time): readings}, at(time))
    return made


def every(pause: float, until: float) -> Times:
    return [pause * number for number in range(int(until / pause) + 1)]


def stored(times: Iterator[float]) -> list[tuple[float, int]]:
    """Return when readings of these times are stored, and how many at once."""
    return sorted(Counter((time // BATCH_S + 1) * BATCH_S for time in times).items())


def even_ward(patients: int, chance: random.Random) -> Iterator[float]:
    """Yield the readings of a day of patients who are each measured at a time of their own, more or less."""
    for _ in range(patients):
        first = chance.uniform(0, INTERVAL_S)
        yield from (
            first + number * INTERVAL_S + chance.gauss(0, 30)
            for number in range(int(DAY_S / INTERVAL_S))
            if chance.random() > 0.05  # what a patient misses
        )


def random_ward(patients: int, chance: random.Random) -> Iterator[float]:
    """Yield the readings of a day of patients who are measured whenever somebody comes by."""
    time = 0.0
    while time < DAY_S:
        time += chance.expovariate(patients / INTERVAL_S)
        yield time


def ward_round(patients: int, chance: random.Random) -> Iterator[float]:
    """Yield the readings of a day of patients whose cuffs all begin at the quarter of an hour."""
    for number in range(int(DAY_S / INTERVAL_S)):
        for _ in range(patients):
            yield number * INTERVAL_S + chance.uniform(0, 40)


Ward = Callable[[int, random.Random], Iterator[float]]


def false_alarms(of: Feed, heard: list[tuple[float, int]]) -> list[float]:
    """Let a ward send and ask just before each arrival; return the pauses at which the feed was told to be stopped."""
    told = []
    for (before, _), (time, readings) in zip([heard[0], *heard], heard, strict=False):
        if of.check(at(time)):
            told.append(time - before)
        of.see({at(time): readings}, at(time))
    return told


@pytest.mark.parametrize("ward", [even_ward, random_ward, ward_round])
@pytest.mark.parametrize("patients", [1000, 200, 50, 20, 8])
def test_no_ward_that_sends_is_told_to_be_stopped_in_a_day(ward: Ward, patients: int) -> None:
    heard = stored(ward(patients, random.Random(patients)))  # noqa: S311 - a simulation
    assert false_alarms(Feed(RULE, SILENT_AFTER), heard) == []


@pytest.mark.parametrize("ward", [even_ward, random_ward])
def test_a_thousand_patients_who_stop_are_one_alert_within_a_minute(ward: Ward) -> None:
    heard = stored(ward(1000, random.Random(7)))[:3000]  # noqa: S311
    of = Feed(RULE, SILENT_AFTER)
    false_alarms(of, heard)
    last = heard[-1][0]
    told = [of.check(at(last + second / 2)) for second in range(120)]
    assert told[59] is None
    assert told[60] is not None
    assert {episode for episode in told if episode} == {told[60]}


@pytest.mark.parametrize(
    ("pause", "readings", "limit"),
    [
        (1, 1, 30),  # at least what the rules name
        (3, 1, 30),
        (9, 1, 90),
        (45, 1, 450),
        (130, 1, 1300),
        (230, 1, 1350),  # four patients, nearly: three quarters of what makes one of them silent
        (300, 1, 3000),  # three patients: rather one alert too many of theirs than one of the ward that says nothing
        (900, 1, 9000),
        (900, 20, 1350),  # twenty at once
    ],
)
def test_the_limit_is_ten_usual_pauses_or_before_several_patients_are_silent(
    pause: float, readings: int, limit: float
) -> None:
    assert feed(every(pause, 4 * 3600), readings).limit == timedelta(seconds=limit)


def test_a_new_ward_is_not_told_to_be_stopped_after_its_first_seconds() -> None:
    of = feed([0, 1, 3])
    assert of.check(at(3 + 600)) is None


def test_a_ward_of_many_is_told_in_time_from_its_first_minutes_on() -> None:
    of = feed(every(2, 120), readings=2)
    assert of.limit == timedelta(minutes=22.5)


def test_nothing_that_ever_came_cannot_stop() -> None:
    assert Feed(RULE, SILENT_AFTER).check(at(9e6)) is None


def test_the_usual_pause_is_that_in_which_half_of_the_time_passes() -> None:
    of = feed([*every(2, 40), 920, *[920 + time for time in every(2, 40)], 1840], readings=10)
    assert of.usual_pause == timedelta(seconds=880)


def test_an_outage_does_not_become_usual() -> None:
    of = feed(every(2, 3600))
    assert false_alarms(of, [(3600 + 7200 * number, 1) for number in range(3)]) == [7200, 7200]
    assert (of.usual_pause, of.limit) == (timedelta(seconds=2), timedelta(seconds=30))


def test_a_ward_that_has_become_slower_is_learnt_from_the_third_alert() -> None:
    of = feed(every(2, 3600))
    assert false_alarms(of, [(3600 + 300 * number, 1) for number in range(49)]) == [300, 300, 300]
    assert of.usual_pause == timedelta(seconds=300)


def test_a_ward_that_is_measured_half_as_often_by_night_is_never_told_to_be_stopped() -> None:
    chance = random.Random(3)  # noqa: S311 - a simulation
    by_day, by_night = stored(random_ward(200, chance)), stored(random_ward(100, chance))
    night = [(DAY_S + time, readings) for time, readings in by_night]
    assert false_alarms(Feed(RULE, SILENT_AFTER), by_day + night) == []


LAST = 3600.0
STOPPED = at(LAST + 30)


def stopped() -> tuple[Feed, Episode]:
    of = feed(every(2, LAST))
    assert of.check(STOPPED - timedelta(microseconds=1)) is None
    episode = of.check(STOPPED)
    assert episode
    return of, episode


def test_the_alert_is_critical_and_says_when_something_came_last() -> None:
    _, episode = stopped()
    assert episode == lost(AlertKind.FEED, CRITICAL_RANK, at(LAST), STOPPED)
    document = to_document(WARD, episode, load_rules().terms(AlertKind.FEED))
    assert document["part"] == "ward"
    assert document["alert_id"] == alert_id("ward", AlertKind.FEED, STOPPED)
    assert document["level"] == "CRITICAL"
    assert to_episode(document) == episode


def test_it_is_overdue_after_five_minutes() -> None:
    _, episode = stopped()
    terms = load_rules().terms(AlertKind.FEED)
    assert [settle([episode], STOPPED + timedelta(minutes=minutes), terms)[0].escalated for minutes in (4, 5)] == [
        False,
        True,
    ]


def test_it_is_one_alert_until_something_comes() -> None:
    of, episode = stopped()
    assert of.check(at(9000)) is episode
    assert of.is_stopped
    of.see({at(9001): 1}, at(9003))
    assert of.check(at(9003)) is None
    assert not of.is_stopped
    assert of.returned_at == at(9001)
    ended = of.ending(episode, at(9003))
    assert (ended.state, ended.changed_at) == (State.RESOLVED, at(9001))


def test_what_is_known_already_is_no_arrival() -> None:
    of, episode = stopped()
    of.see({at(LAST): 4, at(LAST - 100): 1}, at(9000))
    assert of.check(at(9000)) is episode


def test_where_nobody_is_watched_any_more_nothing_is_told_and_an_alert_is_withdrawn() -> None:
    of = feed(every(2, LAST))
    assert of.check(STOPPED, nobody_left=True) is None
    of, episode = stopped()
    assert of.check(at(5000), nobody_left=True) is None
    assert not of.is_stopped
    ended = of.ending(episode, at(5000))
    assert (ended.state, ended.why) == (State.WITHDRAWN, Withdrawal.ENDED)


@pytest.mark.parametrize("ahead", [-40, 40])
def test_a_stream_whose_clock_differs_is_not_told_to_be_stopped_while_it_stores(ahead: float) -> None:
    of = Feed(RULE, SILENT_AFTER)
    for time in every(2, 3600):
        of.see({at(time + ahead): 1}, at(time + 1))
        assert of.check(at(time + 2)) is None
    assert of.check(at(3600 + 31))


# A restart


def again(of: Feed) -> Feed:
    return Feed(RULE, SILENT_AFTER, json.loads(json.dumps(of.state())))


@pytest.mark.parametrize(("pause", "readings"), [(2, 1), (45, 1), (225, 2), (900, 1)])
def test_after_a_restart_the_same_is_usual(pause: float, readings: int) -> None:
    of = feed(every(pause, 7200), readings)
    assert again(of).limit == of.limit
    assert again(again(of)).state() == of.state()


def test_after_a_restart_it_stops_when_it_would_have() -> None:
    of = again(feed(every(2, LAST)))
    assert of.check(STOPPED - timedelta(microseconds=1)) is None
    assert of.check(STOPPED) == stopped()[1]


def test_after_a_restart_the_return_of_the_feed_is_known() -> None:
    of, _ = stopped()
    of.see({at(9001): 1}, at(9001))
    assert again(of).returned_at == at(9001)


def test_a_state_of_a_feed_that_never_heard_anything_is_one() -> None:
    of = again(Feed(RULE, SILENT_AFTER))
    assert of.state() == Feed(RULE, SILENT_AFTER).state()


def test_an_open_alert_goes_on_after_a_restart() -> None:
    before, episode = stopped()
    for of in (again(before), Feed(RULE, SILENT_AFTER)):
        of.take_over(episode)
        of.see({at(LAST): 1}, at(5000))
        assert of.check(at(5000)) is episode
        of.see({at(5001): 1}, at(5001))
        assert of.check(at(5001)) is None
        assert of.ending(episode, at(5001)).changed_at == at(5001)


def test_an_alert_that_ended_while_the_service_did_not_run_is_over() -> None:
    before, episode = stopped()
    before.see({at(5000): 1}, at(5000))
    of = again(before)
    of.take_over(episode)
    assert of.check(at(5001)) is None
    assert of.ending(episode, at(5001)).changed_at == at(5000)


def test_arrivals_are_counted_by_when_they_were_stored() -> None:
    documents = [reading("anna", at(0), 120, 80), reading("bert", at(0), 120, 80), reading("anna", at(9), 120, 80)]
    assert arrivals(documents) == {at(2): 2, at(11): 1}


@given(st.lists(st.tuples(st.floats(0.1, 2000), st.integers(1, 50)), min_size=1, max_size=60), st.data())
def test_for_any_arrivals_it_is_stopped_exactly_from_its_limit_on(
    pauses: list[tuple[float, int]], data: st.DataObject
) -> None:
    of, time = Feed(RULE, SILENT_AFTER), START
    for pause, readings in pauses:
        time += timedelta(seconds=round(pause, 3))
        if data.draw(st.booleans()):
            of.check(time)
        if data.draw(st.booleans()):
            of = again(of)
        of.see({time: readings}, time)
    assert timedelta(seconds=30) <= of.limit
    assert of.check(time + of.limit - timedelta(microseconds=1)) is None
    assert of.check(time + of.limit) == lost(AlertKind.FEED, CRITICAL_RANK, time, time + of.limit)
