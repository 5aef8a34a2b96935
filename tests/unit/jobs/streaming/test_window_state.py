"""Packing what messages say into the bytes of the window state, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.times import HOUR_US, MINUTE_US
from fhir.parse.effective_time import END_US, FIRST_US
from fhir.precedence import StatementKind
from fhir.readings import Parsed, Reading, Retraction
from jobs.streaming.source import Message, TopicPlace
from jobs.streaming.window_state import (
    CORRECTED,
    FIRST,
    NO_OBSERVATION,
    SITE_SHIFT,
    STATE_LENGTH,
    STATEMENT,
    VERSIONED,
    Statements,
    observation_number,
    pack_messages,
    state_order,
    unpack_state,
)
from tests.support.factories import SNOMED, bundle, code, half_observation, heart_rate_observation, observation, without
from tests.support.messages import RECEIVED_US, message

TAKEN_US = 1_772_349_300_000_000  # 2026-03-01T08:15:00+01:00, as in tests.support.factories

times_us = st.integers(-(2**50), 4_102_444_800_000_000)  # until the year 2100
offsets = st.integers(0, 2**62)


def pack(*messages: Message) -> tuple[list[str], Statements]:
    """Pack and unpack again: the patients and the entries, in the order given."""
    batch = pack_messages(list(messages))
    binary = b"".join(batch.column("entry").to_pylist())
    return batch.column("patient_id").to_pylist(), np.frombuffer(binary, dtype=STATEMENT)


def readings(*patient_ids: str) -> Message:
    """Return one message with a reading of each patient, told apart by the systolic pressure."""
    fields = (TAKEN_US, 0, 80.0, None, "final", None, None, None, (), 0)
    made = [
        Reading(patient_id, fields[0], fields[1], 100.0 + number, *fields[2:])
        for number, patient_id in enumerate(patient_ids)
    ]
    return Message(TopicPlace(0, 10, RECEIVED_US), None, Parsed(readings=made))


def state(entries: Statements, lengths: list[int]) -> pa.RecordBatch:
    """Return the entries as Spark hands state over: patients ``p0``, ``p1``..., each with a list of binary values."""
    groups, start = [], 0
    for length in lengths:
        groups.append([entry.tobytes() for entry in entries[start : start + length]])
        start += length
    patient_ids = pa.array([f"p{number}" for number in range(len(lengths))], pa.string())
    lists = pa.array(groups, pa.list_(pa.binary()))
    return pa.RecordBatch.from_arrays([patient_ids, lists], names=["patient_id", "entries"])


def unpack(batch: pa.RecordBatch) -> dict[str, list[float]]:
    """Return the systolic pressures of each patient, as unpacked: oldest first."""
    patient_ids, entries, rows = unpack_state(batch)
    assert sorted(rows.tolist()) == rows.tolist()
    return {name: entries["systolic"][rows == row].tolist() for row, name in enumerate(patient_ids)}


def test_an_entry_takes_forty_bytes_and_sixteen_more_with_a_version_or_a_partner() -> None:
    assert (STATEMENT.itemsize, VERSIONED.itemsize) == (40, 56)
    pair = bundle(half_observation("8480-6", 128), half_observation("8462-4", 82))
    for resource, size in [
        (observation(), 40),
        (observation(meta={}), 40),
        (observation(meta={"versionId": "2"}), 56),
        (observation(meta={"lastUpdated": "2026-03-01T08:00:00Z"}), 56),
        (pair, 56),
        (observation(status="entered-in-error", meta={"versionId": "2"}), 40),
        (observation(status="cancelled"), 40),
    ]:
        (entry,) = pack_messages([message(resource)]).column("entry").to_pylist()
        assert len(entry) == size


def test_short_and_long_entries_come_back_together_with_versions_and_partners() -> None:
    newer = observation(meta={"versionId": "2"}, effectiveDateTime="2026-03-01T09:00:00+01:00")
    pair = bundle(half_observation("8480-6", 128, meta={}), half_observation("8462-4", 82))
    without_version = observation(id="bp-3", meta={}, effectiveDateTime="2026-03-01T07:00:00+01:00")
    packed = pack_messages(
        [message(observation(), 10), message(newer, 11), message(pair, 12), message(without_version, 13)]
    )
    entries = packed.column("entry").to_pylist()
    assert sorted(map(len, entries)) == [40, 40, 56, 56]
    lists = pa.array([entries[:3], entries[3:]], pa.list_(pa.binary()))
    whole = pa.RecordBatch.from_arrays([pa.array(["a", "b"]), lists], names=["patient_id", "entries"])

    _, statements, patients = unpack_state(whole)

    assert patients.tolist() == [0, 1, 1, 1]
    assert statements["version"].tolist() == [0, 0, 3, 2]
    assert statements["partner"].tolist() == [NO_OBSERVATION, observation_number("half-8462-4"), 0, 0]
    assert statements["offset"].tolist() == [13, 12, 11, 10]
    assert unpack_state(whole.slice(1, 1))[1].dtype == STATEMENT


def test_withdrawal_is_no_retraction_and_keeps_its_version() -> None:
    (entry,) = (
        pack_messages([message(observation(status="cancelled", meta={"versionId": "4"}))]).column("entry").to_pylist()
    )
    (statement,) = np.frombuffer(entry, dtype=VERSIONED)
    assert (statement["kind"], statement["version"]) == (StatementKind.WITHDRAWAL, 5)


def test_site_of_the_body_is_told_by_six_bits() -> None:
    left, right = (observation(bodySite=code(site, system=SNOMED)) for site in ("368208006", "368209003"))
    _, entries = pack(message(left, 10), message(right, 11), message(observation(), 12))
    sites = (entries["corrected"] >> SITE_SHIFT).tolist()
    assert sites[2] == 0
    assert len(set(sites)) == 3


def test_reading_keeps_what_the_window_needs_of_it() -> None:
    patients, (entry,) = pack(message(observation(heart_rate=64, status="amended"), offset=17, partition=3))
    assert patients == ["p-1"]
    assert entry["effective_us"] == TAKEN_US
    assert (entry["offset"], entry["partition"], entry["kind"], entry["corrected"]) == (
        17,
        3,
        StatementKind.PRESSURE,
        CORRECTED | FIRST,
    )
    assert (entry["systolic"], entry["diastolic"], entry["heart_rate"]) == (128, 82, 64)
    assert entry["observation"] == observation_number("bp-1")


def test_absent_values_are_nan() -> None:
    _, entries = pack(message(observation()), message(heart_rate_observation(71), offset=11))
    assert np.isnan(entries["heart_rate"]).tolist() == [True, False]
    assert np.isnan(entries["systolic"]).tolist() == [False, True]
    assert entries["kind"].tolist() == [StatementKind.PRESSURE, StatementKind.HEART_RATE]


def test_every_reading_of_a_bundle_becomes_an_entry_of_its_patient() -> None:
    other = observation(id="bp-2", subject={"reference": "Patient/p-2"})
    assert pack(message(bundle(observation(), other)))[0] == ["p-1", "p-2"]


def test_retraction_stands_at_the_instant_it_names() -> None:
    _, (entry,) = pack(message(observation(status="entered-in-error")))
    assert (entry["kind"], entry["effective_us"], entry["corrected"]) == (StatementKind.RETRACTION, TAKEN_US, 0)
    assert entry["observation"] == observation_number("bp-1")


def test_retraction_without_a_time_waits_at_the_oldest_place() -> None:
    _, (entry,) = pack(message(without(observation(status="entered-in-error"), "effectiveDateTime")))
    assert (entry["kind"], entry["effective_us"]) == (StatementKind.RETRACTION, FIRST_US)


@pytest.mark.parametrize("received_us", [-(2**63), -1000, 0, 1_795_946_400_000_000_000, 2**63 - 1])
def test_retraction_without_any_usable_time_takes_no_newer_entrys_place(received_us: int) -> None:
    retraction = Parsed(retractions=[Retraction("p-1", "bp-1", None, 0)])
    patients, (entry,) = pack(Message(TopicPlace(0, 1, received_us), None, retraction))
    assert (patients, entry["effective_us"]) == (["p-1"], FIRST_US)


def test_sixty_retractions_of_an_unset_clock_leave_room_for_the_next_reading() -> None:
    sentinels = [
        message(observation(id=f"bp-{n}", status="entered-in-error", effectiveDateTime="2106-02-07T06:28:15Z"), n)
        for n in range(STATE_LENGTH)
    ]
    later = message(observation(effectiveDateTime="2026-03-01T12:01:00Z"), STATE_LENGTH)
    batch = pack_messages([*sentinels, later])
    orders = batch.column("state_order").to_pylist()
    assert max(orders) == orders[-1]


@pytest.mark.parametrize("end_us", [FIRST_US, END_US])
def test_order_of_the_state_holds_over_the_whole_calendar(end_us: int) -> None:
    before, after = state_order(np.array([end_us - 1_000, end_us]), np.array([2**62, 0]))
    assert before < after


def test_retraction_without_a_patient_touches_no_state() -> None:
    nobody = Message(TopicPlace(0, 1, RECEIVED_US), None, Parsed(retractions=[Retraction(None, "bp-1", TAKEN_US, 0)]))
    assert pack(nobody)[0] == []


def test_no_messages_make_an_empty_batch_of_the_right_types() -> None:
    batch = pack_messages([])
    assert batch.num_rows == 0
    assert batch.schema.types == [pa.string(), pa.int64(), pa.binary()]


def test_batch_carries_the_order_of_each_entry() -> None:
    batch = pack_messages([message(observation(), offset=17)])
    expected = state_order(np.array([TAKEN_US]), np.array([17]))
    assert batch.column("state_order").to_pylist() == expected.tolist()


@pytest.mark.parametrize(
    ("lengths", "unpacked"),
    [
        ([3], {"p0": [102, 101, 100]}),
        ([1, 2], {"p0": [100], "p1": [102, 101]}),
        ([0, 3], {"p0": [], "p1": [102, 101, 100]}),
        ([1, 0, 2], {"p0": [100], "p1": [], "p2": [102, 101]}),
        ([0, 0], {"p0": [], "p1": []}),
        ([], {}),
    ],
)
def test_state_comes_back_patient_by_patient_the_last_entry_first(
    lengths: list[int], unpacked: dict[str, list[float]]
) -> None:
    _, entries = pack(readings("a", "b", "c"))
    assert unpack(state(entries, lengths)) == unpacked


def test_unpacked_entries_are_those_that_were_packed_bit_by_bit() -> None:
    _, entries = pack(readings("a", "b"), message(heart_rate_observation(71), offset=11))
    assert unpack_state(state(entries, [1, 2]))[1].tobytes() == entries[::-1].tobytes()


@pytest.mark.parametrize(("start", "length"), [(0, 2), (1, 2), (2, 2), (1, 1), (3, 1), (2, 1), (4, 0)])
def test_slice_of_an_arrow_batch_gives_its_own_patients_entries(start: int, length: int) -> None:
    """Arrow hands slices on without copying: the buffers still hold the neighbours' entries."""
    _, entries = pack(readings(*"abcdef"))
    whole = state(entries, [1, 2, 0, 3])
    expected = dict(list({"p0": [100], "p1": [102, 101], "p2": [], "p3": [105, 104, 103]}.items())[start:][:length])
    assert unpack(whole.slice(start, length)) == expected


