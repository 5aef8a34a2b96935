"""Refused readings that sound like a crisis, as alerts: open until answered, and an answer covers what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts import attention, lifecycle
from alerts.model import AlertKind, State
from alerts.rules import load_rules
from elastic.names import REJECTED
from elastic.search import rejected
from tests.support.fake_search import FakeSearch
from tests.support.ward import refusal

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def answered(at: datetime, seen_until: datetime) -> dict[str, Any]:
    """Return an answer as the journal has it."""
    return {
        "@timestamp": at.isoformat(),
        "event": "acknowledged",
        "kind": "attention",
        "alert_id": f"attention-{round(seen_until.timestamp() * 1000)}-p-1",
        "number": 1,
        "by": "anne",
        "reason": "seen",
        "until": (at + timedelta(minutes=30)).isoformat(),
        "seen_until": seen_until.isoformat(),
    }


def store(*documents: dict[str, Any]) -> FakeSearch:
    search = FakeSearch()
    search.put(REJECTED, *documents)
    return search


def test_refusals_that_nobody_has_answered_are_one_open_alert() -> None:
    documents = [refusal("p-1", ago(9), "systolic > 250 mmHg"), refusal("p-1", ago(4), "310/160 mmHg")]

    (episode,) = attention.fold(documents, [])

    assert (episode.kind, episode.state, episode.level) == (AlertKind.ATTENTION, State.RAISED, "CRITICAL")
    assert (episode.started_at, episode.met_at) == (ago(9), ago(4))
    assert [each.words for each in episode.refusals] == ["310/160 mmHg", "systolic > 250 mmHg"]


def test_an_answer_ends_the_alert_for_good_and_a_later_refusal_raises_another_one() -> None:
    documents = [refusal("p-1", ago(9), "a"), refusal("p-1", ago(1), "b")]

    first, second = attention.fold(documents, [answered(ago(5), seen_until=ago(9))])

    assert (first.state, first.answer and first.answer.by) == (State.RESOLVED, "anne")
    assert (second.is_unanswered, second.started_at) == (True, ago(1))


def test_what_was_sent_before_the_answer_but_came_after_it_is_not_answered() -> None:
    """The stream had stopped: the person who answered cannot have seen it."""
    documents = [refusal("p-1", ago(30), "a"), refusal("p-1", ago(20), "b")]

    _, late = attention.fold(documents, [answered(ago(10), seen_until=ago(30))])

    assert late.is_unanswered


@given(st.lists(st.integers(0, 40), unique=True), st.lists(st.integers(0, 40), max_size=4))
def test_each_refusal_is_in_one_alert_and_what_was_seen_is_answered(sent: list[int], seen: list[int]) -> None:
    events = [answered(ago(-1), ago(minutes)) for minutes in seen]

    episodes = attention.fold([refusal("p-1", ago(minutes), "x") for minutes in sent], events)

    told = [each.arrived_at for episode in episodes for each in episode.refusals]
    assert sorted(told) == sorted(map(ago, sent))
    open_ones = [each.arrived_at for episode in episodes if episode.is_open for each in episode.refusals]
    assert sorted(open_ones) == sorted(ago(minutes) for minutes in sent if not seen or minutes < min(seen))
    assert all(earlier.met_at < later.started_at for earlier, later in pairwise(episodes))


def test_it_is_overdue_like_a_measured_crisis() -> None:
    terms = load_rules().terms(AlertKind.ATTENTION)
    (alert,) = lifecycle.settle(attention.fold([refusal("p-1", ago(6), "a")], []), NOW, terms)
    assert alert.escalated


def test_a_device_that_floods_hides_no_other_patient() -> None:
    flood = [refusal("p-1", ago(number / 100), "a") for number in range(rejected.MOST)]
    found = rejected.attention(store(*flood, refusal("p-2", ago(60), "b")), ago(90))
    assert {document["patient_id"] for document in found} == {"p-1", "p-2"}


def test_what_was_measured_long_before_it_came_raises_nobody_and_lately_is_told_by_when_it_was_measured() -> None:
    old, lately, ahead = (
        refusal("p-1", NOW, "a") | {"measured_at": (NOW - timedelta(hours=hours)).isoformat()} for hours in (80, 40, -1)
    )
    found = attention.recent([old, lately, ahead])
    assert [each.at for each in found] == [NOW - timedelta(hours=40), NOW]
