"""What is due to whom, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.model import AlertKind, State
from alerts.notifications.plan import Due, Plan, tellings
from alerts.notifications.policy import Policy
from tests.support.notifying import answered, policy
from tests.support.ward import alert

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday, 13:00 in Paris
CHAIN = (
    {"after_minutes": 0, "tell": ["nurse"], "remind_every_minutes": 3, "reminders": 2},
    {"after_minutes": 5, "tell": ["doctor"]},
)
HIGH, CRITICAL = 2, 3


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def minutes(found: list[Due]) -> list[tuple[float, str, int, int]]:
    return [((due.at - NOON) / timedelta(minutes=1), due.recipient, due.step, due.repeat) for due in found]


def told(plan: Plan, minute: float) -> list[list[tuple[str, str]]]:
    """Return the messages of a moment: to whom, about which alerts' subjects."""
    return [[(due.recipient, due.subject) for due in message] for message in plan.take_due(at(minute))]


def plan_of(with_policy: Policy, *alerts: dict[str, Any]) -> Plan:
    plan = Plan(with_policy)
    for document in alerts:
        plan.take(document)
    return plan


def test_each_step_is_due_so_long_after_the_raise_and_its_reminders_after_it() -> None:
    assert minutes(tellings(alert("P-1", NOON), policy(*CHAIN))) == [
        (0, "nurse", 0, 0),
        (3, "nurse", 0, 1),
        (5, "doctor", 1, 0),
        (6, "nurse", 0, 2),
    ]


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.RESOLVED, State.EXPIRED, State.WITHDRAWN])
def test_nothing_is_due_of_an_alert_that_waits_for_nobody(state: State) -> None:
    assert tellings(alert("P-1", NOON, state=state), policy(*CHAIN)) == []


def test_an_alert_whose_condition_went_away_unseen_is_told_on() -> None:
    raised = alert("P-1", NOON)
    latched = alert("P-1", NOON, state=State.LATCHED, changed_at=at(4))
    assert tellings(latched, policy(*CHAIN)) == tellings(raised, policy(*CHAIN))


def test_an_answer_that_ran_out_begins_the_chain_anew_with_other_keys() -> None:
    first = tellings(alert("P-1", NOON), policy(*CHAIN))
    again = tellings(alert("P-1", NOON, state=State.REMINDED, changed_at=at(32)), policy(*CHAIN))
    assert minutes(again) == [(minute + 32, *rest) for minute, *rest in minutes(first)]
    assert not {due.key for due in first} & {due.key for due in again}


def test_a_raise_at_a_higher_level_begins_the_chain_of_that_level() -> None:
    routes = [
        {"levels": ["HIGH"], "chain": [{"after_minutes": 1, "tell": ["nurse"]}]},
        {"levels": ["CRITICAL"], "chain": [{"after_minutes": 0, "tell": ["doctor"]}]},
    ]
    predicted = AlertKind.PREDICTED
    plan = plan_of(policy(routes=routes), alert("P-1", NOON, predicted, HIGH))
    assert told(plan, 1) == [[("nurse", "P-1")]]
    plan.take(alert("P-1", NOON, predicted, CRITICAL, raised_at=at(2)))
    assert told(plan, 2) == [[("doctor", "P-1")]]
    assert told(plan, 60) == []


def test_a_level_that_falls_while_nobody_answers_leaves_the_chain_as_it_was() -> None:
    raised = alert("P-1", NOON, AlertKind.PREDICTED, CRITICAL)
    fallen = raised | {"rank": HIGH, "level": "HIGH"}
    only_critical = policy(routes=[{"levels": ["CRITICAL"], "chain": CHAIN}])
    assert tellings(fallen, only_critical) == tellings(raised, only_critical)


def test_lost_data_has_a_level_of_its_own() -> None:
    silent = alert("P-1", NOON, AlertKind.SILENCE, 1)
    assert len(tellings(silent, policy(routes=[{"levels": ["STALE"], "chain": CHAIN}]))) == 4
    assert tellings(silent, policy(routes=[{"levels": ["CRITICAL", "HIGH"], "chain": CHAIN}])) == []


