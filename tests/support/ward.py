"""A ward in Elasticsearch for tests and benchmarks of the site: documents with the fields that the stream writes."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from elasticsearch import Elasticsearch

from alerts import lifecycle
from alerts.documents import to_document
from alerts.lifecycle import Terms
from alerts.model import CRITICAL_RANK, ENDED, AlertKind, Episode, Finding, State
from assessment.readings import in_crisis
from conf.clinical import ALERT_LEVELS, ALERT_RISK_FIELD, alert_level, mean_arterial_pressure, pressure_category
from conf.times import to_us
from elastic.bulk import Operation, write
from elastic.names import (
    ALERT_SERVICE,
    ALERTS,
    ALL_INDICES,
    LATEST,
    OBSERVATIONS,
    PREDICTIONS,
    fit_id,
    instant_id,
    monthly_index,
)
from elastic.schema import put_templates
from jobs.streaming.predictions import Prediction
from ml.explanation import ReasonCode, RiskReason

Document = dict[str, Any]

INTERVAL: Final = timedelta(minutes=15)
WATCHED: Final = timedelta(days=30)  # by an alert service, for the site's eyes
WATCH: Final = {"holder": "a test", "until": "2999-01-01T00:00:00Z"}
VERSION: Final = "20260301T060000Z-5a51d4a0"
REASONS: Final = [
    RiskReason(ReasonCode.SYSTOLIC_NEWEST, 0.8, 171.0),
    RiskReason(ReasonCode.SYSTOLIC_RECENT, 0.4, 165.5),
]


@dataclass(frozen=True)
class Patient:
    """A simulated patient: systolic pressure now, its rise (mmHg per hour) and how long the device has been silent."""

    id: str
    systolic: float
    risk_6h: float
    rise: float = 0.0
    silent: timedelta = timedelta(minutes=2)
    readings: int = 96


def reading(
    patient_id: str, at: datetime, systolic: float, diastolic: float, heart_rate: float | None = 72
) -> Document:
    """Return a stored observation."""
    pressures = {"systolic": systolic, "diastolic": diastolic}
    document: Document = {
        "@timestamp": _text(at),
        "utc_offset_minutes": 60,
        "patient_id": patient_id,
        **pressures,
        "heart_rate": heart_rate,
        "mean_arterial_pressure": mean_arterial_pressure(systolic, diastolic),
        "pulse_pressure": round(systolic - diastolic, 1),
        "category": pressure_category(systolic, diastolic),
        "observation_id": f"{patient_id}-{round(at.timestamp())}",
        "status": "final",
        "flags": [],
        "source_topic": "blood-pressure-data",
        "source_partition": 0,
        "source_offset": 1,
        "ingested_at": _text(at + timedelta(seconds=2)),
    }
    return {name: value for name, value in document.items() if value is not None}


def refusal(patient_id: str | None, at: datetime, words: str, reason: str = "VALUE_HAS_COMPARATOR") -> Document:
    """Return the stored document of a refused reading that sounds like a crisis; `at` is its record time."""
    return {
        "@timestamp": at.isoformat(),
        "reason": reason,
        "detail": "as the message says",
        "patient_id": patient_id,
        "device_id": "cuff-7",
        "measured_at": (at - timedelta(seconds=20)).isoformat(),
        "attention": words,
        "payload": None,
        "source_topic": "blood-pressure-data",
        "source_partition": 0,
        "source_offset": round(at.timestamp()),
        "source_entry": None,
    }


def prediction(of: Document, risk_6h: float, readings: int = 30, version: str = VERSION) -> Document:
    """Return the stored prediction of the window that ends with a reading."""
    level = alert_level(risk_6h)
    scored = Prediction(
        timestamp=of["@timestamp"],
        patient_id=of["patient_id"],
        critical_risk_1h=round(risk_6h * 0.6, 6),
        critical_risk_6h=round(risk_6h, 6),
        critical_risk_24h=round(1 - (1 - risk_6h) ** 1.6, 6),
        alert_level=level,
        model_version=version,
        systolic=of["systolic"],
        diastolic=of["diastolic"],
        heart_rate=of.get("heart_rate"),
        window_readings=readings,
        window_hours=7.25,
        window_largest_gap_hours=0.25,
        window_heart_rates=readings,
        window_late_readings=0,
        scored_at=_text(datetime.fromisoformat(of["@timestamp"]) + timedelta(seconds=4)),
        source_partition=0,
        source_offset=1,
        reasons=None if level == "LOW" else REASONS,
    )
    document: Document = msgspec.to_builtins(scored)
    return document


def history(patient: Patient, now: datetime, least: int = 10) -> tuple[list[Document], list[Document]]:
    """Return a patient's readings and predictions, oldest first, in the usual rhythm up to where the silence begins."""
    chance = random.Random(patient.id)  # noqa: S311 - a ward that is the same each time
    newest = now - patient.silent
    readings, predictions = [], []
    for number in range(patient.readings):
        back = patient.readings - 1 - number
        at = newest - INTERVAL * back
        share = max(0.0, 1 - back / 24)
        noise = 0.0 if back == 0 else chance.gauss(0, 4)
        daily = 4 * math.sin(at.hour / 24 * 2 * math.pi)
        systolic = round(patient.systolic - patient.rise * back * 0.25 + noise + daily * (back > 0), 1)
        readings.append(
            reading(patient.id, at, systolic, round(systolic * 0.62 + noise / 3, 1), 60 + chance.randrange(40))
        )
        if number + 1 >= least:
            risk = patient.risk_6h if back == 0 else min(0.97, max(0.01, patient.risk_6h * (0.3 + 0.7 * share)))
            predictions.append(prediction(readings[-1], risk, min(30, number + 1)))
    return readings, predictions


