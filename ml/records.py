"""Readings of real patients out of a CSV file, as rows that a version can be judged on.

Columns: ``patient`` (any text), ``time`` (ISO 8601 with a zone), ``systolic`` and ``diastolic`` (mmHg) and, where there
is one, ``heart_rate`` (per minute, may be empty). Others are left alone. A line that cannot be true is refused with its
reason, by the limits of the intake; a row's window holds what was measured up to then, for in a file nothing is late.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conf.errors import UserError
from conf.times import to_us
from fhir.measures import HEART_RATE
from fhir.ranges import impossible_pressure
from ml.dataset import Dataset
from ml.features import WINDOW_LENGTH, Windows, feature_matrix, hours_of_day
from ml.labels import targets_on_record

REQUIRED: Final = ("patient", "time", "systolic", "diastolic")
OPTIONAL: Final = "heart_rate"


class Refused(NamedTuple):
    """A line that is not used, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """The k readings of a patient by time; all arrays have shape (k,), an absent heart rate is NaN."""

    patient: str
    effective_us: NDArray[np.int64]
    systolic: NDArray[np.float32]
    diastolic: NDArray[np.float32]
    heart_rate: NDArray[np.float32]


class Records(NamedTuple):
    """What a file holds."""

    records: list[Record]
    refused: list[Refused]


class _Reading(NamedTuple):
    effective_us: int
    systolic: float
    diastolic: float
    heart_rate: float
    line: int


def read_records(path: Path) -> Records:
    """Read a file; raise `UserError` if it cannot be read, or lacks a column."""
    by_patient: dict[str, dict[int, _Reading]] = defaultdict(dict)
    refused = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            if lacking := [name for name in REQUIRED if name not in (lines.fieldnames or ())]:
                raise UserError(
                    f"{path} lacks the columns {', '.join(lacking)}. It must be a CSV file with commas, whose first "
                    f"line names {', '.join(REQUIRED)} and, if there is one, {OPTIONAL}."
                )
            for line in lines:
                try:
                    _add(by_patient[line["patient"] or ""], line, lines.line_num)
                except ValueError as error:
                    refused.append(Refused(lines.line_num, str(error)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from error
    return Records([_record(*each) for each in sorted(by_patient.items()) if each[1]], refused)


def _add(readings: dict[int, _Reading], line: Mapping[str, Any], number: int) -> None:
    """Add a line to its patient's readings by time; raise `ValueError` with the reason if it is refused."""
    if not line["patient"]:
        raise ValueError("no patient")
    at = datetime.fromisoformat(line["time"] or "")
    if at.tzinfo is None:
        raise ValueError(f"the time {line['time']} has no zone: write 2026-03-01T08:15:00+01:00")
    systolic, diastolic = (_number(line, name) for name in ("systolic", "diastolic"))
    rate = _number(line, OPTIONAL) if line.get(OPTIONAL) else np.nan
    impossible = impossible_pressure(systolic, diastolic)
    if impossible:
        raise ValueError(f"{impossible}: {systolic:g}/{diastolic:g} mmHg")
    if not (np.isnan(rate) or HEART_RATE.possible.holds(rate)):
        raise ValueError(f"{HEART_RATE.out_of_range}: {rate:g} per minute")
    same = readings.setdefault(to_us(at), _Reading(to_us(at), systolic, diastolic, rate, number))
    if same.line != number:
        raise ValueError(f"the same patient and time as line {same.line}")


def _number(line: Mapping[str, Any], name: str) -> float:
    try:
        return float(line[name])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no number: {line[name]!r}") from error


def _record(patient: str, readings: Mapping[int, _Reading]) -> Record:
    """Return a patient's readings in order of time: a file may have them in any."""
    times, systolic, diastolic, rates, _ = zip(*(readings[at] for at in sorted(readings)), strict=True)
    values = (np.array(column, dtype=np.float32) for column in (systolic, diastolic, rates))
    return Record(patient, np.array(times, dtype=np.int64), *values)


def rows_of(records: list[Record], min_readings: int, zone: tzinfo) -> Dataset | None:
    """Return a row for each reading that has enough before it, on the clock of a zone; None if no reading has."""
    parts = [_rows(record, min_readings, zone) for record in records if len(record.effective_us) >= min_readings]
    if not parts:
        return None
    names = [field.name for field in fields(Dataset)]
    return Dataset(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _rows(record: Record, min_readings: int, zone: tzinfo) -> Dataset:
    newest = np.arange(min_readings - 1, len(record.effective_us))
    slots = newest[:, None] + np.arange(1 - WINDOW_LENGTH, 1)
    filled, slots = slots >= 0, slots.clip(min=0)
    read = (record.systolic, record.diastolic, record.heart_rate)
    measures = (np.where(filled, values[slots], np.nan).astype(np.float32) for values in read)
    newest_us = record.effective_us[newest]
    targets = targets_on_record(newest_us, record.effective_us, record.systolic, record.diastolic)
    return Dataset(
        features=feature_matrix(Windows(record.effective_us[slots], *measures)),
        targets=targets.shown,
        patient_id=np.full(len(newest), record.patient),
        newest_us=newest_us,
        group=np.full(len(newest), ""),
        hour=hours_of_day(newest_us, zone),
        confirmed=targets.confirmed,
    )
