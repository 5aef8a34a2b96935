"""The FHIR date parameter: prefixes, precisions, spans."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from webapp.api.fhir.dates import Span, parse_dates


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2026-03", at(2026, 3, 1), at(2026, 4, 1)),
        ("2026-02-28", at(2026, 2, 28), at(2026, 3, 1)),
        ("2026-03-01T08:15Z", at(2026, 3, 1, 8, 15), at(2026, 3, 1, 8, 16)),
        ("2026-03-01T08:15:07+01:00", at(2026, 3, 1, 7, 15, 7), at(2026, 3, 1, 7, 15, 8)),
        ("2026-03-01T08:15:07.250", at(2026, 3, 1, 8, 15, 7, 250_000), at(2026, 3, 1, 8, 15, 7, 251_000)),
    ],
)
def test_a_date_stands_for_its_whole_length(text: str, first: datetime, after: datetime) -> None:
    assert parse_dates([text]) == Span(first, after)
    assert parse_dates([f"ge{text}"]) == Span(first, None)
    assert parse_dates([f"gt{text}"]) == Span(after, None)
    assert parse_dates([f"le{text}"]) == Span(None, after)
    assert parse_dates([f"lt{text}"]) == Span(None, first)


def test_two_dates_make_a_span() -> None:
    span = parse_dates(["ge2026-03-01", "lt2026-03-02"])
    assert span == Span(at(2026, 3, 1), at(2026, 3, 2))


def test_no_date_is_an_open_span() -> None:
    assert parse_dates([]) == Span(None, None)


@pytest.mark.parametrize(
    "text", ["", "ne2026", "26", "2026-13", "2026-02-30", "2026-3-1", "2026-03-01T25:00", "ge", "now", "2026-03-01\n"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|day|month|range"):
        parse_dates([text])


def test_three_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 2"):
        parse_dates(["ge2026", "le2026", "eq2026"])
