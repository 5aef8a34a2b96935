"""Parts of searches."""

from __future__ import annotations

from datetime import UTC, datetime

from elastic.search.queries import all_of, between, term, term_if


def test_a_range_names_only_the_ends_that_are_known() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert between("@timestamp", noon) == {"range": {"@timestamp": {"gte": "2026-03-01T12:00:00+00:00"}}}
    assert between("risk", end=0.5) == {"range": {"risk": {"lt": 0.5}}}
    assert between("@timestamp") is None


def test_what_is_not_asked_is_no_filter() -> None:
    asked = all_of(term_if("level", None), term("kind", "drift"), between("risk"), without=[None, term("status", "x")])
    assert asked == {
        "bool": {"filter": [{"term": {"kind": {"value": "drift"}}}], "must_not": [{"term": {"status": {"value": "x"}}}]}
    }
