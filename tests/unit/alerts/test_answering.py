"""Answering alerts: what reaches the journal, who wins, what is refused, and the wait for the alert service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import answering
from alerts.answering import Acknowledgement, Fate, Outcome, Person, wait_until_shown
from alerts.model import CRITICAL_RANK, AlertKind, AnswerReason, Finding, State
from elastic.client import SearchUnavailable
from elastic.names import ALERT_EVENTS, ALERTS
from elastic.search import alert_events
from tests.support.alerts import serve
from tests.support.fake_search import FakeSearch
from tests.support.ward import alert

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ANNE, BEA = Person("anne", "clinician"), Person("bea", "clinician")
SEEN = Acknowledgement(AnswerReason.SEEN, "on my way", timedelta(minutes=30))
MEASURED, PREDICTED = AlertKind.MEASURED, AlertKind.PREDICTED
Json = dict[str, Any]


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


@pytest.fixture
def search() -> FakeSearch:
    made = FakeSearch()
    at = ago(minutes=4)
    worst = Finding(at, CRITICAL_RANK, systolic=208.4, diastolic=126.0, model_version="2026-03-01")
    made.put_alerts(alert("p-1", at, MEASURED, worst=worst), alert("p-1", ago(minutes=9), PREDICTED))
    return made


def ids(search: FakeSearch) -> list[str]:
    return [document["alert_id"] for document in search.documents[ALERTS]]


def first(search: FakeSearch) -> Json:
    found: Json = search.documents[ALERTS][0]
    return found


def acknowledge(search: FakeSearch, who: Person = ANNE, at: datetime = NOW, count: int = 1) -> list[Outcome]:
    return answering.acknowledge(search, ids(search)[:count], SEEN, who, at)


def fates(outcomes: list[Outcome]) -> list[Fate]:
    return [outcome.fate for outcome in outcomes]


def test_an_answer_is_an_event_that_says_what_was_seen(search: FakeSearch) -> None:
    (outcome,) = acknowledge(search)
    (event,) = search.documents[ALERT_EVENTS]
    assert (outcome.fate, outcome.by, outcome.number) == (Fate.STORED, "anne", 1)
    assert (event["alert_id"], event["event"], event["number"]) == (ids(search)[0], "acknowledged", 1)
    assert (event["reason"], event["note"], event["role"]) == ("seen", "on my way", "clinician")
    assert (event["seen_systolic"], event["seen_level"], event["model_version"]) == (208.4, "CRITICAL", "2026-03-01")
    assert (event["answered_after_s"], event["until"]) == (240.0, (NOW + SEEN.pause).isoformat())


def test_all_alerts_of_a_patient_are_answered_in_one_request(
    search: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshes = []
    bulk = search.fake.bulk

    def note(**asked: Any) -> Json:
        refreshes.append(asked["refresh"])
        return bulk(**asked)

    monkeypatch.setattr(search.fake, "bulk", note)
    assert fates(acknowledge(search, count=2)) == [Fate.STORED, Fate.STORED]
    assert refreshes == [True]


def test_the_second_to_answer_is_told_who_was_first(search: FakeSearch) -> None:
    acknowledge(search, at=ago(seconds=40))
    serve(search, NOW)
    (late,) = acknowledge(search, BEA)
    assert (late.fate, late.by, late.at) == (Fate.LATE, "anne", ago(seconds=40))
    assert len(search.documents[ALERT_EVENTS]) == 1


def test_the_second_is_told_also_while_the_service_has_not_taken_the_first_answer_in(search: FakeSearch) -> None:
    acknowledge(search, at=ago(seconds=40))
    (late,) = acknowledge(search, BEA)
    assert (late.fate, late.by) == (Fate.LATE, "anne")


def test_of_two_who_answer_in_the_same_moment_one_wins(search: FakeSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read the journal before either has written."""
    monkeypatch.setattr(alert_events, "of_alerts", lambda *_: [])
    outcomes = [acknowledge(search, who)[0] for who in (ANNE, BEA)]
    assert fates(outcomes) == [Fate.STORED, Fate.LATE]
    assert outcomes[1].by == "anne"


def test_a_note_said_at_the_same_moment_takes_no_answer_away(
    search: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_events, "of_alerts", lambda *_: [])
    noted = answering.add_note(search, ids(search)[:1], "called the ward", BEA, NOW)
    (answered,) = acknowledge(search)
    assert (fates(noted), answered.fate, answered.number) == ([Fate.STORED], Fate.STORED, 2)


def test_an_alert_that_is_over_or_never_was_takes_no_answer(search: FakeSearch) -> None:
    first(search).update(is_open=False, state=State.RESOLVED)
    nobody = answering.acknowledge(search, [ids(search)[0], "measured-1-p-9"], SEEN, ANNE, NOW)
    assert fates(nobody) == [Fate.OVER, Fate.OVER]
    assert search.documents[ALERT_EVENTS] == []


def test_an_alert_that_rose_after_the_answer_waits_for_another_one(search: FakeSearch) -> None:
    acknowledge(search, at=ago(minutes=3))
    serve(search, NOW)
    first(search).update(state=State.RAISED, raised_at=ago(minutes=1).isoformat())
    assert fates(acknowledge(search, BEA)) == [Fate.STORED]


def test_what_somebody_had_before_the_eyes_of_refused_readings_is_noted() -> None:
    search = FakeSearch()
    search.put_alerts(alert("p-1", ago(minutes=2), AlertKind.ATTENTION))
    acknowledge(search)
    (event,) = search.documents[ALERT_EVENTS]
    assert event["seen_until"] == first(search)["met_at"]


