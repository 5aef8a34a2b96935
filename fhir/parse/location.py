"""Places of a hospital: what a Location says of one, and by which id others refer to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conf.times import MILLISECOND_US
from fhir.codes import JsonObject
from fhir.parse.references import match_id, reference_key, short_text, type_and_id
from fhir.parse.subject import Scope
from fhir.parse.versions import updated_us
from fhir.readings import BED, OTHER_PLACE, ROOM, WARD, IntakeRules, Location

LOCATION: Final = "Location"
LONGEST_NAME: Final = 64


def read_location(location: JsonObject, scope: Scope, record_time_us: int, rules: IntakeRules) -> Location | None:
    """Return what a Location says of a place, None where it has no id that others could refer to.

    Its name is the first that an account can be bound to: `name`, an identifier, or else its id.
    """
    own = location.get("id")
    if not isinstance(own, str) or not match_id(own):
        return None
    identifiers = location.get("identifier")
    values = [it.get("value") for it in identifiers if isinstance(it, dict)] if isinstance(identifiers, list) else []
    name = next(filter(None, map(usable_name, (location.get("name"), *values))), own)
    above = location.get("partOf")
    part_of = location_id(above.get("reference"), scope, rules) if isinstance(above, dict) else None
    return Location(
        _at_server(own, scope.base, rules), name, kind_of(location), part_of, told_us(location, record_time_us)
    )


def location_id(reference: object, scope: Scope, rules: IntakeRules) -> str | None:
    """Return the id of the Location that a Reference's text means, None for any other text."""
    kind, name = type_and_id(reference)
    if kind != LOCATION or not isinstance(reference, str):
        return None
    base = reference_key(reference).removesuffix(f"{kind}/{name}")
    return _at_server(name, base or scope.base, rules)


def _at_server(name: str, base: str | None, rules: IntakeRules) -> str:
    """Return the id of a Location with its server, where those of several servers may be the same."""
    if not base or rules.patient_key == "id":
        return name
    return short_text(f"{reference_key(base)}|{name}") or name


def kind_of(place: JsonObject) -> str | None:
    """Return the kind of a Location, or of the place of an Encounter: ward, bed, room, another one, None if untold."""
    told = set(codes([place.get("physicalType"), place.get("form")]))  # in R4, in R5
    return next((kind for kind in (BED, WARD, ROOM) if kind in told), OTHER_PLACE if told else None)


def usable_name(told: object) -> str | None:
    """Return a name of a ward or bed, None for what no register and no account could name so."""
    name = told.strip() if isinstance(told, str) else ""
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() and "," not in name else None


def told_us(resource: JsonObject, record_time_us: int) -> int:
    """Return as of when a resource counts: its last change, or else its record time.

    In microseconds since the epoch, of which whole milliseconds are kept, as in the store.
    """
    meta = resource.get("meta")
    changed_us = updated_us(meta.get("lastUpdated")) if isinstance(meta, dict) else 0
    counts_us = min(changed_us or record_time_us, record_time_us)  # a clock that runs ahead must not hold for ever
    return counts_us // MILLISECOND_US * MILLISECOND_US


def codes(concepts: list[object]) -> Iterator[str]:
    """Yield the codes of Codings and of CodeableConcepts."""
    for concept in concepts:
        parts = concept if isinstance(concept, list) else [concept]
        for part in (part for part in parts if isinstance(part, dict)):
            codings = part.get("coding", [part])
            for coding in codings if isinstance(codings, list) else ():
                if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                    yield coding["code"]
