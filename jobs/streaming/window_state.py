"""The window state: what the stream keeps of each patient, 40 bytes for every reading, heart rate and retraction.

Each is packed into one statement. Spark keeps a patient's newest `STATE_LENGTH` of them by effective time
(`jobs.streaming.queries`), and `jobs.streaming.windows` folds them into the last 30 readings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fhir.parse.effective_time import FIRST_US, is_in_calendar
from fhir.precedence import StatementKind
from fhir.readings import CORRECTIONS, Reading, Retraction
from jobs.streaming.source import Message, TopicPlace

STATE_LENGTH: Final = 60  # twice the window: room for what folds away (duplicates, heart rates, retractions)
NO_OBSERVATION: Final = 0

STATEMENT: Final = np.dtype(
    [
        ("effective_us", "<i8"),
        ("offset", "<i8"),
        ("observation", "<u8"),
        ("systolic", "<f4"),
        ("diastolic", "<f4"),
        ("heart_rate", "<f4"),
        ("partition", "<u2"),
        ("kind", "u1"),
        ("corrected", "u1"),
    ]
)
Statements = NDArray[np.void]

_OFFSET_BITS: Final = 21


class _Packed(NamedTuple):
    patient_id: str
    effective_us: int
    offset: int
    observation: int
    systolic: float | None
    diastolic: float | None
    heart_rate: float | None
    partition: int
    kind: StatementKind
    corrected: bool
    kept_us: int  # by what time the state keeps it


def state_order(effective_us: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one sortable number per statement: its time in milliseconds, then the low bits of the Kafka offset.

    It only decides which statements the state keeps, and makes that choice repeatable. The exact order within a window,
    microseconds and whole offsets, is that of `jobs.streaming.windows`.
    """
    return ((effective_us // 1000) << _OFFSET_BITS) | (offset & ((1 << _OFFSET_BITS) - 1))


def _statements_of(message: Message) -> Iterator[_Packed]:
    for reading in message.parsed.readings:
        yield _pack_reading(reading, message.place)
    for retraction in message.parsed.retractions:
        if retraction.patient_id is not None:
            yield _pack_retraction(retraction, retraction.patient_id, message.place)


def _pack_reading(reading: Reading, place: TopicPlace) -> _Packed:
    return _Packed(
        reading.patient_id,
        reading.effective_us,
        place.offset,
        observation_number(reading.observation_id),
        reading.systolic,
        reading.diastolic,
        reading.heart_rate,
        place.partition,
        StatementKind.HEART_RATE if reading.systolic is None else StatementKind.PRESSURE,
        reading.status in CORRECTIONS,
        min(reading.effective_us, place.received_us),
    )


def _pack_retraction(retraction: Retraction, patient_id: str, place: TopicPlace) -> _Packed:
    """Pack a retraction; without a time of its own it waits at its record time, the newest that it can refer to.

    If that cannot be true it waits at the oldest one, where it keeps no reading out of the state.
    """
    waiting_us = place.received_us if is_in_calendar(place.received_us) else FIRST_US
    effective_us = waiting_us if retraction.effective_us is None else retraction.effective_us
    return _Packed(
        patient_id,
        effective_us,
        place.offset,
        observation_number(retraction.observation_id),
        None,
        None,
        None,
        place.partition,
        StatementKind.RETRACTION,
        corrected=False,
        kept_us=min(effective_us, waiting_us),
    )


def observation_number(observation_id: str | None) -> int:
    """Return the 64-bit number that stands for an Observation's id, `NO_OBSERVATION` if it has none."""
    if observation_id is None:
        return NO_OBSERVATION
    return int.from_bytes(hashlib.blake2b(observation_id.encode(), digest_size=8).digest(), "little") or 1


def pack_messages(messages: list[Message]) -> pa.RecordBatch:
    """Return one row per statement: patient, order within the state, packed statement.

    What lies in the future keeps its place by its record time: however far a clock runs ahead, its readings do not push
    those of another clock out of the state. The names of the columns, and of those of the state, are part of the
    checkpoint.
    """
    packed = [statement for message in messages for statement in _statements_of(message)]
    statements = np.empty(len(packed), dtype=STATEMENT)
    columns: list[list[Any]] = [list(column) for column in zip(*packed, strict=True)] or [[] for _ in _Packed._fields]
    for name, column in zip(_Packed._fields[1:-1], columns[1:-1], strict=True):
        statements[name] = np.array(column, dtype=STATEMENT[name])
    order = state_order(np.array(columns[-1], dtype=np.int64), statements["offset"])
    offsets = np.arange(len(packed) + 1, dtype=np.int32) * STATEMENT.itemsize
    binary = pa.Array.from_buffers(pa.binary(), len(packed), [None, pa.py_buffer(offsets), pa.py_buffer(statements)])
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[0], pa.string()), pa.array(order), binary], names=["patient_id", "state_order", "entry"]
    )


def unpack_state(state: pa.RecordBatch) -> tuple[list[str], Statements, NDArray[np.intp]]:
    """Return the patients of a state, all their statements oldest first, and the number of the patient of each.

    The state has them newest first. Everything is turned round at once, patients too: the statements then stand in the
    order of the window rule already.
    """
    lists = state.column("entries")
    packed = lists.flatten()
    _, offsets, content = packed.buffers()
    start = int(np.frombuffer(offsets, dtype=np.int32)[packed.offset]) if len(packed) else 0
    statements = np.frombuffer(content or b"", dtype=STATEMENT, count=len(packed), offset=start)[::-1]
    counts = np.diff(lists.offsets.to_numpy())[::-1]
    patient_ids = state.column("patient_id").to_pylist()[::-1]
    return patient_ids, statements, np.repeat(np.arange(len(counts)), counts)
