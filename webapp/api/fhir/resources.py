"""The stored documents as FHIR R4 resources: Patient, Observation, RiskAssessment, AuditEvent; and what is offered.

`probabilityDecimal` is a **percentage** in R4 (0 to 100, constraint ras-2), so stored risks are multiplied by 100. The
outcome of a RiskAssessment is a reading over a threshold, which is no diagnosis, and so carries a code of our own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from conf.clinical import ALERT_HORIZON_H, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H, risk_field
from conf.times import iso
from fhir.codes import Meaning
from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC
from fhir.write import observation as write
from fhir.write.observation import HEART_RATE_PROFILE, PRESSURE_PROFILE, TERMINOLOGY

Json = dict[str, Any]
Document = Mapping[str, Any]

FHIR_VERSION: Final = "4.0.1"
PUBLISHED: Final = "2026-11-24"  # the CapabilityStatement
SITE: Final = "Blood pressure surveillance"
OURS: Final = (
    "https://blood-pressure-surveillance.invalid/fhir"  # the reserved domain says that nothing is served there
)
MAX_ID_LENGTH: Final = 64
_is_id = re.compile(r"[A-Za-z0-9.-]{1,64}").fullmatch

INTERPRETATIONS: Final = {
    "severe": ("HH", "Critical high"),
    "stage_2": ("H", "High"),
    "stage_1": ("H", "High"),
    "elevated": ("N", "Normal"),
    "normal": ("N", "Normal"),
    "low": ("L", "Low"),
}
OUTCOME_TEXT: Final = f"A reading of at least {CRISIS_SYSTOLIC} mmHg systolic or {CRISIS_DIASTOLIC} mmHg diastolic"
MODEL_ID: Final = "model"
PROBABILITIES: Final = {"LOW": "low", "MEDIUM": "moderate", "HIGH": "high", "CRITICAL": "high"}  # never "certain"
AUDIT_OUTCOMES: Final = {"ok": "0", "denied": "4"}  # 8, serious failure, for the rest
AUDIT_ACTIONS: Final = {"view": "R", "list": "R", "export": "R", "print": "R", "ack": "C"}  # E, execute, for the rest


def fhir_id(text: str) -> str:
    """Return `text` if FHIR takes it as a resource id, else a digest of it; the identifier holds the text itself."""
    return text if _is_id(text) else digest_id(text)


def digest_id(*parts: str) -> str:
    """Return an id that is always the same for the same parts and tells nothing of them."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:MAX_ID_LENGTH]


def coding(system: str, code: str, display: str | None = None) -> Json:
    """Return a Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Json, text: str | None = None) -> Json:
    """Return a CodeableConcept."""
    return {"coding": list(codings)} | ({"text": text} if text else {})


def patient_identifier(patient_id: str) -> Json:
    """Return the patient id as an Identifier; the intake writes identifiers as ``system|value``."""
    system, separator, value = patient_id.rpartition("|")
    return {"system": system, "value": value} if separator else {"value": patient_id}


def patient_reference(patient_id: str) -> Json:
    """Return the Reference to a patient by our patient id."""
    return {"reference": f"Patient/{fhir_id(patient_id)}", "identifier": patient_identifier(patient_id)}


def patient(patient_id: str) -> Json:
    """Return a Patient: an identifier, and nothing else is known of it."""
    return {"resourceType": "Patient", "id": fhir_id(patient_id), "identifier": [patient_identifier(patient_id)]}


def observations(reading: Document) -> list[Json]:
    """Return the Observations of a stored reading: one of the pressures, one of the heart rate, as far as known."""
    found = []
    if "systolic" in reading:
        meaning = coding(f"{TERMINOLOGY}/v3-ObservationInterpretation", *INTERPRETATIONS[reading["category"]])
        found.append(
            _observation(reading, PRESSURE_PROFILE)
            | {
                "code": write.concept(Meaning.PANEL),
                "interpretation": [concept(meaning, text=reading["category"])],
                "component": [write.component(measure, reading[measure.field]) for measure in (SYSTOLIC, DIASTOLIC)],
            }
        )
    if reading.get("heart_rate") is not None:
        rate = write.quantity(reading["heart_rate"], HEART_RATE.unit)
        code = write.concept(Meaning.HEART_RATE)
        found.append(_observation(reading, HEART_RATE_PROFILE) | {"code": code, "valueQuantity": rate})
    return found


def _observation(reading: Document, profile: str) -> Json:
    """Return what all Observations of a reading say."""
    patient_id, timestamp = reading["patient_id"], reading["@timestamp"]
    resource = write.observation(
        id=_observation_id(profile, patient_id, timestamp),
        meta={"lastUpdated": reading["ingested_at"], "profile": [profile]},
        status=reading["status"],
        subject=patient_reference(patient_id),
        effectiveDateTime=timestamp,
    )
    if "observation_id" in reading:
        resource["identifier"] = [{"value": reading["observation_id"]}]  # what the sender called it
    if "device_id" in reading:
        resource["device"] = {"identifier": {"value": reading["device_id"]}}
    return resource


def _observation_id(profile: str, patient_id: str, timestamp: str) -> str:
    """Return the id of the Observation by a profile of a patient's reading at an instant (as stored, ISO 8601)."""
    return digest_id(profile.rpartition("/")[2], patient_id, timestamp)


