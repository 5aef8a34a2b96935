"""From windows to predictions: pure functions around the model, and the lineage of a prediction that is replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from math import isnan
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_LEVELS, ALERT_RISK_FIELD, RISK_FIELDS, alert_level
from conf.times import iso_us
from elastic.names import instant_id
from jobs.streaming.windows import Scorable
from ml.explanation import RiskReason, explain
from ml.features import feature_matrix, hours_of_day
from ml.prediction import Predictor

RISK_DECIMALS = 6
HOUR_DECIMALS = 4


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """One document of the predictions and latest indices; fields as in the index template.

    `reasons` is given where the alert level is not the lowest one, `out_of_range` (codes of `ml.trained_range`) where
    the model was trained on no such windows. What begins with `shadow` is the challenger's, where one scores beside the
    model in service, and is not for latest, which people look at.
    """

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
    reasons: list[RiskReason] | None = None
    out_of_range: list[str] | None = None
    shadow_model_version: str | None = None
    shadow_risk_1h: float | None = None
    shadow_risk_6h: float | None = None
    shadow_risk_24h: float | None = None


class Scored(NamedTuple):
    """A prediction with the id of its instant and its time; `disturbed` as in `jobs.streaming.windows.Scorable`."""

    id: str
    effective_us: int
    disturbed: bool
    prediction: Prediction


def long_enough(scorable: Scorable, min_readings: int) -> NDArray[np.bool_]:
    """Tell which windows hold enough readings for a score."""
    return scorable.readings >= min_readings


def score(
    scorable: Scorable, patient_ids: Sequence[str], predictor: Predictor, scored_at: str, zone: tzinfo
) -> tuple[list[Scored], int]:
    """Score every window; `patient_ids` is indexed by `scorable.patients`. Also count the repaired horizons.

    `zone` is that of the place, by whose clock the model knows the hour of the day.
    """
    features = feature_matrix(scorable.windows)
    hour = hours_of_day(scorable.windows.effective_us[:, -1], zone)
    risks = predictor.risks(features, hour)
    risk_columns = _risk_columns(np.round(risks.values, RISK_DECIMALS))
    effective_us = scorable.windows.effective_us[:, -1].tolist()
    patients = [patient_ids[number] for number in scorable.patients.tolist()]
    columns = {
        "timestamp": [iso_us(instant) for instant in effective_us],
        "patient_id": patients,
        **risk_columns,
        **_window_columns(scorable),
        "reasons": _reasons(features, hour, risk_columns["alert_level"], predictor),
        "out_of_range": predictor.out_of_range(features),
    }
    common: dict[str, Any] = {"model_version": predictor.version, "scored_at": scored_at}
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    predictions = [Prediction(**row, **common) for row in rows]
    ids = map(instant_id, patients, effective_us)
    return list(map(Scored, ids, effective_us, scorable.disturbed.tolist(), predictions)), int(risks.repaired.sum())


def _risk_columns(risks: NDArray[np.float64]) -> dict[str, list[Any]]:
    """Return the columns of risks by field, and the alert level, which goes by the 6 h risk alone."""
    by_horizon = {field: risks[:, column].tolist() for column, field in enumerate(RISK_FIELDS)}
    levels = [alert_level(risk) for risk in by_horizon[ALERT_RISK_FIELD]]
    return {**by_horizon, "alert_level": levels}


def _reasons(
    features: NDArray[np.float32], hour: NDArray[np.float32], levels: Sequence[str], predictor: Predictor
) -> Sequence[list[RiskReason] | None]:
    """Return reasons for the rows whose level is an alert; the others, nearly all, cost nothing."""
    alerting = [row for row, level in enumerate(levels) if level != ALERT_LEVELS[0]]
    reasons: list[list[RiskReason] | None] = [None] * len(levels)
    if alerting:
        windows = (features[alerting], hour[alerting])
        told = explain(*windows, predictor.contributions(*windows), predictor.input_names)
        for row, of_row in zip(alerting, told, strict=True):
            reasons[row] = of_row
    return reasons


def _window_columns(scorable: Scorable) -> dict[str, list[Any]]:
    """Return the newest reading, the quality of the window, and which message arrived last."""
    windows = scorable.windows
    heart_rates = windows.heart_rate[:, -1].tolist()
    return {
        "systolic": windows.systolic[:, -1].tolist(),
        "diastolic": windows.diastolic[:, -1].tolist(),
        "heart_rate": [None if isnan(rate) else rate for rate in heart_rates],
        "window_readings": scorable.readings.tolist(),
        "window_hours": np.round(scorable.hours, HOUR_DECIMALS).tolist(),
        "window_largest_gap_hours": np.round(scorable.largest_gap_hours, HOUR_DECIMALS).tolist(),
        "window_heart_rates": scorable.heart_rates.tolist(),
        "window_late_readings": scorable.late_readings.tolist(),
        "source_partition": scorable.last_partition.tolist(),
        "source_offset": scorable.last_offset.tolist(),
    }


def with_lineage(prediction: Prediction, stored: Mapping[str, Any] | None) -> Prediction:
    """Say which 6 h risk this prediction replaces and when that one was made, if a late message changed it.

    `stored` is the document of the same patient and instant. The same last message means a repeated micro-batch, the
    same risk that nothing changed: in both cases what the stored document says of its own past still holds.
    """
    if stored is None:
        return prediction
    ours = prediction.source_partition, prediction.source_offset
    repeated = ours == (stored["source_partition"], stored["source_offset"])
    if repeated or stored[ALERT_RISK_FIELD] == prediction.critical_risk_6h:
        risk, scored_at = stored.get("replaced_risk_6h"), stored.get("replaced_scored_at")
    else:
        risk, scored_at = stored[ALERT_RISK_FIELD], stored["scored_at"]
    return msgspec.structs.replace(prediction, replaced_risk_6h=risk, replaced_scored_at=scored_at)
