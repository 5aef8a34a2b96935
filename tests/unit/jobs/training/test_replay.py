from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.times import HOUR_US
from jobs.streaming.window_state import STATE_LENGTH
from jobs.streaming.windows import build_windows
from jobs.training.replay import training_rows, unpack, whole_patients
from ml.dataset import FITTED, Dataset, split_of
from ml.features import FEATURE_NAMES, feature_matrix
from ml.labels import FOLLOW_UP_H
from ml.storage import from_arrow

T_US = 1_740_787_200_000_000
NO_BLOCK = T_US + 10_000 * HOUR_US
TESTED, TRAINED = (next(f"p-{n}" for n in range(99) if split_of(f"p-{n}") == side) for side in ("test", "train"))
SCHEMA = pa.schema(
    [
        ("patient_id", pa.string()),
        ("effective_us", pa.int64()),
        *((name, pa.float32()) for name in ("systolic", "diastolic", "heart_rate")),
        ("source_partition", pa.int32()),
        ("source_offset", pa.int64()),
        ("corrected", pa.bool_()),
    ]
)
Row = dict[str, Any]


def stored(hours: float, offset: int, **overrides: Any) -> Row:
    """Return one stored observation `hours` after T."""
    row = {
        "patient_id": TESTED,
        "effective_us": T_US + round(hours * HOUR_US),
        "systolic": 100.0 + offset % 80,
        "diastolic": 70.0,
        "heart_rate": 60.0,
        "source_partition": 0,
        "source_offset": offset,
        "corrected": False,
    }
    return row | overrides


def in_order(count: int, **overrides: Any) -> list[Row]:
    return [stored(number / 4, number, **overrides) for number in range(count)]


def table(rows: Sequence[Row]) -> pa.Table:
    ordered = sorted(rows, key=lambda row: (row["patient_id"], row["effective_us"]))
    return pa.Table.from_pylist(ordered, schema=SCHEMA)


def replayed(rows: Sequence[Row], min_readings: int = 1, block_from_us: int = NO_BLOCK) -> Dataset:
    return from_arrow(pa.Table.from_batches(training_rows(table(rows), min_readings, block_from_us, UTC)))


def systolics(data: Dataset, row: int) -> list[float]:
    """Return the systolic pressures in the window of a row, oldest first."""
    values = data.features[row, FEATURE_NAMES.index("systolic_lag29") :: 4]
    return [float(value) for value in values[~np.isnan(values)]]


