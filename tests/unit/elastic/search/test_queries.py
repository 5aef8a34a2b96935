"""Parts of searches."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elastic.search.queries import all_of, between, contains, term, term_if


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


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("00038", "*00038*"), ("*", "*\\**"), ("a?b", "*a\\?b*"), ("\\", "*\\\\*"), ("urn:oid:1|2", "*urn:oid:1|2*")],
)
def test_what_an_id_shall_contain_is_text_and_no_pattern(text: str, pattern: str) -> None:
    assert contains("patient_id", text) == {"wildcard": {"patient_id": {"value": pattern, "case_insensitive": True}}}
