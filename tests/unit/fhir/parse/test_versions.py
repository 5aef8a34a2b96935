"""Versions compare as numbers, or as times, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.versions import version_id, version_number
from fhir.readings import FIRST_DATED_VERSION
from tests.unit.fhir.parse.reading_tables import microseconds

UPDATED = "2026-03-01T09:00:00.250+01:00"
UPDATED_US = microseconds(UPDATED)


def number(**meta: Any) -> int:
    return version_number({"meta": meta})


@pytest.mark.parametrize(("text", "version"), [("0", 1), ("1", 2), ("10", 11), ("007", 8)])
def test_a_decimal_version_is_its_number_whatever_the_time_of_update(text: str, version: int) -> None:
    assert number(versionId=text) == number(versionId=text, lastUpdated=UPDATED) == version


@pytest.mark.parametrize("text", [None, "", "a1", "-1", "1.5", " 1", "٣", "1" * 300, str(FIRST_DATED_VERSION), 3, []])
def test_a_version_without_an_order_leaves_it_to_the_time_of_update(text: Any) -> None:
    assert number(versionId=text) == 0
    assert number(versionId=text, lastUpdated=UPDATED) == UPDATED_US


def test_every_number_is_below_every_time() -> None:
    assert number(versionId=str(FIRST_DATED_VERSION - 2)) == FIRST_DATED_VERSION - 1
    assert number(lastUpdated="1971-01-01T00:00:00Z") > FIRST_DATED_VERSION


@pytest.mark.parametrize(
    "text", [None, 5, {}, "", "2026-03-01", "2026-03-01T09:00:00", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_a_time_of_update_that_is_none_gives_nothing_to_compare_by(text: Any) -> None:
    assert number(lastUpdated=text) == 0


@pytest.mark.parametrize("meta", [None, "1", [], {}])
def test_a_resource_that_tells_no_version_has_none(meta: Any) -> None:
    assert version_number({"meta": meta}) == version_number({}) == 0
    assert version_id({"meta": meta}) is None
