"""What was parsed, in the short form in which the expectation files are written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fhir.readings import Parsed, Reading

DATA = Path(__file__).parents[3] / "data"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_expectations(name: str) -> dict[str, Any]:
    expectations: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return expectations


def microseconds(iso: str) -> int:
    return (datetime.fromisoformat(iso) - EPOCH) // timedelta(microseconds=1)


def iso(us: int | None) -> str | None:
    return None if us is None else (EPOCH + timedelta(microseconds=us)).isoformat()


def reading_rows(parsed: Parsed) -> list[list[object]]:
    return [[*values_row(reading), list(reading.flags)] for reading in parsed.readings]


def values_row(reading: Reading) -> list[object]:
    return [
        reading.patient_id,
        iso(reading.effective_us),
        reading.systolic,
        reading.diastolic,
        reading.heart_rate,
    ]


def reject_rows(parsed: Parsed) -> list[list[object]]:
    return [[str(reject.reason), reject.entry] for reject in parsed.rejects]


def retraction_rows(parsed: Parsed) -> list[list[object]]:
    return [[item.patient_id, item.observation_id, iso(item.effective_us), item.entry] for item in parsed.retractions]
