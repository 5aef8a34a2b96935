"""Which message is tried next, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.channels.message import AT_ONCE, Undelivered
from alerts.model import AlertKind
from alerts.notifications.outbox import Post, PostState, post
from alerts.notifications.plan import tellings
from alerts.notifications.queue import OF_RECIPIENT, Queue
from tests.support.notifying import policy
from tests.support.ward import alert

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AWAY = Undelivered("the server does not answer", may_pass=True)
REFUSED = Undelivered("no such address", may_pass=False)
BOTH = policy({"after_minutes": 0, "tell": ["nurse", "doctor"]})


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def message(subject: str, to: str = "nurse", second: float = 0, rank: int = 3, deadline_s: float = 600) -> Post:
    (due,) = (it for it in tellings(alert(subject, NOON, AlertKind.PREDICTED, rank), BOTH) if it.recipient == to)
    return post((due,), BOTH.named[to], at(second), timedelta(seconds=deadline_s))


def subjects(posts: object) -> list[str]:
    return [it.tellings[0].subject for it in posts]  # type: ignore[attr-defined]


def test_critical_messages_go_first_then_the_oldest() -> None:
    queue = Queue([message("P-1", second=1, rank=2), message("P-2", second=3), message("P-3", second=2)])
    assert subjects(queue.next(at(4))) == ["P-3", "P-2", "P-1"]


def test_few_are_in_flight_at_a_time_of_one_recipient_and_of_a_channel() -> None:
    queue = Queue(message(f"P-{number}", second=number) for number in range(50))
    flying = list(queue.next(at(60)))
    assert len(flying) == OF_RECIPIENT < AT_ONCE
    assert list(queue.next(at(60))) == []
    queue.sent(flying[0], at(61))
    assert subjects(queue.next(at(61))) == [f"P-{OF_RECIPIENT}"]


def test_one_recipient_who_cannot_be_reached_holds_up_no_other() -> None:
    queue = Queue([*(message(f"P-{n}") for n in range(20)), *(message(f"P-{n}", "doctor") for n in range(20))])
    flying = list(queue.next(at(0)))
    assert {it.recipient for it in flying} == {"nurse", "doctor"}
    for each in flying:
        if each.recipient == "nurse":
            queue.failed(each, AWAY, at(0))
        else:
            queue.sent(each, at(0))
    assert {it.recipient for it in queue.next(at(0.5))} == {"doctor"}


def test_two_long_lines_of_a_channel_leave_room_for_a_third() -> None:
    three = policy(
        {"after_minutes": 0, "tell": ["a", "b", "c"]}, recipients={name: {"mail": f"{name}@x.org"} for name in "abc"}
    )

    def to(name: str, number: int) -> Post:
        (due,) = (it for it in tellings(alert(f"P-{number}", NOON), three) if it.recipient == name)
        return post((due,), three.named[name], at(number), timedelta(minutes=10))

    queue = Queue([*(to(name, number) for name in "ab" for number in range(20)), to("c", 30)])
    flying = list(queue.next(at(60)))
    assert sorted(Counter(it.recipient for it in flying).values()) == [1, 3, 4]


def test_after_each_failure_one_waits_twice_as_long_up_to_a_minute_and_after_a_success_not_at_all() -> None:
    queue = Queue([message(f"P-{number}", deadline_s=1e6) for number in range(9)])
    waits, now, (first, *rest) = [], 0.0, list(queue.next(at(0)))
    for each in rest:
        queue.put_back(each)
    for _ in range(8):
        tried = queue.failed(first, AWAY, at(now))
        assert tried.next_at
        waits.append((tried.next_at - at(now)).total_seconds())
        assert list(queue.next(tried.next_at - timedelta(milliseconds=1))) == []
        now = (tried.next_at - NOON).total_seconds()
        (first,) = queue.next(at(now))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    queue.sent(first, at(now))
    assert len(list(queue.next(at(now)))) == OF_RECIPIENT


def test_messages_that_were_on_their_way_together_fail_as_one() -> None:
    queue = Queue(message(f"P-{number}") for number in range(OF_RECIPIENT))
    assert [queue.failed(each, AWAY, at(0.1)).next_at for each in list(queue.next(at(0)))] == [at(1.1)] * OF_RECIPIENT


def test_a_message_that_is_never_taken_does_not_stop_those_behind_it() -> None:
    queue = Queue([message("P-1"), message("P-2", second=1)])
    flying = list(queue.next(at(2)))
    for each in flying:
        queue.failed(each, AWAY, at(2))
    (one,) = queue.next(at(10))
    queue.failed(one, AWAY, at(10))
    (other,) = queue.next(at(100))
    assert {one.key, other.key} == {each.key for each in flying}


def test_what_is_refused_for_good_is_given_up_with_its_reason_and_the_line_goes_on() -> None:
    queue = Queue(message(f"P-{number}", second=number) for number in range(OF_RECIPIENT + 1))
    first, *_ = queue.next(at(0))
    given_up = queue.failed(first, REFUSED, at(1))
    assert (given_up.state, given_up.reason, given_up.attempts) == (PostState.GIVEN_UP, "no such address", 1)
    assert subjects(queue.next(at(1))) == [f"P-{OF_RECIPIENT}"]


def test_at_its_deadline_a_message_is_given_up_also_one_that_had_only_waited_behind_others() -> None:
    queue = Queue([message("P-1", deadline_s=30), message("P-2", deadline_s=30), message("P-3", deadline_s=90)])
    for each in list(queue.next(at(0))):
        queue.failed(each, AWAY, at(0))
    assert queue.expire(at(29)) == []
    assert sorted(subjects(queue.expire(at(30)))) == ["P-1", "P-2"]
    (last,) = queue.next(at(31))
    assert queue.failed(last, AWAY, at(90)).state is PostState.GIVEN_UP


def test_what_only_waits_for_its_turn_is_not_given_up() -> None:
    queue = Queue([message(f"P-{number}", deadline_s=30) for number in range(20)])
    assert queue.expire(at(60)) == []
    assert list(queue.next(at(60)))


def test_all_messages_of_an_outage_say_since_when_it_lasts() -> None:
    queue = Queue([message("P-1"), message("P-2")])
    (first, second) = queue.next(at(0))
    assert queue.failed(first, AWAY, at(3)).failing_since == at(3)
    assert queue.failed(second, AWAY, at(9)).failing_since == at(3)
    (again,) = queue.next(at(60))
    queue.sent(again, at(60))
    (last,) = queue.next(at(61))
    assert queue.failed(last, AWAY, at(62)).failing_since == at(62)


def test_who_takes_over_goes_on_with_the_patience_of_the_one_before() -> None:
    before = Queue([message(f"P-{number}") for number in range(9)])
    failed = before.failed(next(before.next(at(0))), AWAY, at(0))
    after = Queue([failed, *(message(f"Q-{number}") for number in range(9))])
    assert len(list(after.next(at(5)))) == 1


def test_a_message_is_stopped_once_nothing_of_it_stands_unless_it_is_on_its_way() -> None:
    alone, flying = message("P-1"), message("P-2")
    queue = Queue([alone, flying])
    stopped = queue.stop(alone.alert_ids, lambda _: False, at(1))
    assert [(it.key, it.state) for it in stopped] == [(alone.key, PostState.STOPPED)]
    assert [it.key for it in queue.next(at(1))] == [flying.key]
    assert queue.is_flying
    assert queue.stop_all(lambda _: False, at(1)) == []
    assert queue.stopped(flying, at(2)).state is PostState.STOPPED
    assert not queue.is_flying


def test_a_message_of_which_something_stands_goes_on() -> None:
    queue = Queue([message("P-1")])
    assert queue.stop_all(lambda _: True, at(1)) == []
    assert subjects(queue.next(at(1))) == ["P-1"]


def test_a_burst_that_lost_some_of_its_tellings_and_failed_is_still_found_by_the_others() -> None:
    first, second = message("P-1"), message("P-2")
    burst = post(first.tellings + second.tellings, BOTH.named["nurse"], NOON, timedelta(minutes=10))
    queue = Queue([burst])
    (flying,) = queue.next(at(0))
    left = queue.failed(replace(flying, tellings=second.tellings), AWAY, at(0))
    assert queue.stop(first.alert_ids, lambda _: False, at(1)) == []
    assert [it.key for it in queue.stop(second.alert_ids, lambda _: False, at(1))] == [left.key]
