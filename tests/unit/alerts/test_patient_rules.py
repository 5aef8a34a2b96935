"""What is set for one patient: it adds alerts or lengthens a silence, and surveillance comes back with a reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.answering import Person
from alerts.findings import LIMITS
from alerts.patient_rules import (
    PatientRules,
    end_surveillance,
    faults,
    read_patient_rules,
    resume_surveillance,
    set_limits,
    to_document,
)
from alerts.rules import load_rules
from elastic.names import ALERT_EVENTS, PATIENT_RULES
from elastic.search import patient_rules
from tests.support.fake_search import FakeSearch

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
ANNE = Person("anne", "clinician")
RULES = load_rules()
PRESSURES = st.none() | st.floats(0, 400)


def wrong(**changes: Any) -> dict[str, tuple[str, float]]:
    return faults(PatientRules(patient_id="p-1", **changes), RULES, INTERVAL)


def stored(search: FakeSearch) -> PatientRules:
    return read_patient_rules(patient_rules.of_patient(search, "p-1"), "p-1")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"systolic_from": 180}, ("systolic_from", ("crisis", 180))),
        ({"diastolic_from": 140}, ("diastolic_from", ("crisis", 120))),
        ({"systolic_below": 12}, ("systolic_below", ("lowest", 30))),
        ({"systolic_from": 130, "systolic_below": 125}, ("systolic_below", ("apart", 10))),
        ({"diastolic_from": 90, "diastolic_below": 95}, ("diastolic_below", ("apart", 10))),
        ({"silence_minutes": 20}, ("silence_minutes", ("usual", 30))),
        ({"silence_minutes": 24 * 60 + 1}, ("silence_minutes", ("longest", 1440))),
    ],
)
def test_what_would_hide_something_or_alert_always_is_refused(
    changes: dict[str, float], fault: tuple[str, tuple[str, float]]
) -> None:
    assert wrong(**changes) == dict([fault])


def test_usual_limits_are_taken() -> None:
    limits = {"systolic_from": 160, "diastolic_from": 100, "systolic_below": 90, "diastolic_below": 50}
    assert wrong(**limits, silence_minutes=240) == wrong() == {}


@given(st.tuples(PRESSURES, PRESSURES, PRESSURES, PRESSURES, st.none() | st.floats(0, 1e6)))
def test_whatever_is_taken_hides_no_crisis_and_no_silence_for_ever(values: tuple[float | None, ...]) -> None:
    changes = dict(zip((*LIMITS, "silence_minutes"), values, strict=True))
    if not wrong(**changes):
        assert all(value is None or value < 180 for value in values[:4])
        assert changes["silence_minutes"] is None or 30 <= changes["silence_minutes"] <= 1440


def test_what_is_set_is_stored_with_who_and_why_and_noted_in_the_journal() -> None:
    search = FakeSearch()
    set_limits(search, PatientRules(patient_id="p-1", systolic_from=160), ANNE, NOW, "after a stroke")
    kept = stored(search)
    (event,) = search.documents[ALERT_EVENTS]
    assert (kept.systolic_from, kept.by, kept.changed_at, kept.why) == (160, "anne", NOW, "after a stroke")
    assert (event["event"], event["limits"], event["note"]) == ("limits", {"systolic_from": 160}, "after a stroke")
    assert len(search.documents[PATIENT_RULES]) == 1


def test_limits_hold_since_they_were_changed_whatever_else_is_set_later() -> None:
    search = FakeSearch()
    set_limits(search, PatientRules(patient_id="p-1", systolic_from=160), ANNE, NOW, "")
    later = NOW + timedelta(hours=1)
    set_limits(search, PatientRules(patient_id="p-1", systolic_from=160, silence_minutes=60), ANNE, later, "")
    end_surveillance(search, "p-1", ANNE, later, "discharged")
    assert (stored(search).limits_at, stored(search).changed_at) == (NOW, later)
    set_limits(search, PatientRules(patient_id="p-1", systolic_from=150), ANNE, later, "")
    assert stored(search).limits_at == later


def test_surveillance_that_was_ended_comes_back_with_a_later_reading_or_by_hand() -> None:
    search = FakeSearch()
    end_surveillance(search, "p-1", ANNE, NOW, "discharged")
    ended = stored(search)
    assert ended.is_ended(None)
    assert ended.is_ended(NOW - timedelta(hours=3))
    assert not ended.is_ended(NOW + timedelta(seconds=1))
    resume_surveillance(search, "p-1", ANNE, NOW)
    assert not stored(search).is_ended(None)
    assert [event["event"] for event in search.documents[ALERT_EVENTS]] == [
        "surveillance_ended",
        "surveillance_resumed",
    ]


@given(st.floats(30, 179), st.none() | st.just(NOW))
def test_rules_come_back_from_their_document_as_they_were(systolic: float, ended_at: datetime | None) -> None:
    rules = PatientRules(patient_id="p-1", systolic_from=systolic, surveillance_ended_at=ended_at, by="anne", why="x")
    assert read_patient_rules(to_document(rules), "p-1") == rules