def test_an_answer_to_what_concerns_no_patient_names_the_part() -> None:
    search = FakeSearch()
    search.put_alerts(alert(None, ago(minutes=2), AlertKind.FEED, part="ward"))
    acknowledge(search)
    (event,) = search.documents[ALERT_EVENTS]
    assert (event["part"], "patient_id" in event) == ("ward", False)


def test_an_alert_is_snoozed_only_after_somebody_has_answered_it(search: FakeSearch) -> None:
    def snooze() -> list[Outcome]:
        return answering.snooze(search, ids(search)[:1], timedelta(minutes=60), BEA, NOW)

    assert fates(snooze()) == [Fate.UNANSWERED]
    acknowledge(search, at=ago(minutes=2))
    assert fates(snooze()) == [Fate.STORED]
    serve(search, NOW)
    answer = first(search)["answer"]
    assert (answer["by"], datetime.fromisoformat(answer["until"])) == ("anne", NOW + timedelta(minutes=60))


def test_an_answer_that_ran_out_is_renewed_by_a_snooze() -> None:
    search = FakeSearch()
    search.put_alerts(alert("p-1", ago(minutes=50), MEASURED))
    acknowledge(search, at=ago(minutes=40))
    serve(search, NOW)
    assert first(search)["state"] == State.REMINDED
    assert fates(answering.snooze(search, ids(search)[:1], timedelta(minutes=15), BEA, NOW)) == [Fate.STORED]
    serve(search, NOW)
    assert (first(search)["state"], first(search)["answer"]["by"]) == (State.ACKNOWLEDGED, "bea")


def test_a_note_and_an_owner_leave_an_alert_unanswered(search: FakeSearch) -> None:
    answering.add_note(search, ids(search)[:1], "asleep", ANNE, NOW)
    answering.take_over(search, ids(search)[:1], BEA, NOW)
    serve(search, NOW)
    assert (first(search)["state"], first(search)["owner"], first(search)["number"]) == (State.RAISED, "bea", 2)


def test_of_two_who_take_over_in_the_same_moment_one_is_told(
    search: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_events, "of_alerts", lambda *_: [])
    outcomes = [answering.take_over(search, ids(search)[:1], who, NOW)[0] for who in (ANNE, BEA)]
    assert [(outcome.fate, outcome.by) for outcome in outcomes] == [(Fate.STORED, "anne"), (Fate.LATE, "anne")]


def test_an_answer_is_taken_back_within_a_minute_and_the_alert_waits_again(search: FakeSearch) -> None:
    acknowledge(search, at=ago(seconds=59))
    serve(search, NOW)
    assert fates(answering.undo(search, ids(search)[:1], ANNE, NOW)) == [Fate.STORED]
    serve(search, NOW)
    assert (first(search)["state"], first(search).get("answer")) == (State.RAISED, None)
    assert fates(acknowledge(search, BEA)) == [Fate.STORED]


@pytest.mark.parametrize(("who", "seconds"), [(ANNE, 61), (BEA, 5)], ids=["too late", "somebody else's"])
def test_nothing_else_is_taken_back(search: FakeSearch, who: Person, seconds: float) -> None:
    acknowledge(search, at=ago(seconds=seconds))
    assert fates(answering.undo(search, ids(search)[:1], who, NOW)) == [Fate.PAST]


def test_what_is_undone_is_what_was_said_last(search: FakeSearch) -> None:
    acknowledge(search, at=ago(seconds=30))
    answering.take_over(search, ids(search)[:1], ANNE, ago(seconds=10))
    answering.undo(search, ids(search)[:1], ANNE, NOW)
    serve(search, NOW)
    assert (first(search)["state"], first(search).get("owner")) == (State.ACKNOWLEDGED, None)


def test_an_alert_that_an_answer_has_ended_opens_again_when_it_is_undone(search: FakeSearch) -> None:
    acknowledge(search, at=ago(seconds=20))
    first(search).update(is_open=False, state=State.RESOLVED)  # as a latched one
    assert fates(answering.undo(search, ids(search)[:1], ANNE, NOW)) == [Fate.STORED]


def test_an_opinion_and_a_note_may_come_after_the_end(search: FakeSearch) -> None:
    first(search).update(is_open=False, state=State.RESOLVED)
    assert fates(answering.give_feedback(search, ids(search)[:1], False, ANNE, NOW)) == [Fate.STORED]
    assert fates(answering.add_note(search, ids(search)[:1], "cuff was loose", ANNE, NOW)) == [Fate.STORED]
    assert fates(answering.take_over(search, ids(search)[:1], ANNE, NOW)) == [Fate.OVER]


class Time:
    """Seconds that pass only while somebody waits, and what happens meanwhile."""

    def __init__(self, after_s: float, then: Callable[[], None]) -> None:
        self.now, self.after_s, self.then = 0.0, after_s, then

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        before, self.now = self.now, self.now + seconds
        if before < self.after_s <= self.now:
            self.then()


@pytest.mark.parametrize(("after_s", "shown"), [(0.3, True), (1.7, False)])
def test_an_answer_is_awaited_for_a_while(search: FakeSearch, after_s: float, shown: bool) -> None:
    outcomes = acknowledge(search, count=2)
    waiting = Time(after_s, lambda: serve(search, NOW))
    assert wait_until_shown(search, outcomes, clock=waiting, pause=waiting.pause) is shown
    assert waiting.now == pytest.approx(after_s if shown else 1.5, abs=0.06)


def test_what_was_not_stored_is_not_awaited(search: FakeSearch) -> None:
    waiting = Time(9, lambda: None)
    acknowledge(search)
    assert wait_until_shown(search, acknowledge(search, BEA), clock=waiting, pause=waiting.pause)
    assert waiting.now == 0


def test_without_elasticsearch_nothing_is_answered(search: FakeSearch) -> None:
    search.fake.is_away = True
    with pytest.raises(SearchUnavailable):
        acknowledge(search)
