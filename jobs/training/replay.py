"""Stored observations -> training rows: each reading of the past with the window that was known when it arrived.

A reading of the stream's state and a stored observation fold by the same rule and give the same features. What arrived
after the reading at t stays out of its window, and only what was measured after t makes its target. A stored
observation counts from the arrival of the version that stands; of a corrected one it is not known what it said at
first, so it makes no row of its own. No Spark here.

Observations have the columns patient_id, effective_us, systolic, diastolic and heart_rate (floats), source_partition,
source_offset and corrected; one row per patient and instant, or a lone heart rate without pressures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fhir.precedence import StatementKind
from jobs.streaming.window_state import STATE_LENGTH, STATEMENT, Statements
from jobs.streaming.windows import build_windows
from ml.dataset import Dataset, are_purged, parts_of, split_of
from ml.features import feature_matrix, hours_of_day
from ml.labels import Targets, targets_on_record
from ml.storage import to_arrow

WINDOWS_AT_ONCE: Final = 5_000

Places = NDArray[np.intp]


def whole_patients(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Cut rows that are ordered by patient anew, so that no patient is in two tables."""
    waiting: pa.Table | None = None
    for batch in (batch for batch in batches if batch.num_rows):
        rows = pa.Table.from_batches([batch])
        rows = rows if waiting is None else pa.concat_tables([waiting, rows])
        last_begins = pc.index(rows["patient_id"], rows["patient_id"][-1]).as_py()
        if last_begins:
            yield rows.slice(0, last_begins)
        waiting = rows.slice(last_begins)
    if waiting is not None:
        yield waiting


def unpack(observations: pa.Table) -> tuple[list[str], Statements, Places]:
    """Return the ids of patients, their observations (by patient and time) as statements, and the patient of each."""
    statements = np.zeros(observations.num_rows, dtype=STATEMENT)
    for name in ("effective_us", "systolic", "diastolic", "heart_rate"):
        statements[name] = observations[name].to_numpy()
    for name in ("offset", "partition"):
        statements[name] = observations[f"source_{name}"].to_numpy()
    statements["corrected"] = observations["corrected"].to_numpy()
    statements["kind"] = np.where(np.isnan(statements["systolic"]), StatementKind.HEART_RATE, StatementKind.PRESSURE)
    patients = pc.dictionary_encode(observations["patient_id"].combine_chunks())
    return patients.dictionary.to_pylist(), statements, patients.indices.to_numpy().astype(np.intp)


def training_rows(observations: pa.Table, min_readings: int, block_from_us: int, zone: tzinfo) -> list[pa.RecordBatch]:
    """Return whole patients' observations, by patient and time, as rows in the columns of `ml.storage.ROW_SCHEMA`."""
    patient_ids, statements, patients = unpack(observations)
    begins = np.flatnonzero(np.diff(patients, prepend=-1))
    parts = [
        part
        for name, of_patient in zip(patient_ids, np.split(statements, begins[1:]), strict=True)
        for part in _rows_of_patient(name, of_patient, min_readings, block_from_us, zone)
    ]
    return pa.Table.from_batches(parts).combine_chunks().to_batches() if parts else []


def _rows_of_patient(
    patient_id: str, statements: Statements, min_readings: int, block_from_us: int, zone: tzinfo
) -> Iterator[pa.RecordBatch]:
    side = np.array(split_of(patient_id))
    newest = np.flatnonzero((statements["kind"] == StatementKind.PRESSURE) & (statements["corrected"] == 0))
    newest = newest[~are_purged(side, statements["effective_us"][newest], block_from_us)]
    for start in range(0, len(newest), WINDOWS_AT_ONCE):
        data = _dataset(patient_id, statements, newest[start : start + WINDOWS_AT_ONCE], min_readings, zone)
        yield to_arrow(data, parts_of(np.repeat(side, len(data)), data.newest_us, block_from_us))


def _dataset(patient_id: str, statements: Statements, newest: Places, min_readings: int, zone: tzinfo) -> Dataset:
    known = _known_at(statements["offset"], newest)
    past = statements[np.concatenate(known)]
    past["corrected"] = 0  # a stored observation has been folded: nothing is left that it could replace
    scorable = build_windows(past, np.repeat(np.arange(len(newest)), [len(places) for places in known]))
    features = feature_matrix(scorable.windows)
    newest_us = statements["effective_us"][newest]
    targets = _targets(statements, newest_us)
    data = Dataset(
        features=features,
        targets=targets.shown,
        patient_id=np.full(len(newest), patient_id),
        newest_us=newest_us,
        group=np.full(len(newest), ""),
        hour=hours_of_day(newest_us, zone),
        confirmed=targets.confirmed,
    )
    return data.where(scorable.readings >= min_readings)


def _known_at(offset: NDArray[np.int64], newest: Places) -> list[Places]:
    """Return for each newest reading those up to it that had arrived when it arrived, as many as the state holds.

    In most records no statement up to a reading has arrived after it; only else each of them is looked at.
    """
    latest_so_far = np.maximum.accumulate(offset)
    return [
        np.arange(max(0, place - STATE_LENGTH + 1), place + 1)
        if latest_so_far[place] == offset[place]
        else np.flatnonzero(offset[: place + 1] <= offset[place])[-STATE_LENGTH:]
        for place in newest.tolist()
    ]


def _targets(statements: Statements, newest_us: NDArray[np.int64]) -> Targets:
    """Return targets from all pressures that are stored; a patient's record ends with its last one."""
    pressures = statements[statements["kind"] == StatementKind.PRESSURE]
    return targets_on_record(newest_us, pressures["effective_us"], pressures["systolic"], pressures["diastolic"])
