from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml.evaluation.subgroups import crisis_subgroups, in_crisis, subgroup_rows
from ml.features import FEATURE_NAMES
from tests.support.outcomes import draw_outcomes, make_data


def windows(*newest: tuple[float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    features = np.full((len(newest), len(FEATURE_NAMES)), np.nan, dtype=np.float32)
    features[:, -4:-2] = newest
    return features


def test_a_row_is_in_crisis_by_its_newest_reading_alone() -> None:
    features = windows((180, 80), (179, 119), (150, 120), (179, 80))
    features[3, 0] = 200
    assert in_crisis(features).tolist() == [True, False, True, False]


def test_subgroups_by_crisis_are_all_rows_those_without_and_those_in_one() -> None:
    data = make_data(draw_outcomes(4), np.array([180.0, 140.0, 190.0, 150.0]))
    assert {
        name: np.flatnonzero(rows).tolist() for name, rows in crisis_subgroups(in_crisis(data.features)).items()
    } == {
        "all": [0, 1, 2, 3],
        "not_in_crisis": [1, 3],
        "in_crisis": [0, 2],
    }


def filled(readings: int, step_h: float = 0.25) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    features = np.full((30, 4), np.nan, dtype=np.float32)
    features[30 - readings :, :3] = (140, 80, 70)
    features[30 - readings :, 3] = step_h * np.arange(readings)[::-1]
    return features.reshape(-1)


def test_every_row_is_in_one_subgroup_of_each_kind() -> None:
    data = replace(make_data(draw_outcomes(24)), group=np.array(["a", "b"] * 12))
    kinds: dict[str, int] = {}
    for name, rows in subgroup_rows(data).items():
        kinds[name.split(":")[0]] = kinds.get(name.split(":")[0], 0) + int(rows.sum())
    assert set(kinds.values()) == {24}


def test_windows_are_told_apart_by_their_readings_and_gaps() -> None:
    features = np.stack([filled(10), filled(20), filled(30), filled(30, step_h=1.5)])
    data = replace(make_data(draw_outcomes(4)), features=features)
    found = {name: np.flatnonzero(rows).tolist() for name, rows in subgroup_rows(data).items()}
    assert found["readings in window: 10-19"] == [0]
    assert found["readings in window: 20-29"] == [1]
    assert found["readings in window: 30"] == [2, 3]
    assert found["gap above 1 h in window: yes"] == [3]


def test_hours_of_the_day_are_those_of_the_places_clock_three_together() -> None:
    hours = np.array([0, 2.9, 3, 23.9], dtype=np.float32)
    found = subgroup_rows(replace(make_data(draw_outcomes(4)), hour=hours))
    assert found["hour of the day: 00-03"].tolist() == [True, True, False, False]
    assert found["hour of the day: 03-06"].tolist() == [False, False, True, False]
    assert found["hour of the day: 21-24"].tolist() == [False, False, False, True]


def test_windows_are_told_apart_by_how_often_the_patient_measures() -> None:
    features = np.stack([filled(10), filled(20, step_h=0.5), filled(30, step_h=1)])
    found = subgroup_rows(replace(make_data(draw_outcomes(3)), features=features))
    assert found["mean interval in window: below 24 min"].tolist() == [True, False, False]
    assert found["mean interval in window: between"].tolist() == [False, True, False]
    assert found["mean interval in window: from 45 min"].tolist() == [False, False, True]
