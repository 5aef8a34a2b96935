"""What the FHIR endpoints offer, as a CapabilityStatement."""

from __future__ import annotations

from typing import Any, Final

from webapp.api.fhir.basics import OURS, Json

FHIR_VERSION: Final = "4.0.1"
PUBLISHED: Final = "2026-11-24"
SEARCHES: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "Observation": (
        ("patient", "reference", "The patient."),
        ("subject", "reference", "The same as patient."),
        ("date", "date", "When the reading was taken; the last 92 days by default, and at most 92 days at once."),
    ),
    "RiskAssessment": (
        ("patient", "reference", "The patient."),
        ("subject", "reference", "The same as patient."),
        ("date", "date", "Time of the newest reading; the last 92 days by default, and at most 92 days at once."),
    ),
    "AuditEvent": (
        ("patient", "reference", "The patient whose data were seen."),
        ("date", "date", "When; the last 92 days by default, and at most 92 days at once."),
    ),
}


def capability_statement(version: str, *, cors: bool) -> Json:
    """The CapabilityStatement of this version of the site; `cors`: whether other origins may ask."""
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{OURS}/CapabilityStatement/site",
        "version": version,
        "name": "BloodPressureSurveillance",
        "title": "Blood pressure surveillance",
        "status": "active",
        "date": PUBLISHED,
        "description": "Readings and predicted risks for reading. A decision aid, not a primary alarm system.",
        "kind": "instance",
        "software": {"name": "Blood pressure surveillance", "version": version},
        "implementation": {"description": "The ward's site"},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "security": _security(cors), "resource": _resources()}],
    }


def _security(cors: bool) -> Json:
    return {"cors": cors, "description": "A bearer token with the scopes of the resource, or a browser session."}


def _resources() -> list[Json]:
    searchable: list[Json] = [
        {
            "type": kind,
            "interaction": [{"code": "search-type"}],
            "searchParam": [_parameter(*one) for one in parameters],
        }
        for kind, parameters in SEARCHES.items()
    ]
    return [{"type": "Patient", "interaction": [{"code": "read"}]}, *searchable]


def _parameter(name: str, kind: str, documentation: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "documentation": documentation}