def test_quiet_hours_hold_back_what_is_not_critical_until_they_are_over() -> None:
    quiet = policy(*CHAIN, quiet_hours="12:59-14:00")
    high = minutes(tellings(alert("P-1", NOON, AlertKind.PREDICTED, HIGH), quiet))
    assert high == [(60, "nurse", 0, 0), (60, "doctor", 1, 0), (63, "nurse", 0, 1), (66, "nurse", 0, 2)]
    assert minutes(tellings(alert("P-1", NOON), quiet))[0] == (0, "nurse", 0, 0)


def test_outside_of_a_routes_hours_even_a_critical_alert_goes_to_who_is_on_duty_then() -> None:
    night = {"hours": "19:00-07:00", "chain": [{"after_minutes": 0, "tell": ["doctor"]}]}
    day = {"hours": "07:00-19:00", "chain": [{"after_minutes": 0, "tell": ["nurse"]}]}
    assert minutes(tellings(alert("P-1", NOON), policy(routes=[night, day]))) == [
        (0, "nurse", 0, 0),
        (6 * 60, "doctor", 0, 0),
    ]


def test_a_route_of_a_ward_takes_the_alerts_of_its_patients_and_no_others() -> None:
    plan = Plan(policy(routes=[{"wards": ["A"], "chain": CHAIN}]))
    for subject, ward in (("P-1", "A"), ("P-2", "B"), ("P-3", None)):
        plan.take(alert(subject, NOON), ward=ward)
    plan.take(alert(None, NOON, AlertKind.FEED, part="ward"))
    assert told(plan, 0) == [[("nurse", "P-1")]]


def test_who_moves_to_another_ward_is_told_of_there_and_no_longer_here() -> None:
    routes = [
        {"wards": [ward], "chain": [{"after_minutes": 0, "tell": [name]}, {"after_minutes": 5, "tell": [name]}]}
        for ward, name in (("A", "nurse"), ("B", "doctor"))
    ]
    plan = Plan(policy(routes=routes))
    plan.take(alert("P-1", NOON), ward="A")
    assert told(plan, 0) == [[("nurse", "P-1")]]
    plan.take(alert("P-1", NOON), ward="B")
    assert told(plan, 5) == [[("doctor", "P-1")] * 2]


def test_two_routes_tell_somebody_the_same_step_once_and_as_soon_as_the_first_does() -> None:
    routes = [{"chain": [{"after_minutes": after, "tell": ["nurse"]}]} for after in (4, 2)]
    assert minutes(tellings(alert("P-1", NOON), policy(routes=routes))) == [(2, "nurse", 0, 0)]


def test_what_was_told_is_not_told_again_by_who_takes_over() -> None:
    first = plan_of(policy(*CHAIN), alert("P-1", NOON))
    (message,) = first.take_due(at(0))
    second = Plan(policy(*CHAIN))
    second.take(alert("P-1", NOON), {due.key for due in message})
    assert told(second, 0) == []
    assert told(second, 5) == [[("doctor", "P-1")], [("nurse", "P-1")]]


def test_after_an_answer_nothing_is_due_and_after_it_was_taken_back_what_had_not_been_told() -> None:
    plan = plan_of(policy(*CHAIN), alert("P-1", NOON))
    (first,) = plan.take_due(at(0))
    plan.take(answered(alert("P-1", NOON), at(4)))
    assert not plan.knows(alert("P-1", NOON)["alert_id"])
    assert not plan.stands(first[0])
    assert told(plan, 60) == []
    plan.take(alert("P-1", NOON), {due.key for due in first})
    assert plan.stands(first[0])
    assert [len(message) for message in plan.take_due(at(60))] == [1, 2]


