"""The canary's readings: when they come, what they say, and that the intake takes them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import pairwise

from conf.canary import is_canary
from conf.clinical import CRISIS_SYSTOLIC
from conf.settings import Settings
from conf.times import MINUTE_US, SECOND_US, to_us
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules
from fhir.write.device import encode_observation
from producer.canary import CANARY, CRISES, CRISIS, NORMAL, NORMALS, burst, due_after, run

NOON_US = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_crises_come_each_interval_and_enough_normal_readings_half_an_interval_later() -> None:
    due, moments = [], NOON_US
    for _ in range(4):
        moments, values, number = due_after(moments, MINUTE_US)
        due.append(((moments - NOON_US) / SECOND_US, values, number))
    assert due == [(30, NORMAL, NORMALS), (60, CRISIS, CRISES), (90, NORMAL, NORMALS), (120, CRISIS, CRISES)]


def test_what_was_missed_is_left_out() -> None:
    due_us, values, _ = due_after(NOON_US + 10 * MINUTE_US + 1, MINUTE_US)
    assert (due_us - NOON_US) / SECOND_US == 630
    assert values == NORMAL


def test_each_reading_of_a_burst_is_taken_as_one_of_its_own_moment() -> None:
    shown = list(burst(CRISIS, CRISES, NOON_US))
    parsed = [parse_message(encode_observation(*each), NOON_US, IntakeRules()) for each in shown]
    readings = [reading for each in parsed for reading in each.readings]
    assert [reading.patient_id for reading in readings] == [CANARY, CANARY]
    assert is_canary(CANARY)
    assert all((reading.systolic or 0) >= CRISIS_SYSTOLIC for reading in readings)
    assert readings[-1].effective_us == NOON_US
    assert all(first.effective_us < second.effective_us for first, second in pairwise(readings))
    assert not any(each.rejects for each in parsed)


def test_where_there_is_to_be_no_canary_nothing_is_sent_and_kafka_not_asked() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    run(Settings(canary_seconds=0, kafka_bootstrap_servers="127.0.0.1:9"), stop)
    assert stop.is_set()
