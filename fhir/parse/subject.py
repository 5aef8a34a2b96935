"""Whose reading it is: every accepted form of `Observation.subject` as one patient id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from fhir.codes import JsonObject
from fhir.parse.references import (
    PATIENT,
    first_identifier,
    identifier_text,
    last_part,
    looks_like_resource_type,
    match_id,
    reference_key,
    searched_identifier,
    short_text,
    without_version,
)
from fhir.readings import IntakeRules
from fhir.reasons import Reason, Refused


class Scope(msgspec.Struct, frozen=True, gc=False):
    """What a Bundle says about the references inside it.

    `people`: whom a reference means, by its `reference_key`: a patient id or the reason it is none.
    `temporary_urns`: a URN that is not in `people` means nothing outside this Bundle (transactions and batches).
    `base`: server of the entry's fullUrl, which relative references belong to.
    """

    people: Mapping[str, str | Reason] = {}
    temporary_urns: bool = False
    base: str | None = None


NO_BUNDLE: Final = Scope()


def read_subject(observation: JsonObject, scope: Scope, rules: IntakeRules) -> tuple[str, tuple[str, ...]]:
    """Return the patient id and, for a bare id, its flag; raise `Refused` with one of the SUBJECT_ reasons.

    A reference that leads nowhere is no loss if a complete identifier stands beside it.
    """
    subject = observation.get("subject")
    if not isinstance(subject, dict):
        raise Refused(Reason.SUBJECT_MISSING, "no subject" if subject is None else f"a {type(subject).__name__}")
    kind = subject.get("type")
    if isinstance(kind, str) and kind.rpartition("/")[2] != PATIENT:
        raise Refused(Reason.SUBJECT_NOT_A_PATIENT, f"type {kind}")
    reference = subject.get("reference")
    if reference in (None, ""):
        return _read_identifier(subject), ()
    try:
        return _resolve(reference, observation, scope, rules)
    except Refused as refused:
        identifier = identifier_text(subject.get("identifier"))
        if refused.reason is Reason.SUBJECT_UNRESOLVED and identifier is not None:
            return identifier, ()
        raise


def _read_identifier(subject: JsonObject) -> str:
    identifier = subject.get("identifier")
    if identifier is None:
        raise Refused(Reason.SUBJECT_MISSING, "neither reference nor identifier")
    text = identifier_text(identifier)
    if text is None:
        raise Refused(Reason.SUBJECT_UNRESOLVED, f"identifier without a usable system and value: {identifier}")
    return text


def _resolve(
    reference: object, observation: JsonObject, scope: Scope, rules: IntakeRules
) -> tuple[str, tuple[str, ...]]:
    if not isinstance(reference, str):
        raise Refused(Reason.SUBJECT_UNRESOLVED, f"reference is a {type(reference).__name__}")
    if not scope.people and reference.startswith("Patient/"):  # nearly all: spare them the questions below
        return _patient_of_url(reference, scope.base, rules), ()
    subject = observation["subject"]
    if reference.startswith("#"):
        contained = _contained_person(reference, observation.get("contained"))
        return identifier_text(subject.get("identifier")) or contained, ()
    if reference[:4].lower() == "urn:":
        return resolve_urn(reference, scope), ()
    is_bare = "/" not in reference and subject.get("type") is not None and match_id(reference)
    known = _person_in_bundle(f"{PATIENT}/{reference}" if is_bare else reference, scope)
    if is_bare:
        return known or reference, ("subject_bare_id",)
    return known or _patient_of_url(reference, scope.base, rules), ()


def _contained_person(reference: str, contained: object) -> str:
    """Return the identifier of the Patient that an Observation carries inside; its id means nothing elsewhere."""
    resources = [item for item in contained if isinstance(item, dict)] if isinstance(contained, list) else []
    meant = [item for item in resources if item.get("id") in (reference, reference[1:])]
    if any(item.get("resourceType") != PATIENT for item in meant):
        raise Refused(Reason.SUBJECT_NOT_A_PATIENT, reference)
    people = {first_identifier(item.get("identifier")) for item in meant}
    person = people.pop() if len(people) == 1 else None
    if person is None:
        raise Refused(Reason.SUBJECT_UNRESOLVED, reference)
    return person


def resolve_urn(urn: str, scope: Scope) -> str:
    """Return the patient behind a URN: the Bundle's own entry, else the UUID or OID itself where it is permanent."""
    key = reference_key(urn)
    known = scope.people.get(key)
    if isinstance(known, Reason):
        raise Refused(known, urn)
    if known is not None:
        return known
    name = last_part(key)
    if scope.temporary_urns or name is None or not key.startswith(("urn:uuid:", "urn:oid:")):
        raise Refused(Reason.SUBJECT_UNRESOLVED, urn)
    return name


def _person_in_bundle(reference: str, scope: Scope) -> str | None:
    """Return whom a reference means that only its Bundle can tell, None for a real id; raise `Refused`.

    The server replaces the id of a Patient that it is to create, so that this id names no real person at any address.
    """
    if scope.temporary_urns and "?" in reference:
        path, _, _ = reference.partition("?")
        return searched_identifier(reference) if path.rpartition("/")[2] == PATIENT else None
    if not scope.people:
        return None
    key = reference_key(reference)
    path, _, name = key.rpartition("/")
    kind = path.rpartition("/")[2]
    known = scope.people.get(reference_key(f"{scope.base}/{key}") if scope.base and path == PATIENT else key)
    if known is None and (kind == PATIENT or not looks_like_resource_type(kind)):
        is_replaced = scope.people.get(f"{PATIENT}/{name}", name) != name
        known = Reason.SUBJECT_UNRESOLVED if is_replaced else None
    if isinstance(known, Reason):
        raise Refused(known, reference)
    return None if known == name else known


def _patient_of_url(reference: str, bundle_base: str | None, rules: IntakeRules) -> str:
    """Read ``[base/]Patient/id``; an absolute URL of another shape is taken whole, its last part being the id."""
    path, _, name = without_version(reference).rpartition("/")
    base, _, kind = path.rpartition("/")
    absolute = reference.startswith(("http://", "https://"))
    if kind != PATIENT and looks_like_resource_type(kind):
        raise Refused(Reason.SUBJECT_NOT_A_PATIENT, reference)
    if not match_id(name) or not (absolute or path == PATIENT) or "?" in path:
        raise Refused(Reason.SUBJECT_UNRESOLVED, reference)
    source = (base if kind == PATIENT else path) if absolute else bundle_base
    if not source or rules.patient_key == "id":
        return name
    key = short_text(f"{source}|{name}")
    if key is None:
        raise Refused(Reason.SUBJECT_UNRESOLVED, f"too long: {reference}")
    return key
