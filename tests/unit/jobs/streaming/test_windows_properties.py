"""The vectorised fold equals the written rule, whatever the statements."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir.precedence import StatementKind
from fhir.readings import FIRST_DATED_VERSION
from jobs.streaming.window_state import (
    CORRECTED,
    FIRST,
    NO_OBSERVATION,
    SITE_SHIFT,
    STATEMENT,
    VERSIONED,
    Statements,
)
from jobs.streaming.windows import build_windows, fold, fold_patient
from ml.features import WINDOW_LENGTH, feature_matrix

HALF_MINUTE_US = 30_000_000

statement = st.tuples(
    st.integers(0, 14),  # effective time in half minutes: close together, so that everything collides
    st.sampled_from([NO_OBSERVATION, 1, 2, 3, 4, 5]),
    st.integers(100, 200),
    st.one_of(st.just(np.nan), st.integers(50, 90)),
    st.sampled_from(
        [StatementKind.PRESSURE] * 5
        + [StatementKind.HEART_RATE] * 3
        + [StatementKind.RETRACTION, StatementKind.WITHDRAWAL]
    ),
    st.sampled_from([0, 0, 0, 0, CORRECTED, FIRST, 1 << SITE_SHIFT, 2 << SITE_SHIFT]),
    st.sampled_from([0, 0, 0, 3, 4, FIRST_DATED_VERSION, FIRST_DATED_VERSION + 1]),
    st.sampled_from([NO_OBSERVATION] * 4 + [1, 2]),
)
patients = st.lists(st.lists(statement, min_size=1, max_size=12), min_size=1, max_size=6)


def build(
    patient: list[tuple[int, int, int, float, StatementKind, int, int, int]], dtype: Any = VERSIONED
) -> Statements:
    statements = np.zeros(len(patient), dtype=dtype)
    for offset, (half_minutes, observation, systolic, heart_rate, kind, marks, *versioned) in enumerate(patient):
        pressure = systolic if kind == StatementKind.PRESSURE else np.nan
        rate = 70 if kind == StatementKind.HEART_RATE and np.isnan(heart_rate) else heart_rate
        time_us = half_minutes * HALF_MINUTE_US
        values = (time_us, offset, observation, pressure, pressure - 40, rate, 0, kind, marks)
        statements[offset] = (*values, *versioned)[: len(dtype.names)]
    return statements


@settings(max_examples=200, deadline=None)
@given(patients, st.randoms(), st.sampled_from([STATEMENT, VERSIONED]))
def test_fold_of_many_patients_equals_the_rule_applied_to_each(patients, random, dtype) -> None:  # type: ignore[no-untyped-def]
    """Statements come in any order within a patient, long or short; one patient never touches another."""
    groups = [build(patient, dtype) for patient in patients]
    shuffled = [group[random.sample(range(len(group)), len(group))] for group in groups]
    patient_numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])

    folded, folded_patients = fold(np.concatenate(shuffled), patient_numbers)

    for row, group in enumerate(groups):
        assert folded[folded_patients == row].tobytes() == fold_patient(group).tobytes()


@settings(max_examples=100, deadline=None)
@given(patients)
def test_every_window_holds_the_newest_folded_readings_right_aligned(patients) -> None:  # type: ignore[no-untyped-def]
    """A patient without any reading left has no window."""
    groups = [build(patient) for patient in patients]
    patient_numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])

    scorable = build_windows(np.concatenate(groups), patient_numbers)

    expected = {row: folded for row, group in enumerate(groups) if len(folded := fold_patient(group))}
    assert scorable.patients.tolist() == sorted(expected)
    for position, row in enumerate(scorable.patients):
        newest = expected[int(row)][-WINDOW_LENGTH:]
        filled = scorable.windows.systolic[position, -len(newest) :]
        np.testing.assert_array_equal(filled, newest["systolic"])
        assert scorable.readings[position] == len(newest)


@settings(max_examples=100, deadline=None)
@given(patients, st.integers(-1, 15))
def test_readings_of_the_future_are_as_if_they_had_not_been_sent(patients, now) -> None:  # type: ignore[no-untyped-def]
    """Of what neither corrects nor retracts, and no newer version; a heart rate may still join one of just before."""
    groups = [build(patient) for patient in patients]
    statements, until_us = np.concatenate(groups), now * HALF_MINUTE_US
    patient_numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    plain = (
        (statements["kind"] == StatementKind.PRESSURE) & (statements["corrected"] == 0) & (statements["version"] == 0)
    )
    sent, of = statements[plain], patient_numbers[plain]
    present = sent["effective_us"] <= until_us

    scorable, without = build_windows(sent, of, until_us), build_windows(sent[present], of[present])

    assert scorable.patients.tolist() == without.patients.tolist()
    np.testing.assert_array_equal(feature_matrix(scorable.windows), feature_matrix(without.windows))


@settings(max_examples=100, deadline=None)
@given(patients, st.integers(-1, 15))
def test_what_lies_in_the_future_changes_nothing_of_a_window_but_what_it_corrects(patients, now) -> None:  # type: ignore[no-untyped-def]
    """Until `now` a window is what the folded readings until then make; without a future, it is the whole window."""
    groups = [build(patient) for patient in patients]
    statements, until_us = np.concatenate(groups), now * HALF_MINUTE_US
    patient_numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])

    scorable = build_windows(statements, patient_numbers, until_us)

    folded = [fold_patient(group) for group in groups]
    present = [readings[readings["effective_us"] <= until_us] for readings in folded]
    assert scorable.patients.tolist() == [row for row, readings in enumerate(present) if len(readings)]
    for windows, readings in zip(scorable.windows.effective_us, filter(len, present), strict=True):
        assert windows[-len(readings) :].tolist() == readings["effective_us"].tolist()


def values_of(folded: Statements) -> list[str]:
    return [str((row["effective_us"], row["systolic"], row["diastolic"], row["heart_rate"])) for row in folded]


@settings(max_examples=200, deadline=None)
@given(st.lists(statement, min_size=1, max_size=6), st.lists(st.integers(0, 5), max_size=12))
def test_of_what_is_said_again_the_last_is_enough(said, again) -> None:  # type: ignore[no-untyped-def]
    """So resends within one Arrow batch need only one place in the state."""
    sent = said + [said[number % len(said)] for number in again]
    last = {str(each): number for number, each in enumerate(sent)}
    whole = build(sent)
    assert values_of(fold_patient(whole[sorted(last.values())])) == values_of(fold_patient(whole))
