"""Instants are written one way, and the fast way writes what the plain one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from conf.times import from_us, iso, iso_us, to_us

INSTANTS_US = st.integers(to_us(datetime(1, 1, 1, tzinfo=UTC)), to_us(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)))


def test_an_instant_is_written_in_utc_to_the_millisecond() -> None:
    paris = timezone(timedelta(hours=2))
    assert iso(datetime(2026, 7, 1, 14, 30, 5, 123_999, paris)) == "2026-07-01T12:30:05.123Z"
    assert iso(datetime(2026, 7, 1, 14, 30, 5, tzinfo=paris), "seconds") == "2026-07-01T12:30:05Z"


@given(INSTANTS_US)
def test_the_fast_way_writes_what_the_plain_one_does(instant_us: int) -> None:
    assert iso_us(instant_us) == iso(from_us(instant_us))


@given(INSTANTS_US)
def test_microseconds_and_datetimes_are_the_same_instants(instant_us: int) -> None:
    assert to_us(from_us(instant_us)) == instant_us
