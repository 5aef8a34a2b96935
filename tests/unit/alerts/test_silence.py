"""Silent patients: who is alerted, from when on, and what ends it."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.documents import to_document, to_episode
from alerts.lifecycle import fold
from alerts.model import AlertKind, Answer, State, Withdrawal, alert_id
from alerts.rules import SilenceRule, load_rules
from alerts.signs import ended
from alerts.silence import CHECK_EVERY_US, Back, Silence, Watch, episode, follow, heard_at, load_since, verified
from elastic.names import OBSERVATIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import reading

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
RULE = SilenceRule(intervals=2, longest_hours=24, answer_within_minutes={})
CHECKED = timedelta(microseconds=CHECK_EVERY_US)
LEAST = timedelta(microseconds=1)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def watch(**newest: float) -> Watch:
    """Return a watch over patients with a newest reading so many minutes after the start."""
    made = Watch(INTERVAL, RULE)
    made.see(newest, map(at, newest.values()))
    return made


def silent(of: Watch, now: datetime) -> list[str]:
    return [found.patient_id for found in of.silent(now)]


def tell(of: Watch, now: datetime) -> list[Silence]:
    """Return who has become silent, as the service does: an alert is open for each afterwards."""
    found = of.silent(now)
    of.known_silent({silence.patient_id: silence.newest_at for silence in found})
    return found


def test_a_patient_is_silent_from_the_second_missed_interval_on_and_not_a_moment_before() -> None:
    assert watch(anna=0).silent(at(30) - LEAST) == []
    assert watch(anna=0).silent(at(30)) == [Silence("anna", START, at(30))]


def test_a_later_look_says_the_same_beginning() -> None:
    assert watch(anna=0).silent(at(500)) == [Silence("anna", START, at(30))]


@pytest.mark.parametrize("patients", [1, 2, 3, 1000])
def test_every_silent_patient_is_told_within_two_intervals_and_a_minute(patients: int) -> None:
    last = {f"p-{number}": number * 900 / patients / 60 for number in range(patients)}  # in the last 15 minutes
    of, told, now = watch(**last), dict[str, datetime](), at(15)
    while len(told) < patients and now < at(60):
        now += timedelta(seconds=0.5)
        told |= {found.patient_id: now for found in tell(of, now)}
    late = [(told[patient_id] - at(minute) - 2 * INTERVAL).total_seconds() for patient_id, minute in last.items()]
    assert min(late) >= 0
    assert max(late) <= 60


def test_an_older_reading_moves_nobody_back() -> None:
    of = watch(anna=20)
    of.see(["anna", "anna"], [at(3), at(1)])
    assert of.newest("anna") == at(20)


def test_a_reading_of_the_future_counts_as_one_of_now_and_a_minute_at_most() -> None:
    of = watch(anna=4)
    assert of.silent(START) == []
    assert of.newest("anna") == at(1)
    assert silent(of, at(31)) == ["anna"]


def test_a_stored_reading_of_the_future_counts_by_when_it_was_stored() -> None:
    document = reading("anna", at(4), 120, 80) | {"ingested_at": at(0).isoformat()}
    assert heard_at(document) == at(1)
    assert heard_at(reading("anna", at(4), 120, 80)) == at(4)


def test_between_two_looks_at_the_map_nobody_is_told() -> None:
    of = watch(anna=0)
    assert of.silent(at(30) - LEAST) == []
    assert of.silent(at(30) + CHECKED - 2 * LEAST) == []
    assert silent(of, at(30) + CHECKED) == ["anna"]


def test_a_clock_that_was_set_back_stops_no_look() -> None:
    of = watch(anna=0)
    of.silent(at(600))
    assert silent(of, at(300)) == ["anna"]


def test_who_is_silent_is_told_until_an_alert_is_known() -> None:
    of = watch(anna=0, bert=0)
    assert silent(of, at(30)) == ["anna", "bert"]
    of.known_silent({"anna": START})
    assert silent(of, at(31)) == ["bert"]


def test_a_new_reading_ends_it_until_the_end_is_known() -> None:
    of = watch(anna=0)
    tell(of, at(30))
    assert of.back(at(31)) == []
    of.see(["anna"], [at(32)])
    assert of.back(at(32)) == of.back(at(33)) == [Back("anna", at(32), "")]
    of.known_back(["anna"])
    assert of.back(at(33)) == []
    assert silent(of, at(61)) == []
    assert silent(of, at(62)) == ["anna"]


def test_a_late_reading_that_is_too_old_itself_ends_one_alert_and_begins_another() -> None:
    of = watch(anna=0)
    tell(of, at(90))
    of.see(["anna"], [at(10)])
    assert of.back(at(91)) == [Back("anna", at(10), "")]
    of.known_back(["anna"])
    assert of.silent(at(91)) == [Silence("anna", at(10), at(40))]


def test_a_reading_that_was_taken_back_makes_silent_from_the_one_before() -> None:
    of = watch(anna=20)
    of.correct("anna", at(0))
    assert of.silent(at(30)) == [Silence("anna", START, at(30))]
    of.correct("anna", None)
    assert of.silent(at(90)) == []


def test_an_alert_whose_reading_was_taken_back_is_withdrawn() -> None:
    of = watch(anna=20)
    tell(of, at(60))
    of.correct("anna", at(0))
    assert of.back(at(61)) == [Back("anna", at(61), Withdrawal.CHANGED)]
    of.known_back(["anna"])
    assert of.silent(at(61)) == [Silence("anna", START, at(30))]


def test_an_alert_of_a_patient_without_any_reading_left_is_withdrawn() -> None:
    of = watch(anna=20)
    tell(of, at(60))
    of.correct("anna", None)
    assert of.back(at(61)) == [Back("anna", at(61), Withdrawal.CHANGED)]


def rules(**more: Any) -> list[dict[str, Any]]:
    return [{"patient_id": "anna", **more}]


@pytest.mark.parametrize(
    ("minutes", "limit"),
    [(None, 30), (31, 31), (240, 240), (24 * 60, 24 * 60), (24 * 60 + 1, 24 * 60), (29, 30), (0, 30), (1e9, 24 * 60)],
)
def test_a_limit_of_ones_own_lengthens_up_to_the_longest_and_never_shortens(
    minutes: float | None, limit: float
) -> None:
    of = watch(anna=0)
    of.rules(rules(silence_minutes=minutes))
    assert of.silent(at(limit) - LEAST) == []
    assert of.silent(at(limit) + CHECKED) == [Silence("anna", START, at(limit))]


def test_a_limit_of_ones_own_goes_with_the_document_that_does_not_name_it() -> None:
    of = watch(anna=0)
    of.rules(rules(silence_minutes=120))
    assert of.longer == ["anna"]
    of.rules(rules(systolic_from=150))
    assert of.longer == []
    assert silent(of, at(30)) == ["anna"]


def test_rules_that_come_before_any_reading_hold() -> None:
    of = Watch(INTERVAL, RULE)
    of.rules(rules(silence_minutes=60))
    assert of.silent(at(0)) == []
    of.see(["anna"], [START])
    assert of.silent(at(59)) == []
    assert silent(of, at(60)) == ["anna"]


def test_a_lengthened_limit_withdraws_an_alert_that_is_not_due_by_it() -> None:
    of = watch(anna=0)
    tell(of, at(30))
    of.rules(rules(silence_minutes=120))
    assert of.back(at(31)) == [Back("anna", at(31), Withdrawal.CHANGED)]


def test_a_limit_that_is_passed_all_the_same_leaves_the_alert() -> None:
    of = watch(anna=0)
    tell(of, at(30))
    of.rules(rules(silence_minutes=45))
    assert of.back(at(50)) == []


def test_after_the_end_of_surveillance_nobody_waits_and_a_later_reading_begins_it_anew() -> None:
    of = watch(anna=0)
    of.rules(rules(surveillance_ended_at=START.isoformat()))
    assert of.silent(at(40)) == []
    of.see(["anna"], [at(50)])
    assert silent(of, at(80)) == ["anna"]


def test_the_end_of_surveillance_withdraws_the_alert() -> None:
    of = watch(anna=0)
    tell(of, at(30))
    of.rules(rules(surveillance_ended_at=at(35).isoformat()))
    assert of.back(at(35)) == [Back("anna", at(35), Withdrawal.ENDED)]


def test_a_ward_is_known_to_be_empty_when_the_surveillance_of_everybody_was_ended() -> None:
    of = watch(anna=0, bert=0)
    for patient_id, is_empty in (("anna", False), ("bert", True)):
        of.rules([{"patient_id": patient_id, "surveillance_ended_at": at(5).isoformat()}])
        of.silent(at(6 if is_empty else 5))
        assert of.nobody_left is is_empty
    assert not Watch(INTERVAL, RULE).nobody_left


def test_while_the_feed_is_stopped_nobody_becomes_silent_and_then_counts_from_its_return() -> None:
    of = watch(**{f"p-{number}": 0 for number in range(1000)})
    of.hold(True, None)
    assert of.silent(at(40)) == []
    of.hold(False, at(50))
    assert of.silent(at(80) - LEAST) == []
    found = of.silent(at(80) + CHECKED)
    assert len(found) == 1000
    assert found[0] == Silence("p-0", START, at(80))


def test_who_was_silent_before_the_feed_stopped_stays_so() -> None:
    of = watch(anna=0)
    tell(of, at(30))
    of.hold(True, None)
    of.hold(False, at(50))
    assert of.back(at(51)) == []
    assert of.silent(at(200)) == []


def test_a_reading_after_the_return_of_the_feed_counts_by_itself() -> None:
    of = watch(anna=0)
    of.hold(False, at(50))
    of.see(["anna"], [at(55)])
    assert silent(of, at(85) - LEAST) == []
    assert silent(of, at(85) + CHECKED) == ["anna"]


def test_open_alerts_are_taken_over_at_a_start() -> None:
    of = watch(anna=0, bert=40)
    of.known_silent({"anna": at(0), "bert": at(5), "carl": at(-9000)})
    assert of.back(at(60)) == [Back("bert", at(40), "")]
    assert of.silent(at(60)) == []


def test_the_loading_begins_where_all_was_done_and_a_limit_and_a_minute_before() -> None:
    of = watch()
    assert load_since(of, None, START) == START - timedelta(hours=72)
    assert load_since(of, at(-500), START) == at(-531)
    assert load_since(of, at(5), START) == at(-31)


# Readings as they are stored


def store(*documents: dict[str, Any]) -> FakeSearch:
    search = FakeSearch()
    search.put(OBSERVATIONS, *documents)
    return search


def stored(patient_id: str, minute: float, **more: Any) -> dict[str, Any]:
    return reading(patient_id, at(minute), 130, 80) | more


def test_stored_readings_are_followed() -> None:
    of = watch()
    follow(store(), of, [stored("anna", 3), stored("bert", 4), stored("anna", 2)], at(5))
    assert (of.newest("anna"), of.newest("bert"), of.newest("carl")) == (at(3), at(4), None)


def test_a_heart_rate_alone_is_no_sign_of_the_pressure() -> None:
    of = watch()
    follow(store(), of, [stored("anna", 3) | {"systolic": None, "diastolic": None}], at(5))
    assert of.newest("anna") is None


RETRACTED = {"status": "entered-in-error"}


def test_after_the_retraction_of_the_newest_reading_what_stands_is_looked_up() -> None:
    of = watch(anna=20, bert=20)
    search = store(stored("anna", 0), stored("anna", 20, **RETRACTED), stored("bert", 20, **RETRACTED))
    follow(search, of, [stored("anna", 20, **RETRACTED), stored("bert", 20, **RETRACTED)], at(21))
    assert of.newest("anna") == at(0)
    assert of.newest("bert") is None


def test_the_retraction_of_an_older_reading_asks_for_nothing() -> None:
    of, search = watch(anna=20), store()
    follow(search, of, [stored("anna", 3, **RETRACTED), stored("zoe", 3, **RETRACTED)], at(21))
    assert of.newest("anna") == at(20)
    assert search.asked == []


def test_only_who_is_silent_by_the_store_too_is_alerted() -> None:
    of = watch(anna=0, erased=0, retracted=10, unseen=0)
    search = store(stored("anna", 0), stored("retracted", 5), stored("unseen", 0), stored("unseen", 39))
    found = of.silent(at(40))
    assert [silence.patient_id for silence in verified(search, of, found, at(40))] == ["anna"]
    assert of.newest("erased") is None
    assert of.silent(at(45)) == [Silence("anna", START, at(30)), Silence("retracted", at(5), at(35))]


def test_without_anybody_silent_the_store_is_not_asked() -> None:
    search = store()
    assert verified(search, watch(), [], START) == []
    assert search.asked == []


# Alerts

TERMS = load_rules().terms(AlertKind.SILENCE)


def test_the_alert_says_when_the_last_reading_was_and_has_the_same_id_each_time() -> None:
    raised = episode(Silence("anna", START, at(30)))
    document = to_document("anna", raised, TERMS)
    assert document["alert_id"] == alert_id("anna", AlertKind.SILENCE, at(30))
    assert (document["level"], document["rank"], document["state"]) == ("STALE", 1, "raised")
    assert datetime.fromisoformat(document["worst"]["at"]) == START
    assert "due_at" not in document
    assert to_episode(document) == raised


def test_it_is_answered_as_any_alert_and_reminds() -> None:
    raised = episode(Silence("anna", START, at(30)))
    (answered,) = fold(AlertKind.SILENCE, [], [Answer(at(31), at(61), "anne")], TERMS, raised)
    assert (answered.state, answered.is_open) == (State.ACKNOWLEDGED, True)
    assert datetime.fromisoformat(to_document("anna", answered, TERMS)["due_at"]) == at(61)


@pytest.mark.parametrize(("why", "state"), [("", State.RESOLVED), (Withdrawal.ENDED, State.WITHDRAWN)])
def test_it_ends_whether_it_was_answered_or_not(why: str, state: State) -> None:
    done = ended(episode(Silence("anna", START, at(30))), at(47), why)
    assert (done.state, done.why, done.changed_at, done.rank, done.peak) == (state, why, at(47), 0, 1)
    assert to_episode(to_document("anna", done, TERMS)) == done


def test_it_never_ends_before_it_began() -> None:
    assert ended(episode(Silence("anna", START, at(30))), at(10)).changed_at == at(30)


# What holds for any history, and what it costs

PATIENTS = ("anna", "bert", "carl")
STEPS = st.lists(
    st.tuples(st.sampled_from(["see", "rule", "end", "tell", "stop"]), st.sampled_from(PATIENTS), st.integers(-90, 0)),
    max_size=40,
)


@given(STEPS)
def test_open_alerts_are_those_of_a_plain_count(
    steps: list[tuple[str, str, int]],
) -> None:
    of, now, is_open = Watch(INTERVAL, RULE), START, dict[str, datetime]()
    newest, limits, ends = dict[str, datetime](), dict[str, timedelta](), dict[str, datetime]()
    returned_at: datetime | None = None
    for step, patient_id, back in steps:
        now += timedelta(minutes=7)
        then = now + timedelta(minutes=back)
        if step == "see":
            of.see([patient_id], [then])
            newest[patient_id] = max(then, newest.get(patient_id, then))
        elif step == "stop":
            returned_at = now
        elif step in ("rule", "end"):
            if step == "rule":
                limits[patient_id] = timedelta(minutes=-back)
            else:
                ends[patient_id] = then
            end = ends.get(patient_id)
            own = limits.get(patient_id, timedelta(0)).total_seconds() / 60
            document = {"patient_id": patient_id, "silence_minutes": own}
            of.rules([document | ({"surveillance_ended_at": end.isoformat()} if end else {})])
        of.hold(False, returned_at)
        gone = [back.patient_id for back in of.back(now)]
        of.known_back(gone)
        found = tell(of, now)
        is_open = {id_: since for id_, since in is_open.items() if id_ not in gone}
        assert not is_open.keys() & {silence.patient_id for silence in found}
        is_open |= {silence.patient_id: silence.newest_at for silence in found}
        for id_, last in newest.items():
            limit = max(2 * INTERVAL, limits.get(id_, timedelta(0)))
            is_watched = id_ not in ends or last > ends[id_]
            since = last if id_ in is_open else max(last, returned_at or last)
            assert (id_ in is_open) == (is_watched and now - since >= limit), (id_, steps)
            assert is_open.get(id_, last) == last


def test_a_million_patients_cost_less_than_a_hundredth_of_a_core(capsys: pytest.CaptureFixture[str]) -> None:
    patients, ticks, a_tick = 1_000_000, 60, timedelta(seconds=0.5)
    of, ids = Watch(INTERVAL, RULE), [f"patient-{number:07d}" for number in range(patients)]
    for start in range(0, patients, 10_000):
        of.see(ids[start : start + 10_000], [START] * 10_000)
    took, now = [], START
    for tick in range(ticks):
        now += a_tick
        seen = ids[tick * 555 : (tick + 1) * 555]
        began = time.thread_time()
        of.see(seen, [now] * len(seen))
        assert not of.back(now)
        assert not of.silent(now)
        took.append(time.thread_time() - began)
    memory = sys.getsizeof(of._places) + sys.getsizeof(of._ids) + of._map.nbytes
    memory += sum(map(sys.getsizeof, ids)) + 32 * patients  # the ids, and the numbers of their places
    share = sum(took) / (ticks * a_tick.total_seconds())
    with capsys.disabled():
        print(f"\n1,000,000 patients: {memory / 1e6:.0f} MB, {share:.2%} of a core, a look {max(took) * 1000:.1f} ms")
    assert memory < 250e6
    assert share < 0.01