def alert(
    patient_id: str | None,
    at: datetime,
    kind: AlertKind = AlertKind.MEASURED,
    rank: int = CRITICAL_RANK,
    state: State = State.RAISED,
    worst: Finding | None = None,
    **more: Any,
) -> Document:
    """Return an alert as its service stores it: raised at `at`; for nobody's, `part` is what it is about."""
    subject = patient_id or more.pop("part")
    rank = 0 if state in ENDED or state is State.LATCHED else rank
    peak = more.pop("peak", max(rank, 1) if rank else CRITICAL_RANK)
    given = {"rank": rank, "peak": peak, "mark": rank, "raised_at": at, "met_at": at, "changed_at": at}
    owner = more.pop("owner", None)
    episode = Episode(kind, at, state=state, worst=worst, **(given | more))
    document: Document = {**to_document(subject, episode, Terms()), **({"owner": owner} if owner else {})}
    return document


def alerts_of(readings: Sequence[Document], predictions: Sequence[Document], now: datetime) -> list[Document]:
    """Return the alerts of one patient that come of these readings and predictions (oldest first) until now."""
    measured = [_finding(each, CRITICAL_RANK if in_crisis(each) else 0, "ingested_at") for each in readings]
    predicted = [
        replace(_finding(each, ALERT_LEVELS.index(each["alert_level"]), "scored_at"), risk_6h=each[ALERT_RISK_FIELD])
        for each in predictions
    ]
    last = datetime.fromisoformat(readings[-1]["@timestamp"])
    silent_at = last + 2 * INTERVAL
    silence = [replace(_finding(readings[-1], 1, "@timestamp"), arrived_at=silent_at)] if now > silent_at else []
    found = {AlertKind.MEASURED: measured, AlertKind.PREDICTED: predicted, AlertKind.SILENCE: silence}
    return [
        to_document(readings[-1]["patient_id"], episode, Terms())
        for kind, findings in found.items()
        for episode in lifecycle.settle(lifecycle.fold(kind, findings, ()), now)
    ]


def _finding(document: Document, rank: int, arrived: str) -> Finding:
    at, arrived_at = (datetime.fromisoformat(document[name]) for name in ("@timestamp", arrived))
    return Finding(at, rank, arrived_at=arrived_at, systolic=document["systolic"], diastolic=document["diastolic"])


def ward(size: int) -> list[Patient]:
    """Return a ward with everything that a board shows: crises, rises, silence, a patient who waits, and quiet ones."""
    special = [
        Patient("P-0412", 186, 0.68, rise=18),
        Patient("P-0077", 182, 0.12, rise=6),  # measured crisis at low risk
        Patient("P-0190", 168, 0.72, rise=10),
        Patient("P-0233", 161, 0.47, rise=8),
        Patient("P-0250", 158, 0.41),
        Patient("P-0261", 155, 0.3996, rise=-9),
        Patient("P-0301", 165, 0.55, silent=timedelta(minutes=52)),
        Patient("P-0302", 131, 0.05, silent=timedelta(hours=5)),
        Patient("P-0350", 149, 0.29),
        Patient("P-0351", 147, 0.22),
        Patient("P-0900", 141, 0.0, readings=4),
        Patient("P-0901", 184, 0.0, readings=2),  # in crisis before any prediction
    ]
    chance = random.Random(1)  # noqa: S311
    quiet = [Patient(f"P-{1000 + n}", 110 + chance.randrange(30), chance.random() * 0.19) for n in range(size)]
    return special + quiet


def fill(client: Elasticsearch, patients: Sequence[Patient], now: datetime) -> None:
    """Write the ward, and make it searchable."""
    put_templates(client)
    watch = {"holder": "a test", "until": _text(now + WATCHED)}
    client.index(index=ALERT_SERVICE, id="lease", document=watch)
    write(client, [operation for patient in patients for operation in _operations(patient, now)])
    client.indices.refresh(index=ALL_INDICES)


def _operations(patient: Patient, now: datetime) -> Iterator[Operation]:
    readings, predictions = history(patient, now)
    yield from (writing(OBSERVATIONS, document) for document in readings)
    yield from (writing(PREDICTIONS, document) for document in predictions)
    yield from (writing(LATEST, document) for document in predictions[-1:])
    yield from (writing(ALERTS, document) for document in alerts_of(readings, predictions, now))


def writing(family: str, document: Document) -> Operation:
    """Return the write of a reading, a prediction (as of its instant or as the latest one) or an alert."""
    body = msgspec.json.encode(document)
    if family == LATEST:
        return Operation("index", LATEST, fit_id(document["patient_id"]), body)
    if family == ALERTS:
        return Operation("index", ALERTS, fit_id(document["alert_id"]), body)
    at_us = to_us(datetime.fromisoformat(document["@timestamp"]))
    return Operation("index", monthly_index(family, at_us), instant_id(document["patient_id"], at_us), body)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