def test_each_reading_makes_a_row_of_the_window_that_ends_with_it() -> None:
    data = replayed(in_order(40))
    assert ((data.newest_us - T_US) * 4 // HOUR_US).tolist() == list(range(40))
    for row in range(40):
        assert systolics(data, row) == [100 + number for number in range(max(0, row - 29), row + 1)]


def test_what_arrived_after_the_reading_at_t_is_not_in_its_window() -> None:
    """Leakage list, 9: reading 2 came after reading 3, so 3 was scored without it and 4 with it."""
    rows = [stored(0, 0), stored(1, 1), stored(2, 3), stored(3, 2), stored(4, 4)]
    data = replayed(rows)
    assert [systolics(data, row) for row in range(5)] == [
        [100],
        [100, 101],
        [100, 101, 103],
        [100, 101, 102],
        [100, 101, 103, 102, 104],
    ]


def test_a_reading_that_arrived_too_late_for_its_window_still_counts_as_what_followed() -> None:
    data = replayed([*in_order(120), stored(0.3, 500, systolic=190.0)])
    assert data.targets[0].tolist() == [1, 1, 1]


def test_a_corrected_reading_makes_no_row_but_is_in_later_windows_and_targets() -> None:
    """What it said when it arrived is not stored, so its own window as known at t cannot be told."""
    rows = [stored(number / 4, 2 * number) for number in range(120)]
    rows[2] |= {"corrected": True, "systolic": 185.0, "source_offset": 7}  # came between readings 3 and 4
    data = replayed(rows)
    assert rows[2]["effective_us"] not in data.newest_us
    assert systolics(data, 2) == [100, 102, 106]
    assert systolics(data, 3) == [100, 102, 185, 106, 108]
    assert data.targets[0].tolist() == [1, 1, 1]


def test_a_heart_rate_of_its_own_joins_the_reading_and_makes_no_row() -> None:
    lone = stored(1 / 60, 1, systolic=None, diastolic=None, heart_rate=88.0)
    data = replayed([stored(0, 0, heart_rate=None), lone, stored(1, 2)])
    assert len(data) == 2
    rates = data.features[:, [FEATURE_NAMES.index(name) for name in ("heart_rate_lag01", "heart_rate_lag00")]]
    np.testing.assert_array_equal(rates, [[np.nan, np.nan], [88, 60]])


def test_too_short_windows_make_no_rows() -> None:
    assert len(replayed(in_order(12), min_readings=10)) == 3
    assert training_rows(table(in_order(9)), 10, NO_BLOCK, UTC) == []


def test_where_the_patients_record_ends_nothing_is_told_of_the_horizons_beyond() -> None:
    """Neither a crisis: kept ones without calm ones would make the last day look dangerous."""
    rows = in_order(26 * 4)
    rows[-1]["systolic"] = 200.0
    data = replayed(rows)
    hours_left = (data.newest_us[-1] - data.newest_us) / HOUR_US
    assert np.isnan(data.targets[hours_left < 24, 2]).all()
    assert (data.targets[hours_left == 24, 2] == 1).all()
    assert (data.targets[hours_left > 24, 2] == 0).all()


def test_the_last_stretch_is_the_block_and_fitted_rows_that_look_into_it_are_left_out() -> None:
    block_from_us = T_US + 40 * HOUR_US
    rows = [row for name in (TESTED, TRAINED) for row in in_order(60 * 4, patient_id=name)]
    made = pa.Table.from_batches(training_rows(table(rows), 1, block_from_us, UTC))
    hours: dict[str, set[float]] = {split: set() for split in ("train", "block", "test")}
    for split, newest_us in zip(made["split"].to_pylist(), from_arrow(made).newest_us.tolist(), strict=True):
        hours[split].add((newest_us - T_US) / HOUR_US)
    assert max(hours["train"]) < 40 - FOLLOW_UP_H
    assert min(hours["block"]) == 40
    assert len(hours["test"]) == 60 * 4
    assert split_of(TRAINED) in FITTED


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_patients_stay_whole_however_their_rows_are_cut_into_batches(size: int) -> None:
    rows = table([row for name in ("a", "b", "c") for row in in_order(5, patient_id=name)])
    cut = list(whole_patients(rows.to_batches(max_chunksize=size)))
    names = [set(rows["patient_id"].to_pylist()) for rows in cut]
    assert sum(map(len, names)) == len(set.union(*names)) == 3
    assert pa.concat_tables(cut).equals(rows)


def test_no_rows_are_no_patients() -> None:
    assert list(whole_patients(iter([pa.RecordBatch.from_pylist([], schema=SCHEMA)]))) == []


def naive(rows: Sequence[Row]) -> Iterator[bytes]:
    """Yield for each reading what up to it had arrived by then, through the function that the stream calls."""
    for newest in sorted(rows, key=lambda row: int(row["effective_us"])):
        if newest["systolic"] is None:
            continue
        known = [
            row
            for row in sorted(rows, key=lambda row: int(row["effective_us"]))
            if row["effective_us"] <= newest["effective_us"] and row["source_offset"] <= newest["source_offset"]
        ]
        _, entries, patients = unpack(table(known[-STATE_LENGTH:]))
        yield feature_matrix(build_windows(entries, patients).windows).tobytes()


def test_a_patient_with_lone_heart_rates_only_makes_no_row() -> None:
    assert training_rows(table(in_order(5, systolic=None, diastolic=None)), 1, NO_BLOCK, UTC) == []


@given(st.randoms(use_true_random=False), st.integers(1, 90))
def test_rows_in_any_order_of_arrival_give_what_the_definition_gives(random: Any, count: int) -> None:
    offsets = list(range(count))
    for _ in range(random.randrange(4)):
        offsets.insert(random.randrange(count), offsets.pop(random.randrange(count)))
    lone = {"systolic": None, "diastolic": None}
    kinds = [{}, *random.choices([{}, {}, {}, lone], k=count - 1)]  # the first is a reading, so that there is a row
    rows = [
        stored(number / 4, offset, **kind) for number, (offset, kind) in enumerate(zip(offsets, kinds, strict=True))
    ]
    assert [row.tobytes() for row in replayed(rows).features] == list(naive(rows))
