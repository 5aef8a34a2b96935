"""Whose reading it is: every accepted form of `Observation.subject` as one patient id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from fhir.codes import JsonObject
from fhir.parse.references import identifier_text, last_part, match_id, short_text, without_version
from fhir.readings import IntakeRules
from fhir.reasons import Reason, Refused

PATIENT: Final = "Patient"
_looks_like_resource_type = re.compile(r"[A-Z][A-Za-z]+").fullmatch


class Scope(msgspec.Struct, frozen=True, gc=False):
    """What a Bundle says about the references inside it.

    `people`: what each ``urn:`` fullUrl stands for, a patient id or the reason it is none.
    `temporary_urns`: a URN that is not in `people` means nothing outside this Bundle (transactions).
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
        return _resolve(reference, subject, scope, rules)
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


def _resolve(reference: object, subject: JsonObject, scope: Scope, rules: IntakeRules) -> tuple[str, tuple[str, ...]]:
    if not isinstance(reference, str):
        raise Refused(Reason.SUBJECT_UNRESOLVED, f"reference is a {type(reference).__name__}")
    if reference.startswith("urn:"):
        return resolve_urn(reference, scope), ()
    if "/" not in reference and subject.get("type") is not None and match_id(reference):
        return reference, ("subject_bare_id",)
    return _patient_of_url(reference, scope.base, rules), ()


def resolve_urn(urn: str, scope: Scope) -> str:
    """Return the patient behind a URN: the Bundle's own entry, else the UUID or OID itself where it is permanent."""
    known = scope.people.get(urn)
    if isinstance(known, Reason):
        raise Refused(known, urn)
    if known is not None:
        return known
    name = last_part(urn)
    if scope.temporary_urns or name is None or not urn.startswith(("urn:uuid:", "urn:oid:")):
        raise Refused(Reason.SUBJECT_UNRESOLVED, urn)
    return name


def _patient_of_url(reference: str, bundle_base: str | None, rules: IntakeRules) -> str:
    """Read ``[base/]Patient/id``; an absolute URL of another shape is taken whole, its last part being the id."""
    path, _, name = without_version(reference).rpartition("/")
    base, _, kind = path.rpartition("/")
    absolute = reference.startswith(("http://", "https://"))
    if _looks_like_resource_type(kind) and kind != PATIENT:
        raise Refused(Reason.SUBJECT_NOT_A_PATIENT, reference)
    if not match_id(name) or not (absolute or path == PATIENT):
        raise Refused(Reason.SUBJECT_UNRESOLVED, reference)
    source = (base if kind == PATIENT else path) if absolute else bundle_base
    key = f"{source}|{name}" if source and rules.patient_key == "source" else name
    if short_text(key) is None:
        raise Refused(Reason.SUBJECT_UNRESOLVED, f"too long: {reference}")
    return key
