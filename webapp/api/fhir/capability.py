"""What the FHIR endpoints offer, as a CapabilityStatement."""

from __future__ import annotations

from typing import Final

from webapp.api.fhir.resources import OURS, Json

FHIR_VERSION: Final = "4.0.1"
PUBLISHED: Final = "2026-11-24"
SITE: Final = "Blood pressure surveillance"
SPAN: Final = "the last 92 days by default, and at most 92 days at once."
OF_PATIENT: Final = (("patient", "reference", "The patient."), ("subject", "reference", "The same as patient."))
SEARCHES: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "Observation": (*OF_PATIENT, ("date", "date", f"When the reading was taken; {SPAN}")),
    "RiskAssessment": (*OF_PATIENT, ("date", "date", f"Time of the newest reading; {SPAN}")),
    "AuditEvent": (("patient", "reference", "The patient whose data were seen."), ("date", "date", f"When; {SPAN}")),
}


def capability_statement(version: str, *, cors: bool) -> Json:
    """Return the CapabilityStatement of this version of the site; `cors`: whether other origins may ask."""
    searchable: list[Json] = [
        {
            "type": kind,
            "interaction": [{"code": "search-type"}],
            "searchParam": [dict(zip(("name", "type", "documentation"), each, strict=True)) for each in parameters],
        }
        for kind, parameters in SEARCHES.items()
    ]
    security = {"cors": cors, "description": "A bearer token with the scopes of the resource, or a browser session."}
    resources = [{"type": "Patient", "interaction": [{"code": "read"}]}, *searchable]
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{OURS}/CapabilityStatement/site",
        "version": version,
        "name": "BloodPressureSurveillance",
        "title": SITE,
        "status": "active",
        "date": PUBLISHED,
        "description": "Readings and predicted risks for reading. A decision aid, not a primary alarm system.",
        "kind": "instance",
        "software": {"name": SITE, "version": version},
        "implementation": {"description": "The ward's site"},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "security": security, "resource": resources}],
    }
