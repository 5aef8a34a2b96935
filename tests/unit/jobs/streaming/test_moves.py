"""What becomes of where patients lie, in whatever order and however often Encounters and Locations come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elastic.client import Search
from elastic.names import STAYS, WARDS
from elastic.search import wards
from fhir.readings import Location, Move, Place
from jobs.streaming.moves import store_moves
from tests.support.fake_elasticsearch import FakeElasticsearch

NOON_US = 1_773_144_000_000_000
SECOND_US = 1_000_000
NO_CLIENT = cast(Elasticsearch, None)


class Memory:
    """What is stored of stays, Locations and lists of wards."""

    def __init__(self) -> None:
        self.stays: dict[str, dict[str, Any]] = {}
        self.locations: dict[str, Location] = {}
        self.lists: dict[str, list[str]] = {}
        self.fails_at = ""

    def keep(self, _: Search, stays: Iterable[Mapping[str, Any]]) -> None:
        self.stays |= {stay["patient_id"]: dict(stay) for stay in stays}

    def keep_locations(self, _: Search, locations: Iterable[Location]) -> None:
        self.locations |= {location.location_id: location for location in locations}

    def publish(self, _: Search, stays: Iterable[Mapping[str, Any]]) -> None:
        if self.fails_at == "publish":
            raise wards.TooManyError("too many")
        if self.fails_at == "process":
            raise KeyboardInterrupt
        self.lists = wards.lists_of(stays)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(
        Search, "get_many", lambda _, __, ids: {id_: made.stays[id_] for id_ in ids if id_ in made.stays}
    )
    monkeypatch.setattr(wards, "all_stays", lambda _: dict(made.stays))
    monkeypatch.setattr(wards, "all_locations", lambda _: dict(made.locations))
    for name in ("keep", "keep_locations", "publish"):
        monkeypatch.setattr(wards, name, getattr(made, name))
    return made


def store(*said: Move | Location) -> Counter[str]:
    """Store what one micro-batch says."""
    return store_moves(NO_CLIENT, [msgspec.json.encode([each]).decode() for each in said])


def to_ward(name: str, seconds: int = 0) -> Move:
    return Move("p-1", "e-1", (Place(name, None, None),), NOON_US + seconds * SECOND_US)


def to_bed(location_id: str, seconds: int = 0, patient_id: str = "p-1") -> Move:
    return Move(patient_id, "e-1", (Place(location_id, location_id, "bd"),), NOON_US + seconds * SECOND_US)


def bed(location_id: str, part_of: str, seconds: int = 0) -> Location:
    return Location(location_id, location_id.upper(), "bd", part_of, NOON_US + seconds * SECOND_US)


def ward(location_id: str, name: str, seconds: int = 0) -> Location:
    return Location(location_id, name, "wa", None, NOON_US + seconds * SECOND_US)


def lies(memory: Memory, patient_id: str = "p-1") -> tuple[str | None, str | None]:
    found = memory.stays[patient_id]
    return found.get("ward"), found.get("bed")


def test_lists_that_cannot_be_made_stop_no_stream_and_are_told(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.fails_at = "publish"
    assert store(to_ward("B", 5), to_ward("A")) == Counter(moves=2, moved=1)
    assert lies(memory) == ("B", None)
    assert "too many" in caplog.text


def test_without_moves_nothing_is_asked() -> None:
    assert store_moves(NO_CLIENT, ["[]", "[]"]) == Counter()


def test_an_encounter_that_came_before_its_location_is_placed_when_that_comes(memory: Memory) -> None:
    store(to_ward("A"))
    assert store(to_bed("b1", 5)) == Counter(moves=1, moved=1, unplaced=1)
    assert lies(memory) == ("A", None)
    assert store(bed("b1", "w1")) == Counter(locations=1)
    assert store(ward("w1", "Cardiology")) == Counter(moved=1, locations=1)
    assert (lies(memory), memory.lists) == (("Cardiology", "B1"), {"Cardiology": ["p-1"]})
    assert store(to_bed("b1", 6)) == Counter(moves=1, moved=1)
    assert lies(memory) == ("Cardiology", "B1")


def test_a_ward_of_another_name_has_the_same_patients_and_an_old_version_does_not_rename_it(memory: Memory) -> None:
    store(ward("w1", "Cardiology", 5), bed("b1", "w1"), to_bed("b1"))
    store(ward("w1", "Heart centre", 9))
    assert memory.lists == {"Heart centre": ["p-1"]}
    assert store(ward("w1", "Cardiology", 5)) == Counter()
    assert memory.lists == {"Heart centre": ["p-1"]}


def test_what_an_interrupted_micro_batch_said_is_carried_out_by_its_repetition(memory: Memory) -> None:
    store(to_bed("b1"))
    memory.fails_at = "process"
    with pytest.raises(KeyboardInterrupt):
        store(bed("b1", "w1"), ward("w1", "Cardiology"))
    memory.fails_at = ""
    store(bed("b1", "w1"), ward("w1", "Cardiology"))
    assert (memory.lists, len(memory.locations)) == ({"Cardiology": ["p-1"]}, 2)


def test_stays_locations_and_lists_are_stored_as_the_templates_have_them(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    def told(*said: Move | Location) -> None:
        store_moves(client, [msgspec.json.encode(said).decode()])

    told(to_bed("b1"))
    told(bed("b1", "w1"), ward("w1", "Cardiology", 7))
    told(ward("w1", "Old name"))
    assert fake.stored(WARDS)["Cardiology"]["patient_ids"] == ["p-1"]
    assert fake.stored(STAYS)["p-1"]["bed"] == "B1"
    assert wards.all_locations(Search(client)) == {"b1": bed("b1", "w1"), "w1": ward("w1", "Cardiology", 7)}


BEDS = {"b1": ("w1", "w2"), "b2": ("w1", "w2", "w1")}  # the ward that each is part of, version by version
MOVES = {"p-1": ("b2", "b1"), "p-2": ("b1", "b2", "b1", "b2")}
SAID = [
    *(ward(each, f"{each} version {version}", version) for each in ("w1", "w2") for version in (1, 2)),
    *(bed(each, of, version) for each, parts in BEDS.items() for version, of in enumerate(parts)),
    *(to_bed(each, number, who) for who, beds in MOVES.items() for number, each in enumerate(beds)),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(SAID), st.lists(st.tuples(st.integers(1, 5), st.integers(1, 2))))
def test_the_order_the_cuts_and_repetitions_of_what_is_said_change_nothing(
    memory: Memory, said: list[Move | Location], cuts: list[tuple[int, int]]
) -> None:
    memory.stays.clear()
    memory.locations.clear()
    begin = 0
    for size, times in [*cuts, (len(said), 2)]:
        for _ in range(times):
            store(*said[begin : begin + size])
        begin += size
    assert memory.lists == {"w2 version 2": ["p-1"], "w1 version 2": ["p-2"]}
    assert [lies(memory, who) for who in MOVES] == [("w2 version 2", "B1"), ("w1 version 2", "B2")]
