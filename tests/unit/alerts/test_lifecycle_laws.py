"""The life of an alert: what holds for any history."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKind, Answer, Finding, State
from tests.unit.alerts.test_lifecycle import CRITICAL, LOW, START, answer, at, findings, fold

HISTORIES = st.lists(st.integers(LOW, CRITICAL), max_size=14).map(lambda ranks: findings(*ranks))
ANSWERS = st.lists(st.builds(answer, st.floats(0, 220), st.floats(15, 60)), max_size=4)
NOWS = st.floats(0, 6000).map(at)


@given(HISTORIES, ANSWERS, NOWS)
def test_only_the_last_episode_is_open_and_each_starts_after_the_one_before_has_ended(
    found: list[Finding], answers: list[Answer], now: datetime
) -> None:
    known = [finding for finding in found if finding.at <= now]
    episodes = fold(AlertKind.PREDICTED, known, answers, now)
    assert all(not episode.is_open for episode in episodes[:-1])
    for before, after in pairwise(episodes):
        assert before.changed_at <= after.started_at


@given(HISTORIES, ANSWERS, NOWS)
def test_without_an_answer_no_critical_alert_is_ever_resolved(
    found: list[Finding], answers: list[Answer], now: datetime
) -> None:
    for episode in fold(AlertKind.PREDICTED, found, answers, now):
        if episode.peak == CRITICAL and episode.state is State.RESOLVED:
            assert any(given.at >= episode.started_at for given in answers)
    for episode in fold(AlertKind.PREDICTED, found, (), now):
        assert episode.peak < CRITICAL or episode.state is not State.RESOLVED
        assert episode.state not in (State.ACKNOWLEDGED, State.REMINDED)


@given(HISTORIES, ANSWERS, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_time_alone_resolves_nothing(found: list[Finding], answers: list[Answer], wait: timedelta) -> None:
    end = max([START, *(finding.at for finding in found), *(given.at for given in answers)])
    before, after = (fold(AlertKind.PREDICTED, found, answers, now) for now in (end, end + wait))
    assert [episode.started_at for episode in before] == [episode.started_at for episode in after]
    assert [episode.state is State.RESOLVED for episode in before] == [
        episode.state is State.RESOLVED for episode in after
    ]


@given(HISTORIES, ANSWERS, NOWS)
def test_what_has_ended_stays_as_it_was(found: list[Finding], answers: list[Answer], now: datetime) -> None:
    """The fold at an earlier moment is the beginning of the fold at a later one."""
    known = [finding for finding in found if finding.at <= now]
    earlier = [episode for episode in fold(AlertKind.PREDICTED, known, answers, now) if not episode.is_open]
    later = fold(AlertKind.PREDICTED, found, answers, now + timedelta(days=30))
    assert later[: len(earlier)] == earlier


@given(HISTORIES, ANSWERS, NOWS)
def test_the_order_in_which_findings_and_answers_are_given_does_not_matter(
    found: list[Finding], answers: list[Answer], now: datetime
) -> None:
    assert fold(AlertKind.PREDICTED, found[::-1], answers[::-1], now) == fold(AlertKind.PREDICTED, found, answers, now)
