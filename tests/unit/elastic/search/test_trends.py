"""The trends of many patients at once, from their stored readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assessment.trend import trend
from elastic.names import OBSERVATIONS
from elastic.search import trends as module
from elastic.search.trends import trends
from fhir.readings import RETRACTED_STATUS
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient, reading

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)


def ward(size: int) -> FakeSearch:
    search = FakeSearch()
    for number in range(size):
        search.put_history(Patient(f"P-{number}", 140, 0.1, rise=number - 2, readings=20), NOON)
    return search


def test_the_trends_of_a_whole_board_are_one_search_and_those_of_the_readings() -> None:
    search = ward(6)
    readings = [
        (datetime.fromisoformat(document["@timestamp"]), document["systolic"])
        for document in search.documents[OBSERVATIONS]
        if document["patient_id"] == "P-5"
    ]

    found = trends(search, [f"P-{number}" for number in range(6)], NOON, INTERVAL)

    assert len(search.asked) == 1
    assert found["P-5"] == pytest.approx(trend(readings, NOON, INTERVAL))
    assert {type(slope) for slope in found.values()} == {float}


def test_a_patient_has_the_same_trend_alone_and_among_others() -> None:
    search = ward(3)

    assert (
        trends(search, ["P-1"], NOON, INTERVAL)["P-1"] == trends(search, ["P-0", "P-1", "P-2"], NOON, INTERVAL)["P-1"]
    )


def test_neither_a_retracted_reading_nor_one_of_the_future_bends_a_trend() -> None:
    search = ward(1)
    before = trends(search, ["P-0"], NOON, INTERVAL)
    retracted = reading("P-0", NOON - timedelta(minutes=1), 222, 136) | {"status": RETRACTED_STATUS}
    search.put(OBSERVATIONS, retracted, reading("P-0", NOON + timedelta(minutes=4), 90, 60))

    assert trends(search, ["P-0"], NOON, INTERVAL) == before


def test_who_is_silent_or_unknown_has_no_trend() -> None:
    search = FakeSearch()
    search.put_history(Patient("P-7", 140, 0.1, rise=8, silent=timedelta(minutes=40)), NOON)

    assert trends(search, ["P-7", "P-8"], NOON, INTERVAL) == {"P-7": None, "P-8": None}
    assert trends(search, [], NOON, INTERVAL) == {}


def test_more_readings_than_one_answer_holds_take_more_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    search = ward(4)
    ids = [f"P-{number}" for number in range(4)]
    whole = trends(search, ids, NOON, INTERVAL)
    monkeypatch.setattr(module, "MOST_DOCUMENTS", 12)

    assert trends(search, ids, NOON, INTERVAL) == whole
