"""What people said of alerts, as far as it stands: answers, owners, what was useful, and what was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.events import UNDO_WITHIN, Event, answers, may_undo, owner, standing, usefulness
from alerts.model import AlertKind, AnswerReason

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
ALERT = "measured-1773144000000-P-1"
MEASURED, PREDICTED = AlertKind.MEASURED, AlertKind.PREDICTED
Json = dict[str, Any]


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def instant(event: Json) -> datetime:
    return datetime.fromisoformat(event["@timestamp"])


def event(number: int, what: Event, minute: float, by: str = "anne", **more: Any) -> Json:
    return {
        "@timestamp": at(minute).isoformat(),
        "alert_id": ALERT,
        "number": number,
        "event": what,
        "patient_id": "P-1",
        "kind": MEASURED,
        "by": by,
        **more,
    }


def acknowledged(number: int, minute: float, until: float, by: str = "anne", **more: Any) -> Json:
    given = {"reason": AnswerReason.CALLED, "note": "on my way", "until": at(until).isoformat()}
    return event(number, Event.ACKNOWLEDGED, minute, by, **given, **more)


def snoozed(number: int, minute: float, until: float, by: str = "anne") -> Json:
    return event(number, Event.SNOOZED, minute, by, until=at(until).isoformat())


def undone(number: int, minute: float, of: int, by: str = "anne") -> Json:
    return event(number, Event.UNDONE, minute, by, undone=of)


def owned(number: int, minute: float, by: str) -> Json:
    return event(number, Event.OWNED, minute, by)


def test_an_acknowledgement_is_an_answer() -> None:
    (answer,) = answers([acknowledged(1, 2, 32)], MEASURED)
    assert (answer.at, answer.until, answer.by, answer.number) == (at(2), at(32), "anne", 1)
    assert (answer.reason, answer.note) == (AnswerReason.CALLED, "on my way")


def test_each_kind_has_answers_of_its_own() -> None:
    events = [acknowledged(1, 2, 32), acknowledged(1, 3, 33, kind=PREDICTED, alert_id="predicted-1-P-1")]
    assert [answer.at for answer in answers(events, PREDICTED)] == [at(3)]


def test_what_was_undone_within_a_minute_never_was() -> None:
    events = [acknowledged(1, 2, 32), undone(2, 2.5, 1)]
    assert (answers(events, MEASURED), standing(events)) == ([], [])


@pytest.mark.parametrize(
    "undoing",
    [undone(2, 3.1, 1), undone(2, 2.5, 1, by="bea"), undone(2, 1.9, 1), undone(2, 2.5, 7)],
    ids=["too late", "by somebody else", "before it was said", "of nothing"],
)
def test_what_may_not_be_undone_stands(undoing: Json) -> None:
    assert len(answers([acknowledged(1, 2, 32), undoing], MEASURED)) == 1


def test_an_undoing_concerns_its_own_alert_alone() -> None:
    other = {**undone(2, 2.5, 1), "alert_id": "measured-2-P-1"}
    assert len(answers([acknowledged(1, 2, 32), other], MEASURED)) == 1


def test_an_undoing_and_an_opinion_cannot_be_undone() -> None:
    assert not may_undo(undone(2, 2.5, 1), "anne", at(2.6))
    assert not may_undo(event(1, Event.FEEDBACK, 2, useful=True), "anne", at(2.1))


def test_a_snooze_makes_the_answer_last_longer_and_stays_that_of_who_gave_it() -> None:
    (answer,) = answers([acknowledged(1, 2, 32), snoozed(2, 20, 80, by="bea")], MEASURED)
    assert (answer.by, answer.at, answer.until, answer.number) == ("anne", at(2), at(80), 2)


def test_a_snooze_after_the_answer_ran_out_is_one_of_its_own_for_the_same_reason() -> None:
    first, second = answers([acknowledged(1, 2, 32), snoozed(2, 40, 70, by="bea")], MEASURED)
    assert (first.until, second.at, second.until) == (at(32), at(40), at(70))
    assert (second.by, second.reason) == ("bea", AnswerReason.CALLED)


def test_a_snooze_of_somebody_else_outlives_the_answer_that_is_undone() -> None:
    (answer,) = answers([acknowledged(1, 2, 32), snoozed(2, 2.2, 62, by="bea"), undone(3, 2.5, 1)], MEASURED)
    assert (answer.at, answer.by, answer.reason) == (at(2.2), "bea", AnswerReason.SEEN)


def test_an_undone_snooze_leaves_the_answer_as_it_was() -> None:
    (answer,) = answers([acknowledged(1, 2, 32), snoozed(2, 20, 80), undone(3, 20.5, 2)], MEASURED)
    assert (answer.until, answer.number) == (at(32), 1)


def test_who_took_over_last_is_the_owner_until_the_alert_ends() -> None:
    events = [owned(1, 2, "anne"), owned(2, 9, "bea"), owned(3, 30, "carl")]
    assert owner(events, MEASURED, at(0)) == "carl"
    assert owner(events, MEASURED, at(0), at(20)) == "bea"
    assert owner(events, MEASURED, at(31)) is None
    assert owner(events, PREDICTED, at(0)) is None
    assert owner([*events[:2], undone(4, 9.5, 2, by="bea")], MEASURED, at(0)) == "anne"


def test_the_last_opinion_counts() -> None:
    events = [event(1, Event.FEEDBACK, 2, useful=True), event(2, Event.FEEDBACK, 5, by="bea", useful=False)]
    assert usefulness(events) == {ALERT: False}


def test_what_the_service_says_stands() -> None:
    raised = {"@timestamp": at(1).isoformat(), "alert_id": ALERT, "event": Event.RAISED}
    assert standing([raised, undone(1, 1.5, 1)]) == [raised]


@st.composite
def journals(draw: st.DrawFn) -> list[Json]:
    """Return what several people say of one alert, in the order of its numbers."""
    minutes = sorted(draw(st.lists(st.floats(0, 200).map(lambda minute: round(minute, 1)), max_size=8)))
    people = st.sampled_from(["anne", "bea"])
    events: list[Json] = []
    for number, minute in enumerate(minutes, start=1):
        until = minute + draw(st.integers(15, 60))
        events.append(
            draw(
                st.one_of(
                    st.builds(acknowledged, st.just(number), st.just(minute), st.just(until), people),
                    st.builds(snoozed, st.just(number), st.just(minute), st.just(until), people),
                    st.builds(undone, st.just(number), st.just(minute), st.integers(1, 8), people),
                    st.builds(owned, st.just(number), st.just(minute), people),
                )
            )
        )
    return events


@given(journals(), st.randoms())
def test_the_order_in_which_events_are_found_does_not_matter(events: list[Json], random: Any) -> None:
    mixed = random.sample(events, len(events))
    assert answers(mixed, MEASURED) == answers(events, MEASURED)
    assert owner(mixed, MEASURED, at(0)) == owner(events, MEASURED, at(0))


@given(journals())
def test_only_what_its_author_took_back_in_time_is_missing(events: list[Json]) -> None:
    kept = [one["number"] for one in standing(events)]
    for one in (one for one in events if one["event"] != Event.UNDONE and one["number"] not in kept):
        undoings = [each for each in events if each.get("undone") == one["number"] and each["by"] == one["by"]]
        waits = [instant(each) - instant(one) for each in undoings]
        assert any(timedelta(0) <= wait <= UNDO_WITHIN for wait in waits)
    assert len(set(kept)) == len(kept)


@given(journals())
def test_a_snooze_never_shortens_and_never_takes_an_answer_away(events: list[Json]) -> None:
    without = answers([one for one in standing(events) if one["event"] != Event.SNOOZED], MEASURED)
    found = answers(events, MEASURED)
    for answer in without:
        assert any((each.at, each.by) == (answer.at, answer.by) and each.until >= answer.until for each in found)


@given(journals())
def test_every_answer_is_somebodys_and_lasts(events: list[Json]) -> None:
    stored = {one["number"]: one for one in events}
    for answer in answers(events, MEASURED):
        assert answer.until > answer.at
        assert stored[answer.number]["event"] in (Event.ACKNOWLEDGED, Event.SNOOZED)
