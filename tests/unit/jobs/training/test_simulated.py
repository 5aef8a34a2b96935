from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conf.times import HOUR_US
from jobs.training.simulated import (
    BEGIN_H,
    BLOCK_H,
    START_US,
    Design,
    Records,
    chunks,
    rhythm,
    simulate_rows,
    windows_at,
)
from ml.dataset import FITTED, SPLIT_SHARES, Dataset, Texts, split_of
from ml.features import FEATURE_NAMES, WINDOW_LENGTH, feature_matrix
from ml.labels import FOLLOW_UP_H

DESIGN = Design(patients=300, seed=3)
STEPS = 12


@cache
def rows(design: Design = DESIGN, chunk: int = 0) -> tuple[Dataset, Texts]:
    return simulate_rows(design, chunk)


def varied(**changes: Any) -> tuple[Dataset, Texts]:
    return simulate_rows(replace(DESIGN, **changes), 0)


def filled(features: NDArray[np.float32]) -> NDArray[np.int64]:
    count: NDArray[np.int64] = (~np.isnan(features[:, FEATURE_NAMES.index("systolic_lag29") :: 4])).sum(axis=1)
    return count


def hours(data: Dataset) -> NDArray[np.float64]:
    return (data.newest_us - START_US) / HOUR_US


def test_the_same_design_gives_the_same_rows_and_another_seed_others() -> None:
    again, _ = simulate_rows(DESIGN, 0)
    np.testing.assert_array_equal(again.features, rows()[0].features)
    np.testing.assert_array_equal(again.targets, rows()[0].targets)
    other, _ = varied(seed=4)
    assert not np.array_equal(other.features[:100], again.features[:100], equal_nan=True)


def test_chunks_are_independent_of_each_other_and_of_how_many_there_are() -> None:
    """Chunk 1 of a large design is made without chunk 0; together they hold each patient once."""
    large = replace(DESIGN, patients=2_100, windows_per_patient=1)
    assert chunks(large) == 3
    first, second, last = (simulate_rows(large, chunk)[0] for chunk in range(3))
    sizes = [len(np.unique(part.patient_id)) for part in (first, second, last)]
    assert sizes == [1_000, 1_000, 100]
    assert not set(first.patient_id) & set(second.patient_id)
    assert not np.array_equal(first.features[:50], second.features[:50], equal_nan=True)
    smaller, _ = simulate_rows(replace(large, patients=2_000), 1)
    np.testing.assert_array_equal(smaller.features, second.features)


def test_a_shifted_design_measures_other_patients_in_another_way() -> None:
    external, _ = varied(shifted=True)
    assert "elderly" in set(external.group)
    hours_before = external.features[:, FEATURE_NAMES.index("hours_before_newest_lag01")]
    assert np.nanmin(hours_before) == pytest.approx(1 / 3)
    described = replace(DESIGN, shifted=True).describe()
    assert described["scenario"] != DESIGN.describe()["scenario"]


def test_a_shifted_design_repeats_neither_numbers_nor_patients_of_the_same_seed() -> None:
    """Leakage list, 5: training and external data never come from one seed."""
    own, _ = rows()
    external, parts = varied(shifted=True)
    assert set(parts) == {"external"}
    assert not set(external.patient_id) & set(own.patient_id)
    own_newest, external_newest = (set(map(bytes, data.features[:, -STEPS:])) for data in (own, external))
    assert not own_newest & external_newest


def test_each_patient_is_on_one_side_the_one_its_id_gives() -> None:
    """Leakage list, 2. `block` holds patients that are otherwise trained on, in a stretch of time of its own."""
    data, parts = rows()
    for name, part in zip(data.patient_id.tolist(), parts.tolist(), strict=True):
        side = split_of(name)
        assert part == side or (part == "block" and side in FITTED)
    assert set(parts) == {*SPLIT_SHARES, "block"}


def test_the_block_is_the_last_stretch_and_no_fitted_rows_follow_up_reaches_into_it() -> None:
    data, parts = rows()
    begin_h = DESIGN.usable_h - BLOCK_H
    held_out, fitted = hours(data)[parts == "block"], hours(data)[np.isin(parts, FITTED)]
    assert held_out.min() >= begin_h
    assert fitted.max() < begin_h - FOLLOW_UP_H
    assert hours(data)[parts == "test"].min() < begin_h - FOLLOW_UP_H < begin_h < hours(data)[parts == "test"].max()


