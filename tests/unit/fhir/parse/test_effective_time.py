"""Only a full time with a zone counts; ages are told from the record time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.times import DAY_US
from fhir.parse.effective_time import (
    END_US,
    FIRST_US,
    Instant,
    flags_of_time,
    is_in_calendar,
    is_long_period,
    parse_instant,
    read_instant,
)
from fhir.readings import IntakeRules
from fhir.reasons import Reason, Refused
from tests.unit.fhir.parse.reading_tables import EPOCH, microseconds

NOW_US = microseconds("2026-03-02T00:00:00Z")
zones = st.integers(-13 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=zones))  # noqa: DTZ001
def test_every_written_time_is_read_as_python_reads_it(moment: datetime) -> None:
    instant = parse_instant(moment.isoformat())

    assert instant.us == (moment - EPOCH) // timedelta(microseconds=1)
    assert timedelta(minutes=instant.utc_offset_minutes) == moment.utcoffset()


@pytest.mark.parametrize(("fraction", "us"), [(".5", 500_000), (".05", 50_000), (".1234567", 123_456)])
def test_a_fraction_of_any_length_is_cut_to_microseconds(fraction: str, us: int) -> None:
    assert parse_instant(f"1970-01-01T00:00:00{fraction}Z").us == us


def test_a_period_may_be_one_instant() -> None:
    moment = "2026-03-01T07:15:00Z"

    assert read_instant({"effectivePeriod": {"start": moment, "end": moment}})[0].us == microseconds(moment)


@given(st.text("0123456789-:.TZ+", max_size=30))
def test_what_python_cannot_read_is_refused_with_a_time_reason(text: str) -> None:
    reason = refusal_of_text(text)

    if reason is None:
        assert datetime.fromisoformat(text.replace(":60", ":59")).tzinfo is not None
    else:
        assert reason in {Reason.TIME_UNPARSEABLE, Reason.TIME_NO_ZONE, Reason.TIME_TOO_COARSE}


def test_the_first_and_last_instants_do_not_overflow() -> None:
    first, last = parse_instant("0001-01-01T00:00:00+14:00"), parse_instant("9999-12-31T23:59:59-13:59")

    assert first.us < microseconds("0001-01-01T00:00:00Z")
    assert last.us > microseconds("9999-12-31T23:59:59Z")


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2026-13", "0000", "2026-03-01T08:15:00Z\n", "٢٠٢٦-03-01T08:15:00Z", "2026-03-01t08:15:00z"],
)
def test_an_impossible_date_is_not_merely_coarse_and_only_the_exact_form_is_a_time(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_instant(text)
    assert refused.value.reason is Reason.TIME_UNPARSEABLE


def test_fifteen_minutes_are_one_measurement_and_a_second_more_is_not() -> None:
    start = "2026-03-01T07:00:00Z"

    assert not is_long_period({"start": start, "end": "2026-03-01T07:15:00Z"})
    assert is_long_period({"start": start, "end": "2026-03-01T07:15:01Z"})


def test_the_end_of_a_period_and_its_offset_count() -> None:
    period = {"start": "2026-03-01T07:00:00Z", "end": "2026-03-01T08:15:00+01:00"}

    instant, flags = read_instant({"effectivePeriod": period})

    assert instant == Instant(microseconds("2026-03-01T07:15:00Z"), 60)
    assert flags == ("period_end_used",)


@pytest.mark.parametrize(
    ("offset_us", "reason"),
    [
        (DAY_US, None),
        (DAY_US + 1, Reason.TIME_IN_FUTURE),
        (-400 * DAY_US, None),
        (-400 * DAY_US - 1, Reason.TIME_TOO_OLD),
    ],
)
def test_ages_are_refused_just_beyond_their_bounds(offset_us: int, reason: Reason | None) -> None:
    assert refusal_of_age(NOW_US + offset_us, IntakeRules(max_age_days=400)) is reason


@pytest.mark.parametrize(
    ("ahead_us", "flags"),
    [
        pytest.param(-DAY_US, (), id="a day ago"),
        pytest.param(5_000_000, (), id="five seconds ahead"),
        pytest.param(60_000_000, (), id="a minute ahead"),
        pytest.param(60_000_001, ("clock_ahead",), id="just beyond a minute"),
        pytest.param(DAY_US, ("clock_ahead",), id="a day ahead"),
    ],
)
def test_a_reading_of_a_clock_that_runs_ahead_by_more_than_a_minute_is_flagged(
    ahead_us: int, flags: tuple[str, ...]
) -> None:
    assert flags_of_time(NOW_US, NOW_US + ahead_us, IntakeRules()) == flags


def test_no_reading_lies_behind_the_calendar_even_where_its_record_is_the_last_of_it() -> None:
    end_of_2099_us = microseconds("2099-12-31T23:30:00Z")

    assert refusal_of_age(END_US - 1, IntakeRules(), record_time_us=end_of_2099_us) is None
    assert refusal_of_age(END_US, IntakeRules(), record_time_us=end_of_2099_us) is Reason.TIME_IN_FUTURE


def test_without_a_maximum_age_only_what_is_before_the_calendar_is_too_old() -> None:
    no_limit = IntakeRules(max_age_days=0)

    assert refusal_of_age(microseconds("1971-01-01T00:00:00Z"), no_limit) is None
    assert refusal_of_age(microseconds("1970-12-31T23:59:59.999999Z"), no_limit) is Reason.TIME_TOO_OLD
    assert refusal_of_age(microseconds("0001-01-01T00:00:00Z"), no_limit) is Reason.TIME_TOO_OLD


@pytest.mark.parametrize(
    "record_time_ms",
    [
        pytest.param(-1, id="no timestamp"),
        pytest.param(0, id="the epoch"),
        pytest.param(1_795_946_400, id="seconds"),
        pytest.param(1_795_946_400_000_000, id="microseconds"),
        pytest.param(2**53, id="the largest whole double"),
        pytest.param(4_294_967_295_000, id="an unset clock of 32 bits"),
    ],
)
@pytest.mark.parametrize("effective", ["2026-11-29T08:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"])
def test_a_record_time_outside_the_calendar_is_named_as_the_cause(record_time_ms: int, effective: str) -> None:
    reason = refusal_of_age(microseconds_of(effective), IntakeRules(), record_time_us=record_time_ms * 1000)

    assert reason is Reason.RECORD_TIME_OUT_OF_RANGE


def test_the_calendar_is_that_of_1971_to_2099() -> None:
    assert (microseconds("1971-01-01T00:00:00Z"), microseconds("2100-01-01T00:00:00Z")) == (FIRST_US, END_US)
    assert [is_in_calendar(us) for us in (FIRST_US - 1, FIRST_US, END_US - 1, END_US)] == [False, True, True, False]


def microseconds_of(text: str) -> int:
    """Return what `microseconds` does, for times that Python cannot turn to UTC as well."""
    return parse_instant(text).us


def refusal_of_age(effective_us: int, rules: IntakeRules, record_time_us: int = NOW_US) -> Reason | None:
    try:
        flags_of_time(record_time_us, effective_us, rules)
    except Refused as refused:
        return refused.reason
    return None


def refusal_of_text(text: str) -> Reason | None:
    try:
        parse_instant(text)
    except Refused as refused:
        return refused.reason
    return None