def test_a_change_that_is_no_raise_repeats_nothing() -> None:
    plan = plan_of(policy(*CHAIN), alert("P-1", NOON, AlertKind.PREDICTED, HIGH))
    assert told(plan, 0) == [[("nurse", "P-1")]]
    plan.take(alert("P-1", NOON, AlertKind.PREDICTED, HIGH, escalated=True))
    plan.take(alert("P-1", NOON, AlertKind.PREDICTED, HIGH, state=State.LATCHED, peak=CRITICAL))
    assert told(plan, 0) == []


def test_within_the_minutes_of_a_group_somebody_gets_one_message_about_a_patient() -> None:
    plan = plan_of(policy(group_minutes=4), alert("P-1", NOON, AlertKind.LIMIT, HIGH))
    assert told(plan, 0) == [[("nurse", "P-1")]]
    plan.take(alert("P-1", at(1), AlertKind.PREDICTED, HIGH))
    plan.take(alert("P-1", at(2), AlertKind.LOW, HIGH))
    plan.take(alert("P-2", at(2), AlertKind.LOW, HIGH))
    assert told(plan, 3) == [[("nurse", "P-2")]]
    assert told(plan, 3.9) == []
    assert told(plan, 4) == [[("nurse", "P-1")] * 2]


def test_a_first_critical_alert_waits_for_no_group_and_takes_along_what_waits() -> None:
    plan = plan_of(policy(group_minutes=4), alert("P-1", NOON, AlertKind.LIMIT, HIGH))
    assert told(plan, 0) == [[("nurse", "P-1")]]
    plan.take(alert("P-1", at(1), AlertKind.LOW, HIGH))
    plan.take(alert("P-1", at(2), AlertKind.MEASURED, CRITICAL))
    assert told(plan, 2) == [[("nurse", "P-1")] * 2]
    plan.take(alert("P-1", at(3), AlertKind.PREDICTED, CRITICAL))
    assert told(plan, 3) == []
    assert told(plan, 6) == [[("nurse", "P-1")]]


def test_of_a_burst_somebody_gets_one_message_and_others_theirs() -> None:
    crises = [alert(f"P-{number}", NOON) for number in range(4)]
    assert len(told(plan_of(policy(burst=4), *crises), 0)) == 4
    assert told(plan_of(policy(burst=3), *crises), 0) == [[("nurse", f"P-{number}") for number in range(4)]]


def test_messages_of_before_a_start_count_for_groups() -> None:
    before = plan_of(policy(group_minutes=4), alert("P-1", NOON, AlertKind.LIMIT, HIGH)).take_due(at(0))
    plan = plan_of(policy(group_minutes=4), alert("P-1", at(1), AlertKind.LOW, HIGH))
    plan.note_told(before[0], at(0))
    assert told(plan, 2) == []
    assert told(plan, 4) == [[("nurse", "P-1")]]


WITH_CANARY = {
    "recipients": {
        "nurse": {"mail": "nurse@example.org"},
        "doctor": {"mail": "doctor@example.org"},
        "watch": {"webhook": "https://watch.example.org", "canary": True},
    }
}


def test_of_a_canary_those_are_told_who_are_to_be_by_no_route_and_of_patients_they_are_not() -> None:
    with_canary = policy(*CHAIN, **WITH_CANARY)
    assert minutes(tellings(alert("canary-1", NOON), with_canary)) == [(0, "watch", 0, 0)]
    assert {due.recipient for due in tellings(alert("P-1", NOON), with_canary)} == {"nurse", "doctor"}
    assert tellings(alert("canary-1", NOON), policy(*CHAIN)) == []


def test_each_alert_of_a_canary_is_told_at_once_however_soon_it_comes_after_another() -> None:
    plan = plan_of(policy(*CHAIN, group_minutes=60, **WITH_CANARY), alert("canary-1", NOON))
    assert told(plan, 0) == [[("watch", "canary-1")]]
    plan.take(alert("canary-1", at(1)))
    assert told(plan, 1) == [[("watch", "canary-1")]]
