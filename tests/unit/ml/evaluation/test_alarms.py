from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.dataset import Dataset
from ml.evaluation.alarms import Track, alarm_burden, begins_crisis, lead_hours, make_track, sounded, threshold_for
from ml.features import Windows, feature_matrix
from tests.support.outcomes import Floats, three

MINUTE_US = 60_000_000
CALM, CRISIS = 140.0, 185.0


def track_of(*systolic: Sequence[float], minutes: int = 15, target: float = 0.0) -> Dataset:
    """Return every window of patients that are measured every `minutes`, one sequence of systolic pressures each."""
    windows = [windows_of(np.array(values), minutes) for values in systolic]
    lengths = [len(values) for values in systolic]
    return Dataset(
        features=np.concatenate([feature_matrix(window) for window in windows]),
        targets=np.full((sum(lengths), 3), target, dtype=np.float32),
        patient_id=np.repeat([f"p{number}" for number in range(len(systolic))], lengths),
        newest_us=np.concatenate([window.effective_us[:, -1] for window in windows]),
        group=np.full(sum(lengths), ""),
        hour=np.zeros(sum(lengths), np.float32),
        confirmed=np.zeros((sum(lengths), 3), np.float32),
    )


def windows_of(systolic: Floats, minutes: int) -> Windows:
    place = np.arange(len(systolic))[:, None] + np.arange(-29, 1)
    pressures = np.where(place >= 0, systolic[place.clip(0)], np.nan).astype(np.float32)
    others = np.where(place >= 0, 80, np.nan).astype(np.float32)
    return Windows(place.clip(0) * minutes * MINUTE_US, pressures, others, others)


def times(*minutes: int) -> NDArray[np.int64]:
    return np.array(minutes, dtype=np.int64) * MINUTE_US


def test_an_alarm_silences_the_next_30_minutes() -> None:
    time_us = times(0, 15, 29, 30, 45, 61)
    assert sounded(np.zeros(6, dtype=np.intp), time_us, np.ones(6, dtype=bool)).tolist() == [0, 3, 5]


def test_silence_runs_from_the_last_alarm_that_sounded_not_from_the_last_flag() -> None:
    time_us = times(0, 20, 40, 60)
    assert sounded(np.zeros(4, dtype=np.intp), time_us, np.ones(4, dtype=bool)).tolist() == [0, 2]


def test_rows_below_the_threshold_neither_sound_nor_prolong_silence() -> None:
    flagged = np.array([False, True, False, True, True])
    assert sounded(np.zeros(5, dtype=np.intp), times(0, 10, 20, 30, 40), flagged).tolist() == [1, 4]


def test_patients_do_not_silence_each_other() -> None:
    patient = np.array([0, 0, 1, 1], dtype=np.intp)
    assert sounded(patient, times(0, 15, 0, 15), np.ones(4, dtype=bool)).tolist() == [0, 2]


def test_a_crisis_begins_after_six_hours_without_one() -> None:
    pressures = [CALM] * 60
    for tick in (10, 11, 34, 59):  # 11 continues 10; 34 is 5 h 45 min after 11; 59 is 6 h 15 min after 34
        pressures[tick] = CRISIS
    assert np.flatnonzero(begins_crisis(track_of(pressures).features)).tolist() == [10, 59]


def test_a_crisis_in_the_first_six_hours_of_a_patient_is_left_out() -> None:
    early, late = [CALM] * 40, [CALM] * 40
    early[23], late[24] = CRISIS, CRISIS  # at 5 h 45 min and at 6 h
    assert make_track(track_of(early), 1, seed=0).crisis.tolist() == []
    assert make_track(track_of(early, late), 1, seed=0).crisis.tolist() == [40 + 24]


def crisis_at_tick_30() -> Track:
    pressures = [CALM] * 40
    pressures[30] = CRISIS
    return make_track(track_of(pressures), 1, seed=0)


@pytest.mark.parametrize(("tick", "lead"), [(28, 0.5), (29, 0.25), (6, 6.0), (5, 0.0), (30, 0.0), (31, 0.0)])
def test_the_lead_is_the_time_of_the_first_flag_within_the_six_hours_before(tick: int, lead: float) -> None:
    flagged = np.zeros(40, dtype=bool)
    flagged[tick] = True
    assert lead_hours(crisis_at_tick_30(), flagged).tolist() == [lead]


