"""One document of the access audit as a FHIR R4 AuditEvent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from webapp.api.fhir.basics import OURS, TERMINOLOGY, Json, coding, concept, digest_id, patient_reference

OUTCOMES: Final = {"ok": "0", "denied": "4"}  # 8, serious failure, for the rest
ACTIONS: Final = {"view": "R", "list": "R", "export": "R", "print": "R", "ack": "C"}  # E, execute, for the rest


def audit_event(entry: Mapping[str, Any]) -> Json:
    """The AuditEvent of a stored access."""
    action = entry["action"]
    event: Json = {
        "resourceType": "AuditEvent",
        "id": digest_id("audit", entry["chain_id"], str(entry["seq"])),
        "type": coding(f"{TERMINOLOGY}/audit-event-type", "rest", "RESTful Operation"),
        "subtype": [coding(f"{OURS}/audit-action", action)],
        "action": ACTIONS.get(action, "E"),
        "recorded": entry["@timestamp"],
        "outcome": OUTCOMES.get(entry["outcome"], "8"),
        "agent": [_agent(entry)],
        "source": {"observer": {"display": "Blood pressure surveillance"}, "site": entry["chain_id"]},
    }
    return event | _entities(entry.get("patient_id") or ())


def _agent(entry: Mapping[str, Any]) -> Json:
    agent: Json = {"who": {"identifier": {"value": entry["actor"]}}, "requestor": True}
    if entry.get("role"):
        agent["role"] = [concept(coding(f"{OURS}/role", entry["role"]))]
    if entry.get("ip"):
        agent["network"] = {"address": entry["ip"], "type": "2"}  # 2: an IP address
    return agent


def _entities(patient_ids: str | Iterable[str]) -> Json:
    ids = [patient_ids] if isinstance(patient_ids, str) else list(patient_ids)
    role = coding(f"{TERMINOLOGY}/object-role", "1", "Patient")
    entities = [{"what": patient_reference(patient_id), "role": role} for patient_id in ids]
    return {"entity": entities} if entities else {}
