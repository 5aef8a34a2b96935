from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.calibration import logit
from ml.explanation import (
    CODES,
    LEAST_CONTRIBUTION,
    MOST_REASONS,
    ReasonCode,
    RiskReason,
    _fold,
    _reason_of,
    _values,
    explain,
)
from ml.features import FEATURE_NAMES
from ml.inputs import INPUT_NAMES
from ml.prediction import Predictor
from tests.support.bundles import make_bundle, make_features, make_hours

Rows = NDArray[np.float32]


def window(readings: int = 30, step_h: float = 0.25, heart_rates: bool = True) -> Rows:
    """Return a feature row: 120, 121, ... mmHg from the oldest to the newest reading, the half of it diastolic."""
    slots = np.full((30, 4), np.nan, dtype=np.float32)
    for lag in range(readings):
        systolic = 119 + readings - lag
        slots[29 - lag] = systolic, systolic / 2, 70 if heart_rates else np.nan, lag * step_h
    return slots.reshape(1, 120)


HOUR = np.array([7.5], dtype=np.float32)


def told(features: Rows, **values: float) -> list[RiskReason]:
    """Return the reasons of a window to whose log odds the named inputs add so much."""
    row = np.zeros((1, len(INPUT_NAMES)), dtype=np.float32)
    for name, value in values.items():
        row[0, INPUT_NAMES.index(name)] = value
    (reasons,) = explain(features, HOUR, row, INPUT_NAMES)
    return reasons


@pytest.mark.parametrize(
    ("name", "code", "value"),
    [
        ("systolic", ReasonCode.SYSTOLIC_NEWEST, 149),
        ("diastolic", ReasonCode.DIASTOLIC_NEWEST, 74.5),
        ("heart_rate", ReasonCode.HEART_RATE_NEWEST, 70),
        ("systolic_mean_1h", ReasonCode.SYSTOLIC_RECENT, 144.5),  # of the eight readings of two hours
        ("systolic_previous", ReasonCode.SYSTOLIC_RECENT, 144.5),
        ("systolic_mean_24h", ReasonCode.SYSTOLIC_EARLIER, 130),
        ("diastolic_greatest", ReasonCode.DIASTOLIC_EARLIER, 65),
        ("heart_rate_spread", ReasonCode.HEART_RATE_EARLIER, 70),
        ("hours_before_oldest", ReasonCode.READING_TIMES, 7.25),
        ("sine", ReasonCode.TIME_OF_DAY, 7.5),
        ("readings_cosine", ReasonCode.TIME_OF_DAY, 7.5),
    ],
)
def test_each_input_belongs_to_a_measure_and_a_part_of_the_window(name: str, code: str, value: float) -> None:
    assert told(window(), **{name: 0.5}) == [RiskReason(code, 0.5, value)]


def test_every_input_and_every_feature_of_earlier_versions_belongs_to_a_reason() -> None:
    assert {_reason_of(name) for name in INPUT_NAMES} == set(ReasonCode)
    assert {_reason_of(name) for name in FEATURE_NAMES} < set(ReasonCode)


def test_contributions_of_one_part_add_up() -> None:
    assert told(window(), systolic_mean_1h=0.5, systolic_previous=0.25, systolic_greatest_recent=-0.25) == [
        RiskReason(ReasonCode.SYSTOLIC_RECENT, 0.5, 144.5)
    ]


def test_recent_is_a_matter_of_time_and_not_of_count() -> None:
    """A patient measured every three hours has no recent readings beside the newest one."""
    assert told(window(step_h=3), systolic_mean_1h=0.5)[0].code == ReasonCode.SYSTOLIC_EARLIER
    assert told(window(step_h=0.05), systolic_mean_24h=0.5)[0].code == ReasonCode.SYSTOLIC_RECENT


def test_what_a_window_lacks_is_a_reason_of_its_own() -> None:
    assert told(window(readings=12), readings=0.75) == [RiskReason(ReasonCode.READINGS_MISSING, 0.75, 18)]
    assert told(window(20, heart_rates=False), heart_rate=0.25, heart_rate_mean_1h=0.25) == [
        RiskReason(ReasonCode.HEART_RATE_MISSING, 0.5, 20)
    ]
    assert told(window(readings=1), systolic_mean_24h=0.5) == [RiskReason(ReasonCode.READINGS_MISSING, 0.5, 29)]


def test_a_crisis_before_tells_how_long_ago_it_was() -> None:
    slots = window()
    slots[0, [FEATURE_NAMES.index("systolic_lag06"), FEATURE_NAMES.index("systolic_lag20")]] = 190
    assert told(slots, hours_since_crisis=0.5) == [RiskReason(ReasonCode.CRISIS_BEFORE, 0.5, 1.5)]


def test_what_lowers_the_risk_or_hardly_raises_it_is_no_reason() -> None:
    assert told(window(), systolic=-2, diastolic=LEAST_CONTRIBUTION / 2) == []


def test_the_few_strongest_reasons_come_strongest_first() -> None:
    names = ("systolic", "diastolic", "heart_rate", "systolic_mean_24h", "hours_before_oldest")
    reasons = told(window(), **{name: (position + 1) / 10 for position, name in enumerate(names)})
    assert [reason.contribution for reason in reasons] == [0.5, 0.4, 0.3, 0.2]
    assert len(reasons) == MOST_REASONS


@given(st.integers(1, 30), st.floats(0.05, 4), st.booleans(), st.integers(0, 2**32))
def test_folding_loses_nothing(readings: int, step_h: float, heart_rates: bool, seed: int) -> None:
    """The reasons, when all of them are told, sum up to what the inputs contribute."""
    given_row = np.abs(np.random.default_rng(seed).normal(size=(1, len(INPUT_NAMES)))).astype(np.float32) + 1
    absent = np.isnan(_values(window(readings, step_h, heart_rates), HOUR))
    sums = _fold(given_row, INPUT_NAMES, absent)
    assert sums.sum() == pytest.approx(given_row.sum(), rel=1e-5)
    assert (sums[absent] == 0).all()


def test_contributions_and_a_constant_sum_up_to_the_raw_log_odds() -> None:
    predictor, features, hours = Predictor(make_bundle()), make_features(40), make_hours(40)
    log_odds = logit(predictor.raw_risks(features, hours)[:, 1])
    constant = log_odds - predictor.contributions(features, hours).sum(axis=1)
    np.testing.assert_allclose(constant, constant[0], atol=1e-4)


def test_rows_are_explained_the_same_alone_and_among_others() -> None:
    features, hours = make_features(30), make_hours(30)
    given_rows = np.random.default_rng(1).normal(size=(30, len(INPUT_NAMES))).astype(np.float32)
    together = explain(features, hours, given_rows, INPUT_NAMES)
    rows = [slice(row, row + 1) for row in range(30)]
    assert [explain(features[row], hours[row], given_rows[row], INPUT_NAMES)[0] for row in rows] == together
    assert any(together)


def test_no_rows_have_no_reasons() -> None:
    none = np.empty((0, 120), dtype=np.float32)
    assert explain(none, none[:, 0], np.empty((0, len(INPUT_NAMES)), dtype=np.float32), INPUT_NAMES) == []


def test_codes_are_their_own_names_for_they_are_stored() -> None:
    assert [code.name for code in CODES] == [code.value for code in CODES]
