"""What is told: what holds for any alerts, policy and moments of looking."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKind
from alerts.notifications.plan import Due, Plan, tellings
from alerts.notifications.policy import Policy
from tests.support.notifying import answered, policy
from tests.support.ward import alert

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
END = START + timedelta(days=9)  # by when everything is told, whatever the hours
GROUP = timedelta(minutes=4)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


REMINDERS = {"remind_every_minutes": 3, "reminders": 2}
TOLD = st.tuples(st.lists(st.sampled_from(["nurse", "doctor"]), min_size=1, max_size=2), st.booleans())
STEPS = st.lists(TOLD, min_size=1, max_size=3).map(
    lambda steps: [
        {"after_minutes": 4 * number, "tell": tell, **(REMINDERS if is_reminded else {})}
        for number, (tell, is_reminded) in enumerate(steps)
    ]
)
ROUTES = st.lists(
    st.fixed_dictionaries(
        {
            "levels": st.sampled_from([["CRITICAL"], ["HIGH", "CRITICAL"], ["MEDIUM", "HIGH", "CRITICAL"]]),
            "hours": st.sampled_from(["00:00-24:00", "07:00-19:00", "19:00-07:00", "12:30-13:10"]),
            "days": st.sampled_from([["mon", "wed"], ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]),
            "chain": STEPS,
        }
    ),
    min_size=1,
    max_size=3,
)
POLICIES = st.builds(
    lambda routes, burst, quiet: policy(routes=routes, burst=burst, quiet_hours=quiet, group_minutes=4),
    ROUTES,
    st.integers(1, 5),
    st.sampled_from([None, "22:00-06:00", "13:05-14:00"]),
)
ALERTS = st.lists(
    st.builds(
        lambda patient, minute, kind, rank: alert(f"P-{patient}", at(minute), kind, rank),
        st.integers(0, 2),
        st.integers(0, 30),
        st.sampled_from([AlertKind.MEASURED, AlertKind.PREDICTED, AlertKind.LIMIT]),
        st.integers(1, 3),
    ),
    max_size=6,
    unique_by=lambda document: document["alert_id"],
)
LOOKS = st.lists(st.floats(0, 120), max_size=12).map(sorted)


def run(used: Policy, alerts: list[dict[str, Any]], looks: list[datetime]) -> list[tuple[datetime, tuple[Due, ...]]]:
    """Return the messages of a plan that is looked at in these moments, and takes in each alert once it is raised."""
    plan = Plan(used)
    left = sorted(alerts, key=lambda document: document["raised_at"])
    messages: list[tuple[datetime, tuple[Due, ...]]] = []
    for now in looks:
        while left and datetime.fromisoformat(left[0]["raised_at"]) <= now:
            plan.take(left.pop(0))
        messages += [(now, message) for message in plan.take_due(now)]
    return messages


def every_wake(used: Policy, alerts: list[dict[str, Any]]) -> list[datetime]:
    """Return the moments at which an alert is raised, something is due, or a group ends."""
    due = {due.at for document in alerts for due in tellings(document, used)}
    raised = {datetime.fromisoformat(document["raised_at"]) for document in alerts}
    ends = {moment + number * GROUP for moment in due | raised for number in (1, 2)}
    return sorted(due | raised | ends | {END})


@given(POLICIES, ALERTS, LOOKS)
def test_each_telling_is_in_one_message_at_most_and_in_one_once_all_is_due(
    used: Policy, alerts: list[dict[str, Any]], looks: list[float]
) -> None:
    moments = [*map(at, looks), END]
    counted = Counter(due.key for _, message in run(used, alerts, moments) for due in message)
    assert all(number == 1 for number in counted.values())
    assert set(counted) == {due.key for document in alerts for due in tellings(document, used)}


@given(POLICIES, ALERTS, LOOKS)
def test_what_has_been_told_in_the_end_does_not_depend_on_when_one_looked(
    used: Policy, alerts: list[dict[str, Any]], looks: list[float]
) -> None:
    often = run(used, alerts, every_wake(used, alerts))
    rarely = run(used, alerts, [*map(at, looks), END])
    assert {due for _, message in often for due in message} == {due for _, message in rarely for due in message}


@given(POLICIES, ALERTS)
def test_what_is_due_is_told_a_groups_time_later_at_the_latest_and_never_earlier(
    used: Policy, alerts: list[dict[str, Any]]
) -> None:
    for now, message in run(used, alerts, every_wake(used, alerts)):
        for due in message:
            assert due.at <= now <= due.at + GROUP


@given(POLICIES, ALERTS)
def test_a_first_critical_telling_waits_for_nothing(used: Policy, alerts: list[dict[str, Any]]) -> None:
    critical_at: dict[tuple[str, str], datetime] = {}
    for now, message in run(used, alerts, every_wake(used, alerts)):
        for due in (due for due in message if due.is_critical):
            last = critical_at.get((due.recipient, due.subject))
            assert now == due.at or (last is not None and due.at < last + GROUP)
        critical_at |= {(due.recipient, due.subject): now for due in message if due.is_critical}


@given(POLICIES, ALERTS)
def test_two_messages_about_a_patient_come_a_groups_time_apart_unless_the_later_one_is_the_first_critical_one(
    used: Policy, alerts: list[dict[str, Any]]
) -> None:
    told_at: dict[tuple[str, str], datetime] = {}
    critical_at: dict[tuple[str, str], datetime] = {}
    for now, message in run(used, alerts, every_wake(used, alerts)):
        by_pair = {(due.recipient, due.subject): any_critical(message, due.subject) for due in message}
        for pair, is_critical in by_pair.items():
            before = critical_at.get(pair) if is_critical else told_at.get(pair)
            assert before is None or now - before >= GROUP
            told_at[pair] = now
            if is_critical:
                critical_at[pair] = now


def any_critical(message: tuple[Due, ...], subject: str) -> bool:
    return any(due.is_critical for due in message if due.subject == subject)


@given(POLICIES, ALERTS, LOOKS, st.floats(0, 60))
def test_nothing_is_due_after_the_answer(
    used: Policy, alerts: list[dict[str, Any]], looks: list[float], answered_minute: float
) -> None:
    plan = Plan(used)
    for document in alerts:
        plan.take(document)
    for moment in (moment for moment in map(at, looks) if moment <= at(answered_minute)):
        plan.take_due(moment)
    for document in alerts:
        plan.take(answered(document, at(answered_minute)))
    assert plan.take_due(END) == []


@given(POLICIES, ALERTS, st.integers(0, 5))
def test_at_most_so_many_messages_as_make_a_burst_come_to_somebody_at_once(
    used: Policy, alerts: list[dict[str, Any]], more: int
) -> None:
    crowd = [*alerts, *(alert(f"Q-{number}", START) for number in range(more))]
    counted = Counter((now, message[0].recipient) for now, message in run(used, crowd, every_wake(used, crowd)))
    assert max(counted.values(), default=0) <= used.burst
