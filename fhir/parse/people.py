"""Whom the references inside a Bundle mean, by the Patients that it carries."""

from __future__ import annotations

from fhir.codes import JsonObject
from fhir.parse.entries import is_request, kept_id, part
from fhir.parse.references import (
    PATIENT,
    first_identifier,
    match_id,
    reference_key,
    searched_identifier,
    short_text,
    type_and_id,
)
from fhir.reasons import Reason


def people_of(entries: list[object], bundle_type: str) -> dict[str, str | Reason]:
    """Return what the spellings of `reference_key` stand for: the id of a patient, or the reason why there is none.

    A reference that two different people of one Bundle claim is nobody's.
    """
    people: dict[str, str | Reason] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            asks = is_request(entry, bundle_type)
            keys = _keys(entry, asks)
            person = _person(entry, asks) if keys else None
            if person is not None:
                for key in keys:
                    if people.setdefault(key, person) != person:
                        people[key] = Reason.SUBJECT_UNRESOLVED
    return people


def _keys(entry: JsonObject, asks: bool) -> list[str]:
    """Return what an entry's resource may be referred to by.

    Where a server holds it, its own address names it without the Bundle's help. Where a request brings it, that
    address may be made up, so that it means this resource alone, however it is spelled.
    """
    full_url, resource = entry.get("fullUrl"), entry["resource"]
    keys = [reference_key(full_url)] if isinstance(full_url, str) and (asks or full_url[:4].lower() == "urn:") else []
    if asks and resource.get("resourceType") == PATIENT:
        addresses = map(type_and_id, (full_url, part(entry, "request").get("url")))
        names = [name for kind, name in addresses if kind == PATIENT]
        own = resource.get("id")
        keys += [f"{PATIENT}/{name}" for name in (*names, own) if isinstance(name, str) and match_id(name)]
    return keys


def _person(entry: JsonObject, asks: bool) -> str | Reason | None:
    """Return whom an entry's resource is, None where its Patient has nothing to be known by but its URN."""
    resource = entry["resource"]
    if resource.get("resourceType") != PATIENT:
        return Reason.SUBJECT_NOT_A_PATIENT
    if not asks:
        return short_text(resource.get("id")) or first_identifier(resource.get("identifier"))
    request = part(entry, "request")
    return (
        kept_id(entry)
        or searched_identifier(request.get("ifNoneExist"))
        or searched_identifier(request.get("url"))
        or first_identifier(resource.get("identifier"))
        or Reason.SUBJECT_UNRESOLVED
    )
