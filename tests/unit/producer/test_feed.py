from __future__ import annotations

from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.times import HOUR_US
from producer.feed import Feed, SimulatedClock
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Simulation

EPOCH_US = 1_740_787_200_000_000
INTERVAL_US = HOUR_US // 4
SPAN_US = 5 * HOUR_US

Sent = list[tuple[int, int, int]]


def make_feed(sent_before_us: int = EPOCH_US) -> Feed:
    plan = Plan(3, EPOCH_US, INTERVAL_US, episode_factor=0.0)
    return Feed(Simulation(draw_patients(7, 3), plan), sent_before_us)


def drain(feed: Feed, until_us: int) -> Sent:
    """Return (time, patient, systolic) of everything due."""
    sent: Sent = []
    while (due := feed.next(until_us)) is not None:
        sent += zip(due.effective_us.tolist(), due.patient.tolist(), due.systolic.tolist(), strict=True)
    return sent


def test_readings_come_in_order_of_time_and_none_is_from_the_future() -> None:
    sent = drain(make_feed(), EPOCH_US + SPAN_US)
    times = [time for time, _, _ in sent]
    assert times == sorted(times)
    assert times[0] >= EPOCH_US
    assert times[-1] < EPOCH_US + SPAN_US
    assert 100 < len(sent) < 7 * 20


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, SPAN_US), max_size=12))
def test_however_the_time_is_cut_the_same_readings_come_once(cuts: list[int]) -> None:
    feed = make_feed()
    pieces = [drain(feed, EPOCH_US + cut) for cut in [*sorted(cuts), SPAN_US]]
    assert list(chain.from_iterable(pieces)) == drain(make_feed(), EPOCH_US + SPAN_US)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, SPAN_US))
def test_a_new_feed_goes_on_where_the_old_one_stopped_without_gap_or_repetition(stop: int) -> None:
    first = make_feed()
    before = drain(first, EPOCH_US + stop)
    after = drain(make_feed(first.sent_before_us), EPOCH_US + SPAN_US)
    assert before + after == drain(make_feed(), EPOCH_US + SPAN_US)


def test_a_reading_at_the_very_instant_of_a_cut_comes_after_it_and_once() -> None:
    every = drain(make_feed(), EPOCH_US + SPAN_US)
    instant = every[5][0]
    feed = make_feed()
    assert drain(feed, instant) == every[:5]
    assert drain(feed, EPOCH_US + SPAN_US) == every[5:]


def test_a_failed_measurement_is_not_sent() -> None:
    simulation = Simulation(draw_patients(7, 3), Plan(3, EPOCH_US, INTERVAL_US, episode_factor=0.0))
    measured = sum(int(simulation.step().measured.sum()) for _ in range(20))
    assert measured < 7 * 20
    assert len(drain(make_feed(), EPOCH_US + 20 * INTERVAL_US)) == measured


def test_nothing_is_due_at_the_position_itself() -> None:
    feed = make_feed()
    assert feed.next(EPOCH_US) is None
    assert feed.next(EPOCH_US - 1) is None


@pytest.mark.parametrize("speed", [1.0, 60.0, 1e9])
def test_the_simulated_clock_is_never_ahead_of_the_wall_clock(speed: float) -> None:
    clock = SimulatedClock(start_us=EPOCH_US - HOUR_US, wall_start_us=EPOCH_US, speed=speed)
    walls = range(EPOCH_US, EPOCH_US + 3 * HOUR_US, HOUR_US // 100)
    assert all(clock.now_us(wall) <= wall for wall in walls)
    assert all(earlier <= later for earlier, later in pairwise(clock.now_us(wall) for wall in walls))


def test_a_fast_clock_catches_up_and_then_keeps_real_time() -> None:
    clock = SimulatedClock(start_us=EPOCH_US - HOUR_US, wall_start_us=EPOCH_US, speed=61.0)
    minute = HOUR_US // 60
    assert clock.now_us(EPOCH_US) == EPOCH_US - HOUR_US
    assert clock.now_us(EPOCH_US + minute // 2) == EPOCH_US - HOUR_US + 61 * minute // 2
    assert clock.now_us(EPOCH_US + minute) == EPOCH_US + minute
    assert clock.now_us(EPOCH_US + 5 * minute) == EPOCH_US + 5 * minute
