"""Each member of each class of tests/data/classes, as it then stands in the documents and in the windows."""

from __future__ import annotations

from typing import Any

import pytest

from conf.times import MINUTE_US
from fhir.readings import IntakeRules
from jobs.streaming.source import TopicPlace
from jobs.streaming.window_state import STATE_LENGTH
from tests.support.classes import RECORD_TIME_US, Case, cases, messages
from tests.support.factories import observation, payload
from tests.support.surveillance import Row, Surveillance, parse

CASES = [pytest.param(case, id=f"{name}: {case['what']}") for name, case in cases()]
TOLD = [pytest.param(case, id=f"{name}: {case['what']}") for name, case in cases() if case.get("standing") != "any"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Surveillance:
    return Surveillance(tmp_path_factory.mktemp("data"))


def expected(case: Case) -> list[Any]:
    """Return what stands at last: what was read, unless it is told otherwise."""
    rows = case["standing"] if "standing" in case else case["read"]
    return sorted((patient, at.replace("+00:00", ".000Z"), *values) for patient, at, *values in rows)


def rounded(row: Row) -> tuple[Any, ...]:
    """Return a row of a window, which knows pressures as 32-bit numbers, in tenths."""
    return (*row[:2], *(None if value is None else round(value, 1) for value in row[2:]))


@pytest.mark.parametrize("together", [True, False], ids=["one micro-batch", "each its own"])
@pytest.mark.parametrize("case", TOLD)
def test_what_stands_in_documents_and_windows(world: Surveillance, case: Case, together: bool) -> None:
    world.forget()
    arrived = messages(case)
    for batch in [arrived] if together else [[message] for message in arrived]:
        world.store(batch)
        world.keep(batch)

    assert world.standing() == expected(case)
    assert list(map(rounded, world.in_windows())) == [row for row in expected(case) if row[2] is not None]


@pytest.mark.parametrize("case", CASES)
def test_it_makes_no_index_of_other_years(world: Surveillance, case: Case) -> None:
    world.forget()
    world.store(messages(case))

    assert {name for name in world.fake.index_names() if name.endswith(tuple("0123456789"))} <= {
        f"blood-pressure-observations-2026.{month}" for month in ("02", "03")
    }


def test_sixty_retractions_of_no_possible_time_leave_room_for_the_next_reading(world: Surveillance) -> None:
    """They wait at the oldest place: what is measured, earlier or later, goes before them."""
    world.forget()
    sentinels = [case for name, case in cases() if name.startswith("f01") and case["what"].startswith("a retraction")]
    retractions = [message for case in sentinels for message in messages(case)[-1:]] * 12
    world.keep([sent._replace(place=sent.place._replace(offset=number)) for number, sent in enumerate(retractions)])
    later = observation(id="later", effectiveDateTime="2026-03-02T00:10:00Z", subject={"reference": "Patient/anna"})
    place = TopicPlace(0, 1000, RECORD_TIME_US + 15 * MINUTE_US)
    world.keep([parse(payload(later), place, IntakeRules())])

    assert len(retractions) > STATE_LENGTH
    assert [row[2:4] for row in world.in_windows()] == [(128, 82)]
