"""One stored prediction as a FHIR R4 RiskAssessment with a `prediction` for each horizon.

`probabilityDecimal` is a **percentage** in R4 (0 to 100, constraint ras-2), so stored risks are multiplied by 100. The
outcome is a reading over a threshold, which is no diagnosis, and therefore carries a code of our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from conf.clinical import ALERT_HORIZON_H, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H
from webapp.api.fhir.basics import OURS, TERMINOLOGY, Json, coding, concept, digest_id, patient_reference, reference
from webapp.api.fhir.observations import pressure_id

Document = Mapping[str, Any]

OUTCOME_TEXT: Final = f"A reading of at least {CRISIS_SYSTOLIC} mmHg systolic or {CRISIS_DIASTOLIC} mmHg diastolic"
MODEL_ID: Final = "model"
PROBABILITIES: Final = {"LOW": "low", "MEDIUM": "moderate", "HIGH": "high", "CRITICAL": "high"}  # never "certain"


def risk_assessment(prediction: Document) -> Json:
    """The RiskAssessment of a stored prediction."""
    patient_id, timestamp, version = (prediction[name] for name in ("patient_id", "@timestamp", "model_version"))
    return {
        "resourceType": "RiskAssessment",
        "id": digest_id("risk", patient_id, timestamp),
        "meta": {"lastUpdated": prediction["scored_at"]},
        "contained": [_model(version)],
        "status": "final",
        "method": concept(coding(f"{OURS}/model", version), text="Gradient-boosted trees on the last 30 readings"),
        "subject": patient_reference(patient_id),
        "occurrenceDateTime": timestamp,
        "performer": {"reference": f"#{MODEL_ID}"},
        "basis": [reference("Observation", pressure_id(patient_id, timestamp))],
        "prediction": [_prediction(prediction, horizon_h) for horizon_h in HORIZONS_H],
    }


def _model(version: str) -> Json:
    name = {"name": "Blood pressure crisis risk", "type": "model-name"}
    return {"resourceType": "Device", "id": MODEL_ID, "deviceName": [name], "version": [{"value": version}]}


def _prediction(prediction: Document, horizon_h: int) -> Json:
    start = datetime.fromisoformat(prediction["@timestamp"]).astimezone(UTC)
    end = start + timedelta(hours=horizon_h)
    answer = {
        "outcome": concept(coding(f"{OURS}/outcome", "blood-pressure-crisis"), text=OUTCOME_TEXT),
        "probabilityDecimal": percent(prediction[f"critical_risk_{horizon_h}h"]),
        "whenPeriod": {"start": prediction["@timestamp"], "end": _instant(end)},
        "rationale": _rationale(prediction, horizon_h),
    }
    if horizon_h == ALERT_HORIZON_H:
        answer["qualitativeRisk"] = _qualitative(prediction["alert_level"])
    return answer


def percent(risk: float) -> float:
    """A risk (0 to 1) in percent, with the digits that are stored and none of binary arithmetic's."""
    return float(Decimal(str(risk)) * 100)


def _qualitative(level: str) -> Json:
    ours = coding(f"{OURS}/alert-level", level)
    return concept(ours, coding(f"{TERMINOLOGY}/risk-probability", PROBABILITIES[level]), text=level)


def _rationale(prediction: Document, horizon_h: int) -> str:
    window = f"{prediction['window_readings']} readings over {prediction['window_hours']:.1f} h"
    basis = f"Calibrated probability of the outcome within {horizon_h} h, from {window}."
    reasons = prediction.get("reasons") or ()
    if horizon_h != ALERT_HORIZON_H or not reasons:
        return basis
    return f"{basis} Raised most by: {'; '.join(map(_reason, reasons))}."


def _reason(reason: Document) -> str:
    return f"{reason['code']} = {reason['value']:g} ({reason['contribution']:+.2f} log odds)"


def _instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