def test_every_row_is_followed_for_a_whole_day() -> None:
    data, _ = rows()
    assert hours(data).max() < DESIGN.record_h - FOLLOW_UP_H
    assert np.isnan(data.targets[:, 2]).mean() < 0.01


def test_each_patient_gives_as_many_windows_as_asked_for_at_distinct_instants() -> None:
    data, parts = rows()
    others = data.where(parts != "track")
    assert set(np.unique(others.patient_id, return_counts=True)[1]) == {DESIGN.windows_per_patient}
    assert len({*zip(others.patient_id, others.newest_us, strict=True)}) == len(others)


def test_patients_of_the_track_give_every_measured_reading_of_one_day() -> None:
    """Some measure every quarter of an hour, others every half or whole hour."""
    data, parts = rows()
    track = data.where(parts == "track")
    for name in np.unique(track.patient_id):
        newest = hours(track)[track.patient_id == name]
        assert newest.max() - newest.min() < 24
        assert 14 < len(newest) <= 96
        assert (np.diff(newest) > 0).all()


def test_without_a_track_every_patient_gives_the_same_number_of_windows() -> None:
    data, parts = varied(track_h=0, windows_per_patient=1)
    assert len(data) == len(np.unique(data.patient_id)) == DESIGN.patients
    assert "track" in parts


def test_a_longer_horizon_never_sees_less() -> None:
    targets = rows()[0].targets
    known = ~np.isnan(targets).any(axis=1)
    assert (np.diff(targets[known], axis=1) >= 0).all()
    assert set(np.unique(targets[known])) == {0, 1}


def test_short_windows_occur_down_to_the_least_number_of_readings() -> None:
    counts = filled(rows()[0].features)
    assert counts.min() == DESIGN.min_readings
    assert counts.max() == WINDOW_LENGTH
    assert filled(varied(min_readings=30)[0].features).min() == WINDOW_LENGTH


