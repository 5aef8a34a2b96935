"""Refused readings that sound like a crisis, as alerts: open until answered, and an answer covers what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts import attention
from alerts.journal import Acknowledgement, Person, acknowledge, attention_of_all, episodes_of_patient
from alerts.model import AlertKind, AnswerReason, State
from elastic.names import ALERT_EVENTS, REJECTED
from elastic.search import rejected
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, Patient, refusal

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANNE, BEA = Person("anne", "clinician"), Person("bea", "clinician")
SEEN = Acknowledgement(AnswerReason.SEEN, "measured again", timedelta(minutes=30))


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
    (alert,) = attention_of_all(store(refusal("p-1", ago(6), "a")), NOW)[0]

    assert alert[1].escalated


def test_all_of_the_ward_are_found_by_three_searches_and_the_nameless_apart() -> None:
    search = store(*(refusal(f"p-{number}", ago(number), "a") for number in range(40)), refusal(None, ago(3), "b"))
    search.put(REJECTED, {"@timestamp": NOW.isoformat(), "reason": "MALFORMED_JSON"})  # of an earlier release

    alerts, nameless = attention_of_all(search, NOW)

    assert len(search.asked) == 3
    assert {patient for patient, _ in alerts} == {f"p-{number}" for number in range(40)}
    assert [each.words for each in nameless] == ["b"]


def test_a_device_that_floods_hides_no_other_patient() -> None:
    flood = (refusal("p-1", ago(number / 60), "310/160 mmHg") for number in range(rejected.MOST + 5))
    search = store(*flood, refusal("p-2", ago(600), "systolic > 250 mmHg"))

    alerts, _ = attention_of_all(search, NOW)

    assert {patient: alert.refusals[0].words for patient, alert in alerts} == {
        "p-1": "310/160 mmHg",
        "p-2": "systolic > 250 mmHg",
    }


def test_what_was_measured_long_before_it_came_raises_nobody_and_lately_is_told_by_when_it_was_measured() -> None:
    """A sender brings its history: only the last three days may still matter."""
    old = refusal("p-1", ago(1), "a") | {"measured_at": (NOW - timedelta(days=90)).isoformat()}
    lately = refusal("p-2", ago(1), "b") | {"measured_at": ago(300).isoformat()}
    ahead = refusal("p-3", ago(1), "c") | {"measured_at": ago(-3000).isoformat()}
    untold = refusal("p-4", ago(1), "d") | {"measured_at": None}

    alerts, nameless = attention_of_all(store(old, lately, ahead, untold, old | {"patient_id": None}), NOW)

    told = {patient: alert.refusals[0].at for patient, alert in alerts}
    assert told == {"p-2": ago(300), "p-3": ago(1), "p-4": ago(1)}
    assert nameless == []


def test_after_three_days_it_is_no_longer_shown() -> None:
    assert attention_of_all(store(refusal("p-1", NOW - timedelta(days=5), "a")), NOW) == ([], [])


def test_an_answer_is_journalled_with_what_it_covers_and_a_repeated_batch_changes_nothing() -> None:
    again = refusal("p-1", ago(4), "310/160 mmHg")
    search = store(refusal("p-1", ago(9), "a"), again)

    (result,) = acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL)

    assert result.stored
    (event,) = search.documents[ALERT_EVENTS]
    assert (event["kind"], event["by"], event["note"]) == ("attention", "anne", "measured again")
    assert datetime.fromisoformat(event["seen_until"]) == ago(4)
    search.put(REJECTED, again)
    assert attention_of_all(search, NOW) == ([], [])


def test_of_two_people_who_answer_the_first_stands() -> None:
    search = store(refusal("p-1", ago(9), "a"))
    before = episodes_of_patient(search, "p-1", NOW, INTERVAL)
    acknowledge(search, "p-1", SEEN, ANNE, NOW, INTERVAL)

    (episode,) = episodes_of_patient(search, "p-1", NOW, INTERVAL)

    assert before[0].is_unanswered
    assert (episode.state, episode.answer and episode.answer.by) == (State.RESOLVED, "anne")


def test_it_stands_beside_the_patient_s_other_alerts_and_one_answer_covers_all_that_are_open() -> None:
    search = store(refusal("p-1", ago(2), "a"))
    search.put_history(Patient("p-1", 186, 0.7), NOW)

    results = acknowledge(search, "p-1", SEEN, BEA, NOW, INTERVAL)

    assert {result.winner["kind"] for result in results} == {"measured", "predicted", "attention"}


def test_nothing_lands_on_another_patient() -> None:
    search = store(refusal("p-2", ago(2), "a"), refusal(None, ago(2), "b"))

    assert episodes_of_patient(search, "p-1", NOW, INTERVAL) == []
