"""The window rule in numbered scenarios: what the window holds after each step."""

from __future__ import annotations

import numpy as np
import pytest

from ml.features import FEATURE_NAMES, WINDOW_LENGTH, feature_matrix
from tests.support.arrivals import Patient


def test_late_reading_takes_its_place_by_effective_time() -> None:
    patient = Patient()
    # 1. readings at 0 and 30 minutes arrive in order
    patient.reading(0, systolic=120)
    patient.reading(30, systolic=140)
    assert patient.systolics() == [120, 140]
    assert not patient.window().disturbed[0]
    # 2. the reading of minute 15 arrives late
    patient.reading(15, systolic=130)
    assert patient.systolics() == [120, 130, 140]
    assert patient.window().late_readings[0] == 1
    assert patient.window().disturbed[0]
    # 3. the next reading in time makes the window undisturbed again, and still tells of the late one
    patient.reading(45, systolic=150)
    assert patient.systolics() == [120, 130, 140, 150]
    assert patient.window().late_readings[0] == 1
    assert not patient.window().disturbed[0]


def test_reading_older_than_a_full_window_changes_nothing() -> None:
    patient = Patient()
    for minute in range(0, WINDOW_LENGTH * 15, 15):
        patient.reading(minute, systolic=100 + minute // 15)
    before = patient.systolics()
    patient.reading(-15, systolic=200)
    assert patient.systolics() == before


def test_duplicate_takes_no_second_slot() -> None:
    patient = Patient()
    # 1. a reading, 2. the same message again, 3. the same content under another id
    patient.reading(0, systolic=120, name="a")
    patient.reading(0, systolic=120, name="a")
    patient.reading(0, systolic=120, name="b")
    assert patient.systolics() == [120]


def test_of_two_readings_of_one_instant_the_later_arrival_stands() -> None:
    patient = Patient()
    patient.reading(0, systolic=120)
    assert patient.systolics() == [120]
    patient.reading(0, systolic=125)
    assert patient.systolics() == [125]


def test_correction_of_an_instant_stands_against_a_later_resend_of_the_old_values() -> None:
    patient = Patient()
    # 1. a reading, 2. its correction, 3. the device resends the first
    patient.reading(0, systolic=190, name="a")
    patient.reading(0, systolic=130, name="a", corrected=True)
    assert patient.systolics() == [130]
    patient.reading(0, systolic=190, name="a")
    assert patient.systolics() == [130]


def test_correction_that_moves_a_reading_leaves_nothing_at_the_old_instant() -> None:
    patient = Patient()
    patient.reading(0, systolic=120, name="a")
    patient.reading(15, systolic=130, name="b")
    patient.reading(20, systolic=131, name="b", corrected=True)
    assert patient.systolics() == [120, 131]


def test_retraction_takes_its_reading_out_and_no_other() -> None:
    patient = Patient()
    # 1. three readings, 2. the middle one is retracted
    for minute, systolic, name in ((0, 120, "a"), (15, 185, "b"), (30, 122, "c")):
        patient.reading(minute, systolic=systolic, name=name)
    patient.retraction(15, name="b")
    assert patient.systolics() == [120, 122]
    # 3. a resend of the retracted reading does not bring it back
    patient.reading(15, systolic=185, name="b")
    assert patient.systolics() == [120, 122]


def test_retraction_that_arrives_first_keeps_its_reading_out() -> None:
    patient = Patient()
    patient.retraction(15, name="b")
    patient.reading(0, systolic=120, name="a")
    patient.reading(15, systolic=185, name="b")
    assert patient.systolics() == [120]


def test_retraction_without_id_takes_out_what_arrived_before_for_its_instant() -> None:
    patient = Patient()
    patient.reading(0, systolic=185)
    patient.retraction(0)
    assert patient.systolics() == []
    patient.reading(0, systolic=125)
    assert patient.systolics() == [125]


@pytest.mark.parametrize("first", ["pressure", "heart rate"])
def test_separate_heart_rate_joins_its_reading_whichever_arrives_first(first: str) -> None:
    patient = Patient()
    if first == "heart rate":
        patient.heart_rate(0, 71)
    patient.reading(0, systolic=120)
    if first == "pressure":
        patient.heart_rate(0, 71)
    window = patient.window()
    assert patient.systolics() == [120]
    assert window.windows.heart_rate[0, -1] == 71
    assert window.heart_rates[0] == 1
    assert not window.disturbed[0]


@pytest.mark.parametrize(("minutes", "joined"), [(2.0, True), (-2.0, True), (2.01, False), (-2.01, False)])
def test_heart_rate_joins_within_two_minutes_and_not_beyond(minutes: float, joined: bool) -> None:
    patient = Patient()
    patient.reading(0, systolic=120)
    patient.heart_rate(minutes, 71)
    assert patient.window().heart_rates[0] == int(joined)


def test_heart_rate_component_is_not_replaced_by_a_separate_one() -> None:
    patient = Patient()
    patient.reading(0, systolic=120, heart_rate=64)
    patient.heart_rate(0, 71)
    assert patient.window().windows.heart_rate[0, -1] == 64


def test_heart_rates_alone_make_no_window() -> None:
    patient = Patient()
    patient.heart_rate(0, 71)
    assert patient.systolics() == []


def test_sixty_separate_heart_rates_and_pressures_still_fill_the_window() -> None:
    patient = Patient()
    for minute in range(0, 60 * 15, 15):
        patient.reading(minute, systolic=100 + minute // 15)
        patient.heart_rate(minute, 70)
    window = patient.window()
    assert window.readings[0] == WINDOW_LENGTH
    assert window.heart_rates[0] == WINDOW_LENGTH


def test_gap_shows_in_the_window_quality_and_in_the_time_features() -> None:
    patient = Patient()
    for minute in (0, 15, 15 + 240, 15 + 255):
        patient.reading(minute)
    window = patient.window()
    assert window.hours[0] == pytest.approx(4.5)
    assert window.largest_gap_hours[0] == pytest.approx(4.0)
    hours = feature_matrix(window.windows)[0][[name.startswith("hours_before") for name in FEATURE_NAMES]]
    np.testing.assert_allclose(hours[-4:], [4.5, 4.25, 0.25, 0.0])


def test_fewer_than_thirty_readings_are_right_aligned_and_padded_with_nan() -> None:
    patient = Patient()
    for minute in (0, 15, 30):
        patient.reading(minute)
    row = feature_matrix(patient.window().windows)[0]
    assert patient.window().readings[0] == 3
    assert np.isnan(row[: -3 * 4]).all()
    assert not np.isnan(row[-4:-2]).any()


def test_window_keeps_the_thirty_newest_of_more() -> None:
    patient = Patient()
    for minute in range(0, 40 * 15, 15):
        patient.reading(minute, systolic=100 + minute // 15)
    assert patient.systolics() == [float(value) for value in range(110, 140)]


def test_resend_without_heart_rate_does_not_take_it_away() -> None:
    patient = Patient()
    patient.reading(0, systolic=120, heart_rate=64)
    patient.reading(0, systolic=120)
    assert patient.window().windows.heart_rate[0, -1] == 64
    # other pressures are another measurement: its heart rate is unknown
    patient.reading(0, systolic=125)
    assert patient.window().heart_rates[0] == 0


def test_of_two_separate_heart_rates_of_one_instant_the_later_arrival_stands() -> None:
    patient = Patient()
    patient.reading(0)
    patient.heart_rate(0, 71)
    patient.heart_rate(0, 75)
    assert patient.window().windows.heart_rate[0, -1] == 75