@given(times_us, times_us, offsets, offsets)
def test_state_order_never_puts_an_older_millisecond_before_a_newer_one(
    one_us: int, other_us: int, one_offset: int, other_offset: int
) -> None:
    first, other = state_order(np.array([one_us, other_us]), np.array([one_offset, other_offset])).tolist()
    if one_us // 1000 < other_us // 1000:
        assert first < other
    if one_us // 1000 > other_us // 1000:
        assert first > other


@given(times_us, st.integers(0, 2**21 - 1), st.integers(0, 2**21 - 1))
def test_state_order_of_one_millisecond_is_that_of_arrival(time_us: int, earlier: int, later: int) -> None:
    first, other = state_order(np.array([time_us, time_us]), np.array([earlier, later])).tolist()
    assert (first < other) == (earlier < later)


@given(st.text(max_size=200))
def test_observation_number_is_never_that_of_no_observation(observation_id: str) -> None:
    number = observation_number(observation_id)
    assert NO_OBSERVATION < number < 2**64
    assert number == observation_number(observation_id)


def test_observation_numbers_tell_ids_apart() -> None:
    names = [f"bp-{number}" for number in range(1000)]
    assert len({observation_number(name) for name in names}) == len(names)
    assert observation_number(None) == NO_OBSERVATION


