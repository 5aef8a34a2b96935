"""Entries of Bundles: what is asked of a server, what it answers, and Patients to refer to."""

from __future__ import annotations

from typing import Any

from tests.support.factories import Json, bundle, observation

MRN = "https://example.org/mrn"
SERVER = "https://ehr.example.org/fhir"
URN = "urn:uuid:0b2a37a0-7d0a-4f7e-8d2c-5a0f30f1c001"


def patient(number: str | None = None, **elements: Any) -> Json:
    """Return a Patient, known by a medical record number if there is one."""
    identifiers = {} if number is None else {"identifier": [{"system": MRN, "value": number}]}
    return {"resourceType": "Patient", **identifiers, **elements}


def observation_of(reference: Any, minute: int = 15, **elements: Any) -> Json:
    """Return an Observation of whom a reference means."""
    time = f"2026-03-01T08:{minute:02d}:00+01:00"
    return observation(**{"subject": {"reference": reference}, "effectiveDateTime": time, **elements})


def entry(resource: Any = None, method: str | None = None, url: Any = None, **elements: Any) -> Json:
    """Return an entry of a Bundle; further keywords are its elements, `ifNoneExist` one of its request."""
    condition = {"ifNoneExist": elements.pop("ifNoneExist")} if "ifNoneExist" in elements else {}
    request = {} if method is None else {"request": {"method": method, "url": url, **condition}}
    carried = {} if resource is None else {"resource": resource}
    return {**carried, **request, **elements}


def bundle_of(kind: str, *entries: Any) -> Json:
    """Return a Bundle of a type."""
    return bundle(kind=kind, entry=list(entries))


def put(resource: Json, **elements: Any) -> Json:
    """Return the entry that updates a resource under its id."""
    return entry(resource, "PUT", f"{resource['resourceType']}/{resource['id']}", **elements)


def post(resource: Json, **elements: Any) -> Json:
    """Return the entry that creates a resource under an id that the server gives."""
    return entry(resource, "POST", resource["resourceType"], **elements)


def delete(url: Any = "Observation/bp-1", **elements: Any) -> Json:
    """Return the entry that deletes what an address names."""
    return entry(None, "DELETE", url, **elements)


def answered(an_entry: Json, version: str | None = None, at: str | None = None, status: str = "200") -> Json:
    """Return an entry with the server's response."""
    told = {"etag": None if version is None else f'W/"{version}"', "lastModified": at}
    return {**an_entry, "response": {"status": status, **{name: item for name, item in told.items() if item}}}
