"""Where a patient lies, by what an Encounter names and what Locations tell of it."""

from __future__ import annotations

from typing import Any

import pytest

from conf.times import iso_us
from fhir.readings import Location, Move, Place
from jobs.streaming.whereabouts import newest, next_stay, told_anew, where

NOON_US = 1_773_144_000_000_000
SECOND_US = 1_000_000

WARD_A = Location("ward-a", "Cardiology", "wa", "house", NOON_US)
ROOM_7 = Location("room-7", "Room 7", "ro", "ward-a", NOON_US)
BED_12 = Location("bed-12", "12", "bd", "room-7", NOON_US)
OF_NO_KIND = Location("x", "Rehab", None, None, NOON_US)
IN_A_CIRCLE = Location("c", "C", "ro", "c", NOON_US)
HOUSE = Location("house", "Main building", "other", None, NOON_US)
KNOWN = {each.location_id: each for each in (WARD_A, ROOM_7, BED_12, OF_NO_KIND, IN_A_CIRCLE, HOUSE)}


def named(location_id: str, kind: str | None = None, name: str | None = None) -> Place:
    return Place(name or location_id, location_id, kind)


def move(*places: Place, seconds: int = 0, encounter_id: str | None = "e-1") -> Move:
    return Move("p-1", encounter_id, places, NOON_US + seconds * SECOND_US)


def to_ward(name: str, seconds: int = 0, encounter_id: str | None = "e-1", bed: str | None = None) -> Move:
    beds = (Place(bed, None, "bd"),) if bed else ()
    return move(Place(name, None, None), *beds, seconds=seconds, encounter_id=encounter_id)


def stay(ward: str | None, seconds: int = 0, encounter: str | None = "e-1", **more: Any) -> dict[str, Any]:
    told = {"patient_id": "p-1", "ward": ward, "encounter": encounter, **more}
    known = {name: value for name, value in told.items() if value is not None}
    return known | {"told_at": iso_us(NOON_US + seconds * SECOND_US)}


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ([named("ward-a")], ("Cardiology", None)),
        ([named("ward-a", "wa", "Cardio (old name)")], ("Cardiology", None)),
        ([named("bed-12")], ("Cardiology", "12")),
        ([named("bed-12", "bd"), named("elsewhere", "wa")], ("elsewhere", "12")),  # a ward that is named itself
        ([named("room-7")], ("Cardiology", None)),
        ([named("x")], ("Rehab", None)),
        ([named("unknown")], ("unknown", None)),
        ([named("unknown", "bd")], (None, None)),
        ([named("unknown", "ro"), named("bed-12", "bd")], ("Cardiology", "12")),
        ([named("house")], (None, None)),
        ([named("c")], (None, None)),
        ([Place(None, "unknown", None)], (None, None)),
        ([], (None, None)),
    ],
)
def test_the_ward_is_told_by_a_place_or_by_what_it_is_part_of(
    places: list[Place], told: tuple[str | None, str | None]
) -> None:
    assert where(places, KNOWN) == told


@pytest.mark.parametrize(
    ("known", "told", "after"),
    [
        (None, to_ward("A", bed="12"), stay("A", bed="12")),
        (stay("A"), to_ward("B", 5), stay("B", 5)),
        (stay("A", bed="12"), to_ward("B", 5), stay("B", 5)),  # the bed is that of the old ward
        (stay("A", 5), to_ward("B"), stay("A", 5)),  # told before
        (stay("A", 5, encounter=None), to_ward("B"), stay("A", 5, encounter=None)),  # by the register, since then
        (stay("A", encounter=None), to_ward("B", 5), stay("B", 5)),
        (stay("A"), move(seconds=5), stay(None, 5)),
        (stay("A"), move(seconds=5, encounter_id="e-0"), stay("A")),  # an old visit is closed
        (stay("A"), move(seconds=5, encounter_id=None), stay("A")),
        (stay("A", encounter=None), move(seconds=5), stay("A", encounter=None)),
        (None, move(), None),
        (stay(None, 5), to_ward("A"), stay(None, 5)),  # told before the end, and arrived after it
        (stay(None), to_ward("A", 5, "e-2"), stay("A", 5, "e-2")),
        (stay("A"), to_ward("A"), stay("A")),  # once more
        (stay("A"), move(named("bed-12", "bd"), seconds=5), stay("Cardiology", 5, bed="12")),
        (stay("A", bed="1"), move(named("unknown", "bd"), seconds=5), stay("A", 5)),  # until somebody tells
        (None, move(named("unknown", "bd")), stay(None)),
    ],
)
def test_what_was_told_last_stands(known: dict[str, Any] | None, told: Move, after: dict[str, Any] | None) -> None:
    found = next_stay(known, told, KNOWN)
    assert found is None or {name: value for name, value in found.items() if name != "places"} == after
    assert (found is None) == (after is None)
    assert next_stay(found, told, KNOWN) == found


def test_a_stay_is_told_anew_by_what_becomes_known_of_its_places() -> None:
    before = next_stay(stay("A"), move(named("bed-12", "bd"), seconds=5), {})
    assert before
    assert before["ward"] == "A"
    assert told_anew(before, {"room-7": ROOM_7}) == before
    after = told_anew(before, KNOWN)
    assert (after["ward"], after["bed"], after["told_at"]) == ("Cardiology", "12", before["told_at"])
    assert told_anew(after, {}) == after
    assert told_anew(stay("B"), KNOWN) == stay("B")  # by the register


def test_the_newest_version_of_a_location_stands_in_any_order() -> None:
    newer = Location("ward-a", "Cardiology 2", "wa", None, NOON_US + SECOND_US)
    twin = Location("ward-a", "Cardiology 3", "wa", None, NOON_US + SECOND_US)
    for told in ([WARD_A, newer, twin], [twin, newer, WARD_A], [newer, twin, newer]):
        assert newest(told) == {"ward-a": twin}
