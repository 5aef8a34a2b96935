"""Each member of each class of tests/data/classes, as the parser reads it.

What then stands in documents and windows is told by `tests.unit.jobs.streaming.test_classes`.
"""

from __future__ import annotations

import pytest

from tests.support.classes import Case, cases, messages
from tests.unit.fhir.parse.reading_tables import iso, values_row

CASES = [pytest.param(case, id=f"{name}: {case['what']}") for name, case in cases()]


@pytest.mark.parametrize("case", CASES)
def test_member_is_read_refused_or_ignored_as_written(case: Case) -> None:
    parsed = [message.parsed for message in messages(case)]

    assert [values_row(reading) for told in parsed for reading in told.readings] == case["read"]
    refused = [str(reject.reason) for told in parsed for reject in told.rejects]
    assert case["refused"] in ("any", refused), refused
    ignored = sum(told.ignored for told in parsed)
    assert case.get("ignored", 0) in ("any", ignored), ignored
    assert refused or ignored or case["read"]


@pytest.mark.parametrize("case", CASES)
def test_refusal_says_what_sounds_like_a_crisis_and_of_whom(case: Case) -> None:
    rejects = [reject for message in messages(case) for reject in message.parsed.rejects]
    crises = [reject for reject in rejects if reject.attention is not None]

    told = [[reject.patient_id, iso(reject.effective_us), reject.attention] for reject in crises]
    assert told == case.get("attention", [])


def test_every_class_has_its_case_and_three_further_members() -> None:
    names = [name for name, _ in cases()]

    assert len(set(names)) >= 21
    assert {name for name in names if names.count(name) < 4} == set()