def test_the_first_of_several_flags_counts() -> None:
    flagged = np.zeros(40, dtype=bool)
    flagged[[5, 22, 29]] = True
    assert lead_hours(crisis_at_tick_30(), flagged).tolist() == [2.0]


def test_the_threshold_finds_the_wanted_share_of_crises_and_no_higher_one_does() -> None:
    sequences = [[CALM] * 31 for _ in range(10)]
    risk = np.zeros(310)
    for number, sequence in enumerate(sequences):
        sequence[30] = CRISIS
        risk[31 * number + 20] = 0.05 * (number + 1)
        risk[31 * number + 30] = 0.99  # at the crisis itself: no prediction
    track = make_track(track_of(*sequences), 1, seed=0)
    assert threshold_for(track, risk, 0.80) == pytest.approx(0.15)
    assert threshold_for(track, risk, 0.90) == pytest.approx(0.10)
    found = lead_hours(track, track.may_flag & (risk >= 0.15)) > 0
    assert found.mean() == 0.8


def burden_of(risk: Floats, data: Dataset) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = alarm_burden(data, {"xgboost": three(risk)}, replicates=50)["models"][
        "xgboost"
    ]["at_level"]["HIGH"]
    return found


def two_patients(target: float = 0.0) -> Dataset:
    pressures = [CALM] * 97
    crisis = [*pressures]
    crisis[90] = CRISIS
    return track_of(pressures, crisis, target=target)


def test_alarms_are_counted_per_day_of_patients_with_and_without_crisis() -> None:
    risk = np.zeros(194)
    risk[[10, 11, 12, 97 + 88]] = 0.5  # alarms at 10 and 12 of the first patient, at 88 of the second
    found = burden_of(risk, two_patients())
    assert found["alarms_per_patient_day"]["value"] == 1.5
    assert found["recall"]["value"] == 1.0


def test_a_crisis_first_flagged_exactly_30_minutes_ahead_is_not_found_over_30_minutes_ahead() -> None:
    risk = np.zeros(194)
    risk[97 + 88] = 0.5
    found = burden_of(risk, two_patients())
    assert found["median_lead_h"]["value"] == 0.5
    assert found["found_over_30_min_ahead"]["value"] == 0.0
    risk[97 + 87] = 0.5
    assert burden_of(risk, two_patients())["found_over_30_min_ahead"]["value"] == 1.0


def test_flags_in_crisis_are_not_alarms() -> None:
    risk = np.zeros(194)
    risk[97 + 90] = 0.9
    assert burden_of(risk, two_patients())["alarms_per_patient_day"]["value"] == 0.0


def test_alarms_with_censored_target_do_not_count_for_ppv() -> None:
    data = two_patients()
    data.targets[[10, 20, 30], 1] = (1, 0, np.nan)
    risk = np.zeros(194)
    risk[[10, 20, 30]] = 0.5
    found = burden_of(risk, data)
    assert found["ppv"]["value"] == 0.5
    assert found["alarms_per_patient_day"]["value"] == 1.5


def test_rows_may_come_in_any_order() -> None:
    data = two_patients()
    risk = np.linspace(0, 1, 194)
    order = np.random.default_rng(3).permutation(194)
    mixed = Dataset(*(getattr(data, field.name)[order] for field in fields(data)))
    assert alarm_burden(mixed, {"xgboost": three(risk[order])}, replicates=5) == alarm_burden(
        data, {"xgboost": three(risk)}, replicates=5
    )


def test_a_track_without_crisis_has_no_figures() -> None:
    found = alarm_burden(track_of([CALM] * 50), {"xgboost": three(np.zeros(50))}, replicates=5)
    assert (found["crises"], found["models"]) == (0, {})


def test_the_result_is_strict_json() -> None:
    found = alarm_burden(two_patients(), {"xgboost": three(np.zeros(194)), "forest": three(np.ones(194))}, replicates=5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["models"]) == {"xgboost"}
