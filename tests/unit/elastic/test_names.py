"""Names and ids of the documents."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from elastic.names import (
    MAX_ID_BYTES,
    alert_event_id,
    fit_id,
    instant_id,
    monthly_index,
    months_between,
    rejected_id,
)


def us(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1_000_000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("effective_us", "index"),
    [
        (us(2026, 3, 31, 23, 59, 59), "f-2026.03"),
        (us(2026, 4, 1) - 1, "f-2026.03"),
        (us(2026, 4, 1), "f-2026.04"),
        (us(2025, 12, 31, 23, 59), "f-2025.12"),
        (us(2024, 2, 29), "f-2024.02"),
        (0, "f-1970.01"),
        (-1, "f-1969.12"),
    ],
)
def test_month_of_an_index_is_the_month_of_the_event_in_utc(effective_us: int, index: str) -> None:
    assert monthly_index("f", effective_us) == index


@pytest.mark.parametrize(
    ("start", "end", "indices"),
    [
        (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), "f-2026.03"),
        (datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), "f-2025.12,f-2026.01,f-2026.02"),
        (
            datetime(2026, 4, 1, 1, tzinfo=ZoneInfo("Europe/Paris")),
            datetime(2026, 4, 2, tzinfo=UTC),
            "f-2026.03,f-2026.04",
        ),
    ],
)
def test_months_of_a_span_are_named_in_utc(start: datetime, end: datetime, indices: str) -> None:
    assert months_between("f", start, end) == indices


def test_id_of_an_instant_is_readable_as_long_as_it_fits() -> None:
    assert instant_id("p-1", 1_790_000_000_123_456) == "p-1|1790000000123456"


@pytest.mark.parametrize(
    ("text", "kept"), [("x" * 512, True), ("x" * 513, False), ("é" * 256, True), ("é" * 257, False)]
)
def test_ids_are_measured_in_bytes_and_hashed_beyond_the_limit(text: str, kept: bool) -> None:
    fitted = fit_id(text)
    assert (fitted == text) == kept
    assert 1 <= len(fitted.encode()) <= MAX_ID_BYTES


def test_long_patients_keep_separate_documents() -> None:
    long = "p" * 600
    assert len({instant_id(long, 1), instant_id(long, 2), instant_id(long + "x", 1), instant_id("p", 1)}) == 4


def test_events_of_an_alert_are_numbered() -> None:
    assert alert_event_id("measured-17-p-1", 2) == "measured-17-p-1-2"


def test_rejected_entries_are_named_by_their_place_in_the_topic() -> None:
    assert rejected_id("topic", 3, 17, None) == "topic-3-17"
    assert rejected_id("topic", 3, 17, 0) == "topic-3-17-0"
