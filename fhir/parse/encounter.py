"""Where an Encounter says that its patient lies: all that the intake takes of one, if it is to take anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir.codes import JsonObject
from fhir.parse.references import last_part, short_text
from fhir.parse.subject import Scope, read_subject
from fhir.parse.versions import updated_us
from fhir.readings import IntakeRules, Move

PRESENT: Final = "in-progress"
OVER: Final = frozenset({"finished", "completed", "discharged", "cancelled", "entered-in-error"})
NO_BED: Final = frozenset({"AMB", "HH", "VR", "FLD"})  # classes of visits: the patient comes and goes, or is elsewhere
WARD: Final = "wa"  # kinds of places, see HL7's location-physical-type
BED: Final = "bd"
LONGEST_NAME: Final = 64


def read_move(encounter: JsonObject, scope: Scope, record_time_us: int, rules: IntakeRules) -> Move | None:
    """Return where an Encounter says that its patient lies from now on, None where it says nothing of that.

    Raise `Refused` where it does not say of whom. It counts as of its last change, or else of the record time.
    """
    status, ward, bed = encounter.get("status"), None, None
    if status == PRESENT and not NO_BED.intersection(_codes([encounter.get("class")])):
        ward, bed = _place(encounter.get("location"))
    if ward is None and not (isinstance(status, str) and status in OVER):
        return None
    patient_id, _flags = read_subject(encounter, scope, rules)
    meta = encounter.get("meta")
    changed_us = updated_us(meta.get("lastUpdated")) if isinstance(meta, dict) else 0
    told_us = min(changed_us or record_time_us, record_time_us)  # a clock that runs ahead must not hold for ever
    return Move(patient_id, short_text(encounter.get("id")), ward, bed, told_us)


def _place(locations: object) -> tuple[str | None, str | None]:
    """Return ward and bed of the places that hold; one of no kind is a ward."""
    ward = bed = None
    for place in locations if isinstance(locations, list) else ():
        if not isinstance(place, dict) or place.get("status", "active") != "active":
            continue
        kinds, name = set(_codes([place.get("physicalType"), place.get("form")])), _name(place.get("location"))
        if BED in kinds:
            bed = bed or name
        elif WARD in kinds or not kinds:
            ward = ward or name
    return ward, bed


def _codes(concepts: list[object]) -> Iterator[str]:
    """Yield the codes of Codings and of CodeableConcepts."""
    for concept in concepts:
        parts = concept if isinstance(concept, list) else [concept]
        for part in (part for part in parts if isinstance(part, dict)):
            codings = part.get("coding", [part])
            for coding in codings if isinstance(codings, list) else ():
                if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                    yield coding["code"]


def _name(location: object) -> str | None:
    """Return what a Reference to a Location calls it, else its id; None for what no register could name so."""
    if not isinstance(location, dict):
        return None
    told = location.get("display") or last_part(location.get("reference"))
    name = told.strip() if isinstance(told, str) else ""
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() and "," not in name else None
