"""One valid stored reading and one valid stored prediction, as the stream writes them, and ways to vary them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from conf.clinical import alert_level
from conf.times import iso_us
from fhir.readings import Reading
from jobs.streaming.observations import observation_document
from jobs.streaming.source import TopicPlace

Json = dict[str, Any]

NEWEST = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NEWEST_US = round(NEWEST.timestamp()) * 1_000_000


def reading(patient_id: str = "P-0412", minutes: int = 0, **values: Any) -> Json:
    """Return the stored document of a reading `minutes` after the newest instant, made by the stream's own code."""
    given: Json = {"systolic": 148.0, "diastolic": 92.0, "heart_rate": 76.0, "status": "final"} | values
    measured = Reading(
        patient_id=patient_id,
        effective_us=NEWEST_US + minutes * 60_000_000,
        utc_offset_minutes=60,
        observation_id=f"obs-{minutes}",
        version_id="1",
        device_id="cuff-7",
        flags=(),
        entry=0,
        **given,
    )
    return observation_document(
        measured, TopicPlace(0, 7, NEWEST_US), "blood-pressure-data", "2026-03-01T08:00:02.000Z"
    )


def prediction(patient_id: str = "P-0412", risk_6h: float = 0.3996, minutes: int = 0, **overrides: Any) -> Json:
    """Return the stored prediction after the reading of the same instant."""
    document = {
        "@timestamp": iso_us(NEWEST_US + minutes * 60_000_000),
        "patient_id": patient_id,
        "critical_risk_1h": round(risk_6h / 2, 6),
        "critical_risk_6h": risk_6h,
        "critical_risk_24h": round(min(1, risk_6h * 1.2), 6),
        "alert_level": alert_level(risk_6h),
        "model_version": "20260228T101112Z-0a1b2c3d",
        "systolic": 148.0,
        "diastolic": 92.0,
        "heart_rate": 76.0,
        "window_readings": 30,
        "window_hours": 7.25,
        "window_largest_gap_hours": 0.5,
        "window_heart_rates": 30,
        "window_late_readings": 0,
        "scored_at": "2026-03-01T08:00:03.000Z",
        "source_partition": 0,
        "source_offset": 7,
        "reasons": [{"code": "SYSTOLIC_RECENT", "contribution": 0.812, "value": 151.4}],
    }
    return document | overrides
