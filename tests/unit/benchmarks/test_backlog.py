from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.backlog import Course, plot, readings, report
from benchmarks.latency import INTERVAL_S

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# 100 readings wait, 1 a second comes: 10 s of starting, 20 s of working off, 10 s until the new ones are caught up
COURSE = Course(100, 1, [(5.0, 0), (10.0, 40), (20.0, 80), (30.0, 110), (40.0, 139), (50.0, 149), (60.0, 159)])


def test_the_course_tells_start_working_off_and_catching_up() -> None:
    assert (COURSE.first_s, COURSE.worked_off_s, COURSE.caught_up_s) == (10.0, 30.0, 40.0)


def test_new_readings_wait_from_their_sending_until_as_many_more_than_the_backlog_are_found() -> None:
    meanwhile, afterwards = COURSE.waits_s()
    assert meanwhile.tolist()[:11] == [30.0 - number for number in range(10)] + [30.0]
    assert (len(meanwhile), len(afterwards)) == (40, 19)
    assert afterwards.max() == 11.0


def test_a_stream_that_never_catches_up_has_no_readings_that_came_afterwards() -> None:
    slow = Course(100, 1, [(50.0, 100), (100.0, 120)])
    assert slow.caught_up_s == 100.0
    assert len(slow.waits_s()[1]) == 0


def test_the_report_compares_with_the_time_that_the_readings_took_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    report(COURSE, backlog_s=100.0)
    assert "3.3 times as fast as it came, 5.0 times without the start" in capsys.readouterr().out


def test_each_patient_measures_once_in_a_quarter_of_an_hour_and_the_feed_goes_on_where_the_backlog_ends() -> None:
    keys = [key for key, _ in readings(rate=2, seconds=INTERVAL_S, until=NOW)]
    assert set(Counter(keys).values()) == {1}
    assert [key for key, _ in readings(rate=2, seconds=1, until=NOW)] == [b"p0001798", b"p0001799"]


def test_the_plot_shows_what_waits_and_how_long_new_readings_do() -> None:
    waiting, waited = plot(COURSE).axes
    assert np.asarray(waiting.lines[0].get_ydata())[-1] == pytest.approx((100 + 60 - 159) / 1000)
    assert len(np.asarray(waited.lines[0].get_ydata())) == 59
