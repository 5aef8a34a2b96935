"""Percentages never claim a level that the risk has not reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.clinical import ALERT_THRESHOLDS
from webapp.percent import whole_percent

RISKS = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("risk", "percent"),
    [
        (0.0, 0),
        (0.1999, 19),
        (0.2, 20),
        (0.29, 29),
        (0.3996, 39),
        (0.4, 40),
        (0.57, 57),
        (0.6, 60),
        (0.9999, 99),
        (1, 100),
    ],
)
def test_a_percentage_is_cut_off_after_its_decimal_digits(risk: float, percent: int) -> None:
    assert whole_percent(risk) == percent


@given(RISKS)
def test_a_percentage_reaches_a_threshold_exactly_when_the_risk_does(risk: float) -> None:
    for threshold in ALERT_THRESHOLDS:
        assert (whole_percent(risk) >= whole_percent(threshold)) == (risk >= threshold)


@given(RISKS, RISKS)
def test_a_higher_risk_never_reads_lower(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert whole_percent(low) <= whole_percent(high)
