"""The life of an alert: every transition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from alerts import lifecycle
from alerts.lifecycle import LATCH_EXPIRES, settle
from alerts.model import AlertKind, Answer, Episode, Finding, State

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOW, MEDIUM, HIGH, CRITICAL = range(4)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def findings(*ranks: int, every_min: float = 15) -> list[Finding]:
    """Return evaluations from `START` on."""
    return [Finding(at(number * every_min), rank) for number, rank in enumerate(ranks)]


def answer(minute: float, for_min: float = 30, by: str = "anne") -> Answer:
    return Answer(at(minute), at(minute + for_min), by)


def fold(kind: AlertKind, found: Sequence[Finding], answers: Sequence[Answer], now: datetime) -> list[Episode]:
    """Return the episodes as they stand at a moment that knows its answers only."""
    return settle(lifecycle.fold(kind, found, [answer for answer in answers if answer.at <= now]), now)


def states(*ranks: int, answers: tuple[Answer, ...] = (), now: float) -> list[Episode]:
    return fold(AlertKind.PREDICTED, findings(*ranks), answers, at(now))


def only(episodes: list[Episode]) -> Episode:
    (episode,) = episodes
    return episode


def test_a_level_from_medium_on_raises_an_alert_that_starts_with_its_first_finding() -> None:
    episode = only(states(LOW, MEDIUM, now=16))
    assert (episode.state, episode.started_at, episode.level) == (State.RAISED, at(15), "MEDIUM")


def test_low_levels_raise_nothing() -> None:
    assert states(LOW, LOW, LOW, now=100) == []


def test_an_answer_acknowledges() -> None:
    episode = only(states(HIGH, answers=(answer(2),), now=10))
    assert episode.state is State.ACKNOWLEDGED
    assert episode.answer
    assert episode.answer.by == "anne"


@pytest.mark.parametrize(("rank", "minutes"), [(CRITICAL, 5), (HIGH, 30)])
def test_a_raised_alert_escalates_once_its_action_time_has_passed(rank: int, minutes: float) -> None:
    assert not only(states(rank, now=minutes - 0.1)).escalated
    late = only(states(rank, now=minutes))
    assert late.escalated
    assert late.state is State.RAISED
    assert late.escalations == 1


def test_a_medium_alert_waits_for_the_next_round() -> None:
    assert not only(states(MEDIUM, now=6000)).escalated


def test_an_acknowledged_alert_does_not_escalate() -> None:
    episode = only(states(CRITICAL, answers=(answer(4, 60),), now=60))
    assert (episode.state, episode.escalations) == (State.ACKNOWLEDGED, 0)


def test_an_acknowledgement_that_runs_out_reminds_while_the_condition_persists() -> None:
    before, after = (only(states(HIGH, HIGH, HIGH, answers=(answer(1, 30),), now=now)) for now in (30.9, 31))
    assert before.state is State.ACKNOWLEDGED
    assert (after.state, after.reminders, after.changed_at) == (State.REMINDED, 1, at(31))


def test_an_acknowledgement_that_runs_out_after_one_quiet_finding_waits_for_the_next() -> None:
    assert only(states(HIGH, HIGH, LOW, answers=(answer(1, 30),), now=40)).state is State.ACKNOWLEDGED
    assert only(states(HIGH, HIGH, LOW, HIGH, answers=(answer(1, 30),), now=46)).state is State.REMINDED
    assert only(states(HIGH, HIGH, LOW, LOW, answers=(answer(1, 30),), now=46)).state is State.RESOLVED


def test_a_reminded_alert_can_be_acknowledged_again() -> None:
    episode = only(states(HIGH, HIGH, HIGH, answers=(answer(1, 15), answer(20, 30, "bea")), now=40))
    assert episode.state is State.ACKNOWLEDGED
    assert episode.answer
    assert episode.answer.by == "bea"


def test_the_first_of_two_answers_stands() -> None:
    episode = only(states(HIGH, answers=(answer(1), answer(2, 60, "bea")), now=10))
    assert episode.answer
    assert episode.answer.by == "anne"


def test_a_higher_level_breaks_an_acknowledgement() -> None:
    episode = only(states(HIGH, CRITICAL, answers=(answer(1, 60),), now=16))
    assert (episode.state, episode.raised_at, episode.level) == (State.RAISED, at(15), "CRITICAL")
    assert episode.started_at == at(0)


def test_nothing_but_a_higher_level_breaks_an_acknowledgement() -> None:
    episode = only(states(HIGH, MEDIUM, HIGH, LOW, HIGH, answers=(answer(1, 90),), now=61))
    assert (episode.state, episode.level) == (State.ACKNOWLEDGED, "HIGH")


def test_a_level_above_the_acknowledged_one_raises_even_below_the_peak() -> None:
    episode = only(states(CRITICAL, MEDIUM, HIGH, answers=(answer(16, 60),), now=31))
    assert (episode.state, episode.level, episode.peak) == (State.RAISED, "HIGH", CRITICAL)


def test_a_raised_alert_that_rises_has_the_action_time_of_its_new_level_from_then_on() -> None:
    assert not only(states(HIGH, CRITICAL, now=19)).escalated
    assert only(states(HIGH, CRITICAL, now=20)).escalated


def test_a_reminded_alert_that_rises_is_raised() -> None:
    episode = only(states(HIGH, HIGH, CRITICAL, answers=(answer(1, 15),), now=31))
    assert episode.state is State.RAISED


def test_a_lower_level_only_lowers_the_level() -> None:
    episode = only(states(CRITICAL, MEDIUM, MEDIUM, now=31))
    assert (episode.state, episode.level, episode.peak) == (State.RAISED, "MEDIUM", CRITICAL)


def test_one_quiet_finding_resolves_nothing() -> None:
    assert only(states(HIGH, LOW, HIGH, now=31)).state is State.RAISED


@pytest.mark.parametrize("rank", [MEDIUM, HIGH])
def test_a_raised_alert_below_critical_resolves_after_two_quiet_findings(rank: int) -> None:
    episode = only(states(rank, LOW, LOW, now=31))
    assert (episode.state, episode.changed_at) == (State.RESOLVED, at(30))


def test_an_acknowledged_critical_alert_resolves_after_two_quiet_findings() -> None:
    assert only(states(CRITICAL, LOW, LOW, answers=(answer(1, 60),), now=31)).state is State.RESOLVED


def test_a_reminded_critical_alert_resolves_after_two_quiet_findings() -> None:
    episode = only(states(CRITICAL, CRITICAL, LOW, LOW, answers=(answer(1, 15),), now=46))
    assert (episode.state, episode.reminders) == (State.RESOLVED, 1)


def test_a_critical_alert_that_nobody_saw_latches() -> None:
    episode = only(states(CRITICAL, LOW, LOW, LOW, now=60))
    assert (episode.state, episode.changed_at, episode.level) == (State.LATCHED, at(30), "CRITICAL")
    assert episode.is_open


def test_a_latched_alert_is_overdue_when_nobody_answers_in_time() -> None:
    late = only(states(CRITICAL, LOW, LOW, now=31))
    assert (late.state, late.escalated, late.escalations) == (State.LATCHED, True, 1)


def test_an_episode_that_has_begun_goes_on_as_if_all_had_been_folded_at_once() -> None:
    ranks = (LOW, HIGH, CRITICAL, LOW, MEDIUM, LOW, LOW, HIGH)
    whole = lifecycle.fold(AlertKind.PREDICTED, findings(*ranks), [answer(32)])
    for cut in range(2, 4):  # the answer comes later
        begun = lifecycle.fold(AlertKind.PREDICTED, findings(*ranks[:cut]), [])[-1]
        assert lifecycle.fold(AlertKind.PREDICTED, findings(*ranks), [answer(32)], begun=begun) == whole


def test_a_level_is_held_until_the_risk_has_fallen_well_below_it() -> None:
    held = [Finding(at(0), HIGH), Finding(at(15), MEDIUM, holds=HIGH), Finding(at(30), MEDIUM, holds=MEDIUM)]
    for count, level in ((1, "HIGH"), (2, "HIGH"), (3, "MEDIUM")):
        assert only(fold(AlertKind.PREDICTED, held[:count], (), at(31))).level == level


def test_a_reading_that_comes_late_may_wait_for_an_answer_from_when_it_came() -> None:
    late = Finding(at(0), CRITICAL, arrived_at=at(97))
    assert not only(fold(AlertKind.MEASURED, [late], (), at(101))).escalated
    assert only(fold(AlertKind.MEASURED, [late], (), at(102))).escalated


def test_the_worst_finding_is_the_one_to_show() -> None:
    found = [
        Finding(at(0), CRITICAL, systolic=184),
        Finding(at(15), CRITICAL, systolic=212),
        Finding(at(30), CRITICAL, systolic=190),
    ]
    worst = only(fold(AlertKind.MEASURED, found, (), at(31))).worst
    assert worst == found[1]


def test_an_answer_resolves_a_latched_alert() -> None:
    episode = only(states(CRITICAL, LOW, LOW, answers=(answer(50),), now=60))
    assert (episode.state, episode.changed_at) == (State.RESOLVED, at(50))


def test_a_latched_alert_expires_after_three_days() -> None:
    latched = 30
    hours = LATCH_EXPIRES / timedelta(minutes=1)
    assert only(states(CRITICAL, LOW, LOW, now=latched + hours - 1)).state is State.LATCHED
    assert only(states(CRITICAL, LOW, LOW, now=latched + hours)).state is State.EXPIRED


def test_a_latched_alert_is_raised_again_by_any_level() -> None:
    episode = only(states(CRITICAL, LOW, LOW, MEDIUM, now=46))
    assert (episode.state, episode.level, episode.started_at) == (State.RAISED, "MEDIUM", at(0))


def test_a_level_after_a_resolved_alert_is_a_new_alert() -> None:
    first, second = states(HIGH, LOW, LOW, HIGH, now=46)
    assert first.state is State.RESOLVED
    assert (second.state, second.started_at) == (State.RAISED, at(45))


def test_nobody_has_answered_what_was_not_known_at_the_answer() -> None:
    """Measured before an answer, but come after it: a late crisis, or a higher level, is news to everybody."""
    late = Finding(at(1), CRITICAL, arrived_at=at(9))
    alone = only(fold(AlertKind.MEASURED, [late], [answer(5)], at(10)))
    assert (alone.state, alone.raised_at) == (State.RAISED, at(9))
    higher = only(fold(AlertKind.PREDICTED, [Finding(at(0), HIGH), late], [answer(5)], at(10)))
    assert (higher.state, higher.raised_at, higher.level) == (State.RAISED, at(9), "CRITICAL")
    over = only(fold(AlertKind.MEASURED, [late, Finding(at(2), LOW), Finding(at(3), LOW)], [answer(5)], at(10)))
    assert over.state is State.LATCHED


def test_a_late_finding_of_the_level_that_was_answered_keeps_the_answer() -> None:
    late, known = Finding(at(0), CRITICAL, arrived_at=at(9)), Finding(at(2), CRITICAL)
    episode = only(fold(AlertKind.MEASURED, [late, known], [answer(5)], at(10)))
    assert (episode.state, episode.started_at, episode.raised_at) == (State.ACKNOWLEDGED, at(0), at(2))


def test_an_answer_outside_of_any_episode_changes_nothing() -> None:
    assert states(HIGH, LOW, LOW, answers=(answer(31),), now=40) == states(HIGH, LOW, LOW, now=40)


def test_a_late_reading_that_rewrites_the_start_keeps_the_answer() -> None:
    """The first finding turns out to have been low; the answer covers the episode that starts later."""
    told = only(states(HIGH, HIGH, HIGH, answers=(answer(20, 60),), now=40))
    rewritten = only(states(LOW, HIGH, HIGH, answers=(answer(20, 60),), now=40))
    assert told.state is rewritten.state is State.ACKNOWLEDGED
    assert rewritten.started_at == at(15)
