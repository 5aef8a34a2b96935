"""Where an Encounter says that its patient lies: all that the intake takes of one, if it is to take anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir.codes import JsonObject
from fhir.parse.location import codes, kind_of, location_id, told_us, usable_name
from fhir.parse.references import last_part, short_text
from fhir.parse.subject import Scope, read_subject
from fhir.readings import OTHER_PLACE, WARD, IntakeRules, Move, Place

PRESENT: Final = "in-progress"
OVER: Final = frozenset({"finished", "completed", "discharged", "cancelled", "entered-in-error"})
NO_BED: Final = frozenset({"AMB", "HH", "VR", "FLD"})  # classes of visits: the patient comes and goes, or is elsewhere


def read_move(encounter: JsonObject, scope: Scope, record_time_us: int, rules: IntakeRules) -> Move | None:
    """Return where an Encounter says that its patient lies from now on, None where it says nothing of that.

    Raise `Refused` where it does not say of whom. It counts as of its last change, or else of the record time.
    """
    status = encounter.get("status")
    places: tuple[Place, ...] = ()
    if status == PRESENT and not NO_BED.intersection(codes([encounter.get("class")])):
        places = tuple(_places(encounter.get("location"), scope, rules))
    tells_ward = any(place.location_id or place.kind in (WARD, None) for place in places)
    if not tells_ward and not (isinstance(status, str) and status in OVER):
        return None
    patient_id, _flags = read_subject(encounter, scope, rules)
    return Move(patient_id, short_text(encounter.get("id")), places, told_us(encounter, record_time_us))


def _places(locations: object, scope: Scope, rules: IntakeRules) -> Iterator[Place]:
    """Yield the places that hold, by which a ward or bed may be known."""
    for place in locations if isinstance(locations, list) else ():
        if not isinstance(place, dict) or place.get("status", "active") != "active":
            continue
        kind, meant = kind_of(place), place.get("location")
        if kind == OTHER_PLACE or not isinstance(meant, dict):
            continue
        reference = meant.get("reference")
        named = Place(
            usable_name(meant.get("display") or last_part(reference)), location_id(reference, scope, rules), kind
        )
        if named.name or named.location_id:
            yield named