def risk_assessment(prediction: Document) -> Json:
    """Return the RiskAssessment of a stored prediction, with a `prediction` for each horizon."""
    patient_id, timestamp, version = (prediction[name] for name in ("patient_id", "@timestamp", "model_version"))
    name = {"name": "Blood pressure crisis risk", "type": "model-name"}
    model = {"resourceType": "Device", "id": MODEL_ID, "deviceName": [name], "version": [{"value": version}]}
    return {
        "resourceType": "RiskAssessment",
        "id": digest_id("risk", patient_id, timestamp),
        "meta": {"lastUpdated": prediction["scored_at"]},
        "contained": [model],
        "status": "final",
        "method": concept(coding(f"{OURS}/model", version), text="Gradient-boosted trees on the last 30 readings"),
        "subject": patient_reference(patient_id),
        "occurrenceDateTime": timestamp,
        "performer": {"reference": f"#{MODEL_ID}"},
        "basis": [{"reference": f"Observation/{_observation_id(PRESSURE_PROFILE, patient_id, timestamp)}"}],
        "prediction": [_prediction(prediction, horizon_h) for horizon_h in HORIZONS_H],
    }


def _prediction(prediction: Document, horizon_h: int) -> Json:
    end = datetime.fromisoformat(prediction["@timestamp"]) + timedelta(hours=horizon_h)
    horizon = {
        "outcome": concept(coding(f"{OURS}/outcome", "blood-pressure-crisis"), text=OUTCOME_TEXT),
        "probabilityDecimal": percent(prediction[risk_field(horizon_h)]),
        "whenPeriod": {"start": prediction["@timestamp"], "end": iso(end)},
        "rationale": _rationale(prediction, horizon_h),
    }
    if horizon_h == ALERT_HORIZON_H:
        level = prediction["alert_level"]
        likely = coding(f"{TERMINOLOGY}/risk-probability", PROBABILITIES[level])
        horizon["qualitativeRisk"] = concept(coding(f"{OURS}/alert-level", level), likely, text=level)
    return horizon


def percent(risk: float) -> float:
    """Return a risk (0 to 1) in percent, with the digits that are stored and none of binary arithmetic's."""
    return float(Decimal(str(risk)) * 100)


def _rationale(prediction: Document, horizon_h: int) -> str:
    """Say in words what a risk is and rests on, and at the horizon of alerts what raised it most."""
    window = f"{prediction['window_readings']} readings over {prediction['window_hours']:.1f} h"
    basis = f"Calibrated probability of the outcome within {horizon_h} h, from {window}."
    if outside := prediction.get("out_of_range"):
        basis += f" A mere guess: the model was not trained on such readings ({', '.join(outside)})."
    reasons = prediction.get("reasons") or ()
    if horizon_h != ALERT_HORIZON_H or not reasons:
        return basis
    raised = [f"{each['code']} = {each['value']:g} ({each['contribution']:+.2f} log odds)" for each in reasons]
    return f"{basis} Raised most by: {'; '.join(raised)}."


def audit_event(entry: Document) -> Json:
    """Return the AuditEvent of a stored access."""
    action, agent = entry["action"], {"who": {"identifier": {"value": entry["actor"]}}, "requestor": True}
    if entry.get("role"):
        agent["role"] = [concept(coding(f"{OURS}/role", entry["role"]))]
    if entry.get("ip"):
        agent["network"] = {"address": entry["ip"], "type": "2"}  # 2: an IP address
    event: Json = {
        "resourceType": "AuditEvent",
        "id": digest_id("audit", entry["chain_id"], str(entry["seq"])),
        "type": coding(f"{TERMINOLOGY}/audit-event-type", "rest", "RESTful Operation"),
        "subtype": [coding(f"{OURS}/audit-action", action)],
        "action": AUDIT_ACTIONS.get(action, "E"),
        "recorded": entry["@timestamp"],
        "outcome": AUDIT_OUTCOMES.get(entry["outcome"], "8"),
        "agent": [agent],
        "source": {"observer": {"display": SITE}, "site": entry["chain_id"]},
    }
    return event | _entities(entry.get("patient_id") or ())


def _entities(patient_ids: str | Iterable[str]) -> Json:
    """Return the patients of an access, one or many as they are stored; FHIR has no empty lists."""
    ids = [patient_ids] if isinstance(patient_ids, str) else list(patient_ids)
    role = coding(f"{TERMINOLOGY}/object-role", "1", "Patient")
    entities = [{"what": patient_reference(patient_id), "role": role} for patient_id in ids]
    return {"entity": entities} if entities else {}


def searchset(base: str, resources: Sequence[Json], self_url: str, next_url: str | None) -> Json:
    """Return the Bundle of what was found; `base` is the FHIR endpoints' address. All there are is not counted."""
    links = [{"relation": "self", "url": self_url}] + ([{"relation": "next", "url": next_url}] if next_url else [])
    entries = [
        {
            "fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in resources
    ]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return bundle | ({"entry": entries} if entries else {})


def capability_statement(version: str, searches: Mapping[str, type[BaseModel]], *, cors: bool) -> Json:
    """Return the CapabilityStatement: which resources can be found by what; `cors`: whether other origins may ask."""
    found = [
        {
            "type": kind,
            "interaction": [{"code": "search-type"}],
            "searchParam": [
                {"name": name, "type": "date" if name == "date" else "reference", "documentation": field.description}
                for name, field in parameters.model_fields.items()
                if not field.alias  # those of the page, such as `_count`
            ],
        }
        for kind, parameters in searches.items()
    ]
    security = {"cors": cors, "description": "A bearer token with the scopes of the resource, or a browser session."}
    read = {"type": "Patient", "interaction": [{"code": "read"}]}
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
        "rest": [{"mode": "server", "security": security, "resource": [read, *found]}],
    }