def test_sixty_readings_of_a_clock_that_runs_ahead_leave_room_for_a_right_one() -> None:
    ahead = reading_at(RECEIVED_US + 23 * HOUR_US, RECEIVED_US)
    now = reading_at(RECEIVED_US + MINUTE_US, RECEIVED_US + MINUTE_US)
    wrong, right = (
        pack_messages([ahead] * STATE_LENGTH).column("state_order"),
        pack_messages([now]).column("state_order"),
    )
    assert min(right.to_pylist()) > max(wrong.to_pylist())


def reading_at(effective_us: int, received_us: int) -> Message:
    """Return one message with a reading, by when it was taken and when Kafka got it."""
    reading = Reading("p-1", effective_us, 0, 120.0, 80.0, None, "final", None, None, None, (), 0)
    return Message(TopicPlace(0, 1, received_us), None, Parsed(readings=[reading]))


def test_what_is_sent_again_and_again_takes_the_place_of_its_last_time() -> None:
    """Else sixty resends of one message would push all other readings out of the window."""
    resends = [message(observation(), offset) for offset in range(500)]
    other = message(observation(id="bp-2", systolic=190), 500)
    _, statements = pack(*resends, other)
    assert sorted(statements["offset"].tolist()) == [499, 500]


def test_what_differs_in_anything_but_its_arrival_keeps_a_place_of_its_own() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"id": "bp-2"},
        {"systolic": 129},
        {"status": "amended"},
        {"meta": {"versionId": "2"}},
    ]
    changes += [{"subject": {"reference": "Patient/p-2"}}, {"effectiveDateTime": "2026-03-01T08:16:00+01:00"}]
    batch = pack_messages([message(observation(**change), offset) for offset, change in enumerate(changes)])
    assert len(batch) == len(changes)
