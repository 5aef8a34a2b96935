"""Where a patient lies, by what Encounters and Locations say: pure, and the same in whichever order they came.

A stay keeps the places that its Encounter named, so that ward and bed can be told anew by what is known of the
Locations. As long as nothing tells the ward, the patient is still said to lie where he did before: better looked for
in the wrong ward than watched in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from conf.times import iso_us, to_us
from fhir.readings import BED, WARD, Location, Move, Place

HIGHEST: Final = 10  # Locations above each other, so that a circle of them ends

Stay = Mapping[str, Any]
Locations = Mapping[str, Location]


def where(places: Iterable[Place], locations: Locations) -> tuple[str | None, str | None]:
    """Return ward and bed of some places; no bed without a ward.

    The ward is a place of that kind, or of no kind at all, else one that a place is part of. A Location that is known
    tells its name, and its kind where the Encounter does not.
    """
    wards: list[str | None] = []
    above: list[str | None] = []
    beds: list[str | None] = []
    for place in places:
        way = list(_upwards(place.location_id, locations))
        name, kind = (way[0].name, place.kind or way[0].kind) if way else (place.name, place.kind)
        of_part = next((location.name for location in way if location.kind == WARD), None)
        beds.append(name if kind == BED else None)
        wards.append(name if kind == WARD or (kind is None and of_part is None) else None)
        above.append(of_part)
    ward = next(filter(None, [*wards, *above]), None)
    return ward, next(filter(None, beds), None) if ward else None


def _upwards(location_id: str | None, locations: Locations) -> Iterator[Location]:
    """Yield a Location that is known, that of which it is a part, and so on."""
    for _ in range(HIGHEST):
        location = locations.get(location_id or "")
        if location is None:
            return
        yield location
        location_id = location.part_of


def next_stay(known: Stay | None, move: Move, locations: Locations) -> Stay | None:
    """Return the stay after a move: the known one where that was told later, or the move ends another Encounter."""
    if known and to_us(datetime.fromisoformat(known["told_at"])) > move.told_us:
        return known
    if not move.places and (known is None or move.encounter_id is None or known.get("encounter") != move.encounter_id):
        return known
    ward, bed = where(move.places, locations)
    if move.places and ward is None and known:
        ward = known.get("ward")
    told = {"ward": ward, "bed": bed, "encounter": move.encounter_id, "places": msgspec.to_builtins(move.places)}
    stay = {"patient_id": move.patient_id, "told_at": iso_us(move.told_us)}
    return stay | {name: value for name, value in told.items() if value}


def told_anew(stay: Stay, locations: Locations) -> Stay:
    """Return a stay as it is by what is known of the Locations now."""
    ward, bed = where(msgspec.convert(stay.get("places", ()), tuple[Place, ...]), locations)
    if ward is None:
        return stay
    kept = {name: value for name, value in stay.items() if name not in ("ward", "bed")}
    return kept | {"ward": ward} | ({"bed": bed} if bed else {})


def newest(told: Iterable[Location]) -> dict[str, Location]:
    """Return the newest version of each Location by its id, the same in whatever order they were told."""
    found: dict[str, Location] = {}
    for location in told:
        other = found.setdefault(location.location_id, location)
        found[location.location_id] = max(other, location, key=_age)
    return found


def _age(location: Location) -> tuple[int, str, str, str]:
    """Return what versions are compared by: their time, and whatever tells two of one time apart."""
    return location.told_us, location.name, location.kind or "", location.part_of or ""