def test_the_number_of_filled_slots_reveals_neither_the_class_nor_the_hour() -> None:
    """Leakage list, 7: records begin at every hour, so short windows are as frequent at each hour of the day."""
    design = replace(DESIGN, patients=1_000, windows_per_patient=24)
    data, parts = simulate_rows(design, 0)
    data = data.where(parts != "track")
    short = filled(data.features) < WINDOW_LENGTH
    by_hours = [(data.hour[short] // 6 == part).mean() for part in range(4)]
    assert max(by_hours) - min(by_hours) < 0.12
    known = data.where(hours(data) < BEGIN_H + 8).for_horizon(2)
    short, positive = filled(known.features) < WINDOW_LENGTH, known.targets[:, 2] == 1
    assert 0.2 < short.mean() < 0.8
    rates = [positive[short].mean(), positive[~short].mean()]
    by_patient = len(np.unique(data.patient_id))
    assert abs(rates[0] - rates[1]) < 3 * np.sqrt(0.25 / by_patient)


def test_the_hour_is_that_of_the_place_and_records_begin_at_any() -> None:
    data, _ = rows()
    np.testing.assert_allclose(data.hour, (hours(data) + 1) % 24, atol=1e-4)
    measuring = rhythm(DESIGN, 0)
    assert np.ptp(measuring.begins) > 90
    assert set(measuring.every) == {1, 2, 4}


def test_some_patients_never_tell_a_heart_rate_and_some_round_their_pressures() -> None:
    data, _ = rows()
    shown = data.features.reshape(len(data), WINDOW_LENGTH, 4)
    names, owner = np.unique(data.patient_id, return_inverse=True)
    silent = [np.isnan(shown[owner == place, :, 2]).all() for place in range(len(names))]
    assert 0.1 < np.mean(silent) < 0.25
    rounded = [(shown[owner == place, -1, 0] % 2 == 0).all() for place in range(len(names))]
    assert 0.08 < np.mean(rounded) < 0.25


def test_whoever_measures_hourly_is_not_judged_within_an_hour() -> None:
    data, _ = rows()
    step = np.nanmedian(-np.diff(data.features[:, 3::4], axis=1), axis=1)
    assert np.isnan(data.targets[step >= 1, 0]).all()
    assert np.isnan(data.targets[step >= 1, 1]).mean() < 0.2


def test_nothing_but_what_a_device_shows_is_in_the_features() -> None:
    """Leakage list, 3: the group is told beside the features, and whole pressures are all that they hold."""
    data, _ = rows()
    shown = data.features.reshape(len(data), WINDOW_LENGTH, 4)[:, :, :3]
    shown = shown[~np.isnan(shown)]
    np.testing.assert_array_equal(shown, np.rint(shown))
    assert set(data.group) == set(DESIGN.scenario.mixture)


def test_futures_after_t_do_not_change_a_window() -> None:
    """Leakage list, 9: with the same past and another future the features are equal to the bit."""
    made = records()
    patient, tick = np.array([0, 1]), np.array([40, 41])
    before = feature_matrix(windows_at(made, patient, tick))
    later = np.arange(made.systolic.shape[1]) > 41
    changed = replace(made, systolic=np.where(later, 250, made.systolic), shown=made.shown | later)
    np.testing.assert_array_equal(feature_matrix(windows_at(changed, patient, tick)), before)


def records() -> Records:
    """Return random records of 4 patients at 80 ticks; a fifth of the readings is hidden, a tenth has no heart rate."""
    random = np.random.default_rng(1)
    shape = (4, 80)
    systolic, diastolic, rate = (random.integers(low, low + 60, shape).astype(np.int16) for low in (100, 50, 60))
    effective_us = START_US + np.arange(80) * HOUR_US // 4 + np.arange(4)[:, None] * 1_000_000
    shown = random.random(shape) > 0.2
    heart_rate = np.where(random.random(shape) > 0.1, rate, np.nan).astype(np.float32)
    return Records(effective_us, systolic, diastolic, heart_rate, shown)


def naive_window(made: Records, patient: int, tick: int) -> Iterator[tuple[float, ...]]:
    """Apply the definition, one reading at a time: (systolic, diastolic, heart rate, hours before the newest)."""
    seen = [k for k in range(tick + 1) if made.shown[patient, k]][-WINDOW_LENGTH:]
    yield from [(np.nan,) * 4] * (WINDOW_LENGTH - len(seen))
    for k in seen:
        before_h = (made.effective_us[patient, tick] - made.effective_us[patient, k]) / HOUR_US
        yield made.systolic[patient, k], made.diastolic[patient, k], made.heart_rate[patient, k], before_h


def test_windows_hold_the_last_thirty_shown_readings_newest_last() -> None:
    made = records()
    patient, tick = np.nonzero(made.shown)
    expected = [list(naive_window(made, *place)) for place in zip(patient.tolist(), tick.tolist(), strict=True)]
    features = feature_matrix(windows_at(made, patient, tick))
    np.testing.assert_array_equal(features, np.array(expected, dtype=np.float32).reshape(len(patient), -1))


def test_the_target_is_what_the_cuff_shows() -> None:
    """No reading above the limit comes within the hour after a row whose target says that no crisis followed."""
    design = replace(DESIGN, patients=4_000)
    seen = np.concatenate([_crisis_shown_after_calm(*simulate_rows(design, chunk)) for chunk in range(chunks(design))])
    assert len(seen) > 1_000
    assert not seen.any()


def _crisis_shown_after_calm(data: Dataset, parts: Texts) -> NDArray[np.bool_]:
    calm = data.where((parts == "track") & (data.targets[:, 0] == 0))
    shows_crisis = data.features[:, FEATURE_NAMES.index("systolic_lag00")] >= 180
    crises = {*zip(data.patient_id[shows_crisis], data.newest_us[shows_crisis], strict=True)}
    quarters_us = [quarter * HOUR_US // 4 for quarter in range(1, 5)]
    rows = zip(calm.patient_id, calm.newest_us, strict=True)
    return np.array([any((name, t_us + later) in crises for later in quarters_us) for name, t_us in rows])


def test_gaps_of_the_device_are_visible_in_the_hours() -> None:
    data, _ = rows()
    full = data.features[filled(data.features) == WINDOW_LENGTH]
    steps = -np.diff(full[:, 3::4], axis=1)
    assert (full[:, -1] == 0).all()
    assert steps.min() == pytest.approx(0.25, abs=1e-5)
    assert (steps > 0.4).mean() > 0.02


@pytest.mark.parametrize(("changes", "least"), [({"record_h": 95}, 96), ({"record_h": 110, "track_h": 72}, 120)])
def test_a_record_without_room_for_follow_up_block_and_track_is_refused(changes: dict[str, int], least: int) -> None:
    with pytest.raises(ValueError, match=f"record_h must be at least {least}"):
        varied(**changes)


def test_the_description_says_that_the_patients_are_simulated() -> None:
    described = DESIGN.describe()
    assert "SIMULATED" in str(described["source"])
    assert described["episode_factor"] == DESIGN.episode_factor
