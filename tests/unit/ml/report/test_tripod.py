from __future__ import annotations

from typing import Any

import pytest

from ml.report.tripod import answers

ITEMS = [*("5a", "5b", "6a", "6b", "6c", "7", "8a", "8b", "8c", "10", "11", "13", "14", "15")]
ITEMS += [*(f"18{letter}" for letter in "abcdef"), "19", "26"]


def part(rows: int, first: str, last: str) -> dict[str, Any]:
    return {"rows": rows, "patients": rows // 10, "events": {"6h": rows // 20}, "from": first, "to": last}


CARD = {
    "rows": {"train": part(4000, "2026-01-02", "2026-01-05"), "test": part(1000, "2026-01-01", "2026-01-04")},
    "made": {"code": "0.1.0, commit abc"},
}


def told(*, simulated: bool) -> dict[str, str]:
    return {answer["item"]: answer["answer"] for answer in answers(CARD, simulated=simulated)}


@pytest.mark.parametrize("simulated", [True, False])
def test_every_item_is_answered_in_its_order(simulated: bool) -> None:
    found = told(simulated=simulated)
    assert list(found) == ITEMS
    assert all(found.values())


def test_what_a_simulator_made_is_not_taken_for_people_nor_people_for_simulated() -> None:
    assert "represents no population" in told(simulated=True)["5a"]
    assert "no clinical" not in " ".join(told(simulated=False).values())
    assert not any("simulat" in answer.lower() for answer in told(simulated=False).values())


def test_what_records_do_not_tell_is_open() -> None:
    found = told(simulated=False)
    assert [item for item, answer in found.items() if "Open:" in answer] == ["6a", "6c", "14", "18e", "19"]


def test_dates_counts_levels_and_code_are_those_of_the_card() -> None:
    found = told(simulated=False)
    assert "from 2026-01-01 to 2026-01-05" in found["5b"]
    assert "Train: 4,000 windows of 400 patients, 200 followed by a crisis within 6 h; test: 1,000" in found["10"]
    assert "HIGH from 40 %" in found["15"]
    assert "commit abc" in found["18f"]
