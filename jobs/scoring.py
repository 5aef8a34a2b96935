"""From windows to predictions: pure functions around the model, and the lineage of a prediction that is replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from conf.clinical import alert_level
from jobs.indices import instant_id, isoformat_us
from jobs.windows import Scorable
from ml.features import feature_matrix
from ml.prediction import Predictor

RISK_DECIMALS = 6
HOUR_DECIMALS = 4


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """One document of the predictions and latest indices; fields as in the index template."""

    timestamp: str = msgspec.field(name="@timestamp")
    patient_id: str
    critical_risk_1h: float
    critical_risk_6h: float
    critical_risk_24h: float
    alert_level: str
    model_version: str
    systolic: float
    diastolic: float
    heart_rate: float | None = None
    window_readings: int
    window_hours: float
    window_largest_gap_hours: float
    window_heart_rates: int
    window_late_readings: int
    replaced_risk_6h: float | None = None
    replaced_scored_at: str | None = None
    scored_at: str
    source_partition: int
    source_offset: int


class Scored(NamedTuple):
    """A prediction with the id of its instant and its time; `disturbed` as in `jobs.windows.Scorable`."""

    id: str
    effective_us: int
    disturbed: bool
    prediction: Prediction


def long_enough(scorable: Scorable, min_readings: int) -> NDArray[np.bool_]:
    """Which windows hold enough readings for a score."""
    return scorable.readings >= min_readings


def score(
    scorable: Scorable, patient_ids: Sequence[str], predictor: Predictor, scored_at: str
) -> tuple[list[Scored], int]:
    """Score every window; `patient_ids` is indexed by `scorable.rows`. Also count repaired horizon contradictions."""
    risks = predictor.risks(feature_matrix(scorable.windows))
    rounded = np.round(risks.values, RISK_DECIMALS)
    rows = zip(*_columns(scorable, rounded), strict=True)
    scored = [_scored(patient_ids, predictor.version, scored_at, *row) for row in rows]
    return scored, int(risks.repaired.sum())


def _columns(scorable: Scorable, risks: NDArray[np.float64]) -> list[list[Any]]:
    """What a prediction tells, as plain Python columns in the order of `_scored`."""
    windows = scorable.windows
    newest = [values[:, -1] for values in (windows.effective_us, windows.systolic, windows.diastolic)]
    heart_rate = [None if np.isnan(value) else float(value) for value in windows.heart_rate[:, -1]]
    quality = (
        scorable.readings,
        np.round(scorable.hours, HOUR_DECIMALS),
        np.round(scorable.largest_gap_hours, HOUR_DECIMALS),
        scorable.heart_rates,
        scorable.late_readings,
        scorable.last_partition,
        scorable.last_offset,
        scorable.disturbed,
    )
    arrays = (scorable.rows, *newest, *quality)
    return [*(array.tolist() for array in arrays[:4]), heart_rate, risks.tolist(), *(a.tolist() for a in quality)]


def _scored(
    patient_ids: Sequence[str],
    model_version: str,
    scored_at: str,
    row: int,
    effective_us: int,
    systolic: float,
    diastolic: float,
    heart_rate: float | None,
    risks: list[float],
    readings: int,
    hours: float,
    largest_gap_hours: float,
    heart_rates: int,
    late_readings: int,
    last_partition: int,
    last_offset: int,
    disturbed: bool,
) -> Scored:
    patient_id = patient_ids[row]
    prediction = Prediction(
        timestamp=isoformat_us(effective_us),
        patient_id=patient_id,
        critical_risk_1h=risks[0],
        critical_risk_6h=risks[1],
        critical_risk_24h=risks[2],
        alert_level=alert_level(risks[1]),
        model_version=model_version,
        systolic=systolic,
        diastolic=diastolic,
        heart_rate=heart_rate,
        window_readings=readings,
        window_hours=hours,
        window_largest_gap_hours=largest_gap_hours,
        window_heart_rates=heart_rates,
        window_late_readings=late_readings,
        scored_at=scored_at,
        source_partition=last_partition,
        source_offset=last_offset,
    )
    return Scored(instant_id(patient_id, effective_us), effective_us, disturbed, prediction)


def with_lineage(prediction: Prediction, stored: Mapping[str, Any] | None) -> Prediction:
    """Say which 6 h risk this prediction replaces and when that one was made, if a late message changed it.

    `stored` is the document of the same patient and instant. The same last message means a repeated micro-batch, the
    same risk that nothing changed: in both cases what the stored document says of its own past still holds.
    """
    if stored is None:
        return prediction
    ours = prediction.source_partition, prediction.source_offset
    repeated = ours == (stored["source_partition"], stored["source_offset"])
    if repeated or stored["critical_risk_6h"] == prediction.critical_risk_6h:
        risk, scored_at = stored.get("replaced_risk_6h"), stored.get("replaced_scored_at")
    else:
        risk, scored_at = stored["critical_risk_6h"], stored["scored_at"]
    return msgspec.structs.replace(prediction, replaced_risk_6h=risk, replaced_scored_at=scored_at)
