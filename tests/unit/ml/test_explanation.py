from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.calibration import logit
from ml.explanation import CODES, LEAST_CONTRIBUTION, MOST_REASONS, ReasonCode, RiskReason, _fold, _groups, explain
from ml.features import FEATURE_NAMES
from ml.prediction import Predictor
from tests.support.bundles import make_bundle, make_features

Rows = NDArray[np.float32]


def window(readings: int = 30, step_h: float = 0.25, heart_rates: bool = True) -> Rows:
    """Return a feature row: 120, 121, ... mmHg from the oldest to the newest reading, the half of it diastolic."""
    slots = np.full((30, 4), np.nan, dtype=np.float32)
    for lag in range(readings):
        systolic = 119 + readings - lag
        slots[29 - lag] = systolic, systolic / 2, 70 if heart_rates else np.nan, lag * step_h
    return slots.reshape(1, 120)


def contributions(**values: float) -> Rows:
    row = np.zeros((1, 120), dtype=np.float32)
    for name, value in values.items():
        row[0, FEATURE_NAMES.index(name)] = value
    return row


def told(features: Rows, **values: float) -> list[RiskReason]:
    (reasons,) = explain(features, contributions(**values))
    return reasons


@pytest.mark.parametrize(
    ("feature", "code", "value"),
    [
        ("systolic_lag00", ReasonCode.SYSTOLIC_NEWEST, 149),
        ("diastolic_lag00", ReasonCode.DIASTOLIC_NEWEST, 74.5),
        ("heart_rate_lag00", ReasonCode.HEART_RATE_NEWEST, 70),
        ("systolic_lag01", ReasonCode.SYSTOLIC_RECENT, 144.5),  # lags 1 to 8 lie within two hours
        ("systolic_lag08", ReasonCode.SYSTOLIC_RECENT, 144.5),
        ("systolic_lag09", ReasonCode.SYSTOLIC_EARLIER, 130),
        ("diastolic_lag29", ReasonCode.DIASTOLIC_EARLIER, 65),
        ("hours_before_newest_lag05", ReasonCode.READING_TIMES, 7.25),
    ],
)
def test_each_feature_belongs_to_a_measure_and_a_part_of_the_window(feature: str, code: str, value: float) -> None:
    assert told(window(), **{feature: 0.5}) == [RiskReason(code, 0.5, value)]


def test_contributions_of_one_part_add_up() -> None:
    assert told(window(), systolic_lag01=0.5, systolic_lag02=0.25, systolic_lag03=-0.25) == [
        RiskReason(ReasonCode.SYSTOLIC_RECENT, 0.5, 144.5)
    ]


def test_recent_is_a_matter_of_time_and_not_of_count() -> None:
    """A patient measured every three hours has no recent readings beside the newest one."""
    assert told(window(step_h=3), systolic_lag01=0.5)[0].code == ReasonCode.SYSTOLIC_EARLIER


def test_slots_without_a_reading_are_reasons_of_their_own() -> None:
    missing = {f"{measure}_lag20": 0.25 for measure in ("systolic", "heart_rate", "hours_before_newest")}
    assert told(window(readings=12), **missing) == [RiskReason(ReasonCode.READINGS_MISSING, 0.75, 18)]


def test_readings_without_heart_rate_are_not_missing_readings() -> None:
    assert told(window(20, heart_rates=False), heart_rate_lag03=0.5) == [
        RiskReason(ReasonCode.HEART_RATE_MISSING, 0.5, 20)
    ]


def test_what_lowers_the_risk_or_hardly_raises_it_is_no_reason() -> None:
    assert told(window(), systolic_lag00=-2, diastolic_lag00=LEAST_CONTRIBUTION / 2) == []


def test_the_few_strongest_reasons_come_strongest_first() -> None:
    names = ("systolic_lag00", "diastolic_lag00", "heart_rate_lag00", "systolic_lag29", "hours_before_newest_lag29")
    reasons = told(window(), **{name: (position + 1) / 10 for position, name in enumerate(names)})
    assert [reason.contribution for reason in reasons] == [0.5, 0.4, 0.3, 0.2]
    assert len(reasons) == MOST_REASONS


@given(st.integers(1, 30), st.integers(0, 2**32))
def test_folding_loses_nothing(readings: int, seed: int) -> None:
    """The reasons, when all of them are told, sum up to what the features contribute."""
    given_row = np.abs(np.random.default_rng(seed).normal(size=(1, 120))).astype(np.float32) + 1
    assert _fold(_groups(window(readings)), given_row).sum() == pytest.approx(given_row.sum(), rel=1e-5)


def test_contributions_and_a_constant_sum_up_to_the_boosters_log_odds() -> None:
    predictor, features = Predictor(make_bundle()), make_features(40)
    log_odds = logit(predictor.raw_risks(features)[:, 1])
    constant = log_odds - predictor.contributions(features).sum(axis=1)
    np.testing.assert_allclose(constant, constant[0], atol=1e-4)


def test_rows_are_explained_the_same_alone_and_among_others() -> None:
    features, given_rows = make_features(30), np.random.default_rng(1).normal(size=(30, 120)).astype(np.float32)
    together = explain(features, given_rows)
    alone = [explain(features[row : row + 1], given_rows[row : row + 1])[0] for row in range(30)]
    assert alone == together
    assert any(together)


def test_no_rows_have_no_reasons() -> None:
    none = np.empty((0, 120), dtype=np.float32)
    assert explain(none, none) == []


def test_codes_are_their_own_names_for_they_are_stored() -> None:
    assert [code.name for code in CODES] == [code.value for code in CODES]
