"""The window state: what the stream keeps of each patient, 40 bytes for every reading, heart rate and retraction.

Each is packed into one statement; one that has a version beyond the first, or two names, takes 56 bytes. Spark keeps a
patient's newest `STATE_LENGTH` of them by effective time (`jobs.streaming.queries`), and `jobs.streaming.windows` folds
them into the last 30 readings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fhir.parse.effective_time import FIRST_US
from fhir.precedence import StatementKind
from fhir.readings import CORRECTIONS, FIRST_VERSION, Reading, Retraction
from jobs.streaming.source import Message, TopicPlace

STATE_LENGTH: Final = 60  # twice the window: room for what folds away (duplicates, heart rates, retractions)
NO_OBSERVATION: Final = 0
OF_A_HEART_RATE: Final = 0.0  # the rate of a retraction that takes back a heart rate of its own

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
        ("corrected", "u1"),  # see `CORRECTED`
    ]
)
VERSIONED: Final = np.dtype([*STATEMENT.descr, ("version", "<i8"), ("partner", "<u8")])
CORRECTED: Final = 1  # in the last byte; the other bits were 0 in earlier releases
FIRST: Final = 2  # the version is `FIRST_VERSION`, that of most readings; among such alone no version counts
SITE_SHIFT: Final = 2
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
    corrected: int
    version: int
    partner: int
    kept_us: int  # by what time the state keeps it

    def content(self) -> tuple[Any, ...]:
        """Return all that is said, whenever it arrived: what is said again says nothing more to a window."""
        return self[:2] + self[3:7] + self[8:12]


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
        (CORRECTED if reading.status in CORRECTIONS else 0) | site_number(reading.body_site) << SITE_SHIFT,
        reading.version,
        observation_number(reading.partner_id),
        min(reading.effective_us, place.received_us),
    )


def _pack_retraction(retraction: Retraction, patient_id: str, place: TopicPlace) -> _Packed:
    """Pack a retraction or a withdrawal.

    Without a time of its own it waits at the oldest place, where it keeps no reading out of the state: where all of a
    device's messages are refused for their time, that is many. A state that is full hears of it through the document of
    what it takes back (`jobs.streaming.withdrawals`).
    """
    effective_us = FIRST_US if retraction.effective_us is None else retraction.effective_us
    return _Packed(
        patient_id,
        effective_us,
        place.offset,
        observation_number(retraction.observation_id),
        None,
        None,
        OF_A_HEART_RATE if retraction.is_heart_rate else None,
        place.partition,
        StatementKind.RETRACTION if retraction.for_good else StatementKind.WITHDRAWAL,
        corrected=0,
        version=0 if retraction.for_good else retraction.version,
        partner=NO_OBSERVATION,
        kept_us=max(FIRST_US, min(effective_us, place.received_us)),
    )


def observation_number(observation_id: str | None) -> int:
    """Return the 64-bit number that stands for an Observation's id, `NO_OBSERVATION` if it has none."""
    if observation_id is None:
        return NO_OBSERVATION
    return int.from_bytes(hashlib.blake2b(observation_id.encode(), digest_size=8).digest(), "little") or 1


def site_number(body_site: str | None) -> int:
    """Return a number of six bits that stands for a site of the body, 0 for none; two sites in 63 share one."""
    return 0 if body_site is None else hashlib.blake2b(body_site.encode(), digest_size=8).digest()[0] % 63 + 1


def pack_messages(messages: list[Message]) -> pa.RecordBatch:
    """Return one row per statement: patient, order within the state, packed statement.

    What is sent again and again takes one place for each call, not one for each time: else sixty resends would push
    everything else out of a window. What lies in the future keeps its place by its record time: however far a clock
    runs ahead, its readings do not push those of another clock out of the state. The names of the columns, and of those
    of the state, are part of the checkpoint.
    """
    arrived = (statement for message in messages for statement in _statements_of(message))
    packed = list({statement.content(): statement for statement in arrived}.values())  # of resends the last
    statements = np.empty(len(packed), dtype=VERSIONED)
    columns: list[list[Any]] = [list(column) for column in zip(*packed, strict=True)] or [[] for _ in _Packed._fields]
    for name, column in zip(_Packed._fields[1:-1], columns[1:-1], strict=True):
        statements[name] = np.array(column, dtype=VERSIONED[name])
    statements["corrected"] |= np.where(statements["version"] == FIRST_VERSION, FIRST, 0).astype(np.uint8)
    order = state_order(np.array(columns[-1], dtype=np.int64), statements["offset"])
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[0], pa.string()), pa.array(order), _as_binary(statements)],
        names=["patient_id", "state_order", "entry"],
    )


def _as_binary(statements: Statements) -> pa.Array:
    """Return statements as binary values, those short that neither have a version beyond the first nor a partner."""
    is_short = (statements["partner"] == NO_OBSERVATION) & np.isin(statements["version"], (0, FIRST_VERSION))
    sizes = np.where(is_short, STATEMENT.itemsize, VERSIONED.itemsize)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    content = np.ascontiguousarray(_bytes_of(statements)[_within(sizes)])
    return pa.Array.from_buffers(pa.binary(), len(statements), [None, pa.py_buffer(offsets), pa.py_buffer(content)])


def _bytes_of(statements: Statements) -> NDArray[np.uint8]:
    return statements.view(np.uint8).reshape(len(statements), VERSIONED.itemsize)


def _within(sizes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell of each byte of statements whether it is kept where each has a size of its own."""
    within: NDArray[np.bool_] = np.arange(VERSIONED.itemsize) < sizes[:, np.newaxis]
    return within


def unpack_state(state: pa.RecordBatch) -> tuple[list[str], Statements, NDArray[np.intp]]:
    """Return the patients of a state, all their statements oldest first, and the number of the patient of each.

    The state has them newest first. Everything is turned round at once, patients too: the statements then stand in the
    order of the window rule already. They are `STATEMENT` where all are short, else `VERSIONED`.
    """
    lists = state.column("entries")
    packed = lists.flatten()
    statements = _from_binary(packed)[::-1]
    counts = np.diff(lists.offsets.to_numpy())[::-1]
    patient_ids = state.column("patient_id").to_pylist()[::-1]
    return patient_ids, statements, np.repeat(np.arange(len(counts)), counts)


def _from_binary(packed: pa.Array) -> Statements:
    """Return the statements of binary values; without a copy where all are short."""
    _, buffer, content = packed.buffers()
    if not len(packed):
        return np.empty(0, dtype=STATEMENT)
    offsets = np.frombuffer(buffer, dtype=np.int32)[packed.offset : packed.offset + len(packed) + 1]
    sizes = np.diff(offsets).astype(np.intp)
    if (sizes == STATEMENT.itemsize).all():
        return np.frombuffer(content, dtype=STATEMENT, count=len(packed), offset=int(offsets[0]))
    statements = np.zeros(len(packed), dtype=VERSIONED)
    _bytes_of(statements)[_within(sizes)] = np.frombuffer(content, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return with_first_versions(statements)


def with_first_versions(statements: Statements) -> Statements:
    """Give short statements among others the version that they only mark."""
    is_first = (statements["corrected"] & FIRST) > 0
    statements["version"][is_first] = FIRST_VERSION
    return statements
