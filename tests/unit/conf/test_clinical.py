"""Where the limits lie, to the mmHg and to the hundredth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from conf.clinical import (
    ALERT_LEVELS,
    HORIZONS_H,
    RISK_FIELDS,
    alert_level,
    crisis_query,
    is_crisis,
    mean_arterial_pressure,
    pressure_category,
)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "category"),
    [
        (179, 119, "stage_2"),
        (179.9, 119.9, "stage_2"),
        (180, 80, "severe"),
        (120, 120, "severe"),
        (140, 79, "stage_2"),
        (120, 90, "stage_2"),
        (139, 89, "stage_1"),
        (130, 79, "stage_1"),
        (119, 80, "stage_1"),
        (129, 79, "elevated"),
        (120, 79, "elevated"),
        (119, 79, "normal"),
        (90, 60, "normal"),
        (89, 60, "low"),
        (90, 59, "low"),
        (125, 59, "low"),
    ],
)
def test_category_of_a_reading(systolic: float, diastolic: float, category: str) -> None:
    assert pressure_category(systolic, diastolic) == category


@pytest.mark.parametrize(
    ("threshold", "below", "above"), [(0.2, "LOW", "MEDIUM"), (0.4, "MEDIUM", "HIGH"), (0.6, "HIGH", "CRITICAL")]
)
def test_alert_level_begins_exactly_at_its_threshold(threshold: float, below: str, above: str) -> None:
    assert alert_level(math.nextafter(threshold, 0)) == below
    assert alert_level(threshold) == above


def test_alert_levels_cover_all_risks() -> None:
    assert [alert_level(risk) for risk in (0.0, 0.3, 0.5, 1.0)] == list(ALERT_LEVELS)


def test_mean_arterial_pressure_weighs_the_diastolic_twice() -> None:
    assert mean_arterial_pressure(120, 80) == 93.3
    assert mean_arterial_pressure(100, 100) == 100


def test_horizons_rise() -> None:
    assert list(HORIZONS_H) == sorted(set(HORIZONS_H))


@pytest.mark.parametrize(
    ("systolic", "diastolic", "crisis"),
    [
        (180, 60, True),
        (179.9, 119.9, False),
        (90, 120, True),
        (None, None, False),
        (None, 120, True),
        (180, None, True),
    ],
)
def test_a_crisis_begins_at_either_limit_and_a_missing_pressure_is_none(
    systolic: float | None, diastolic: float | None, crisis: bool
) -> None:
    assert is_crisis(systolic, diastolic) is crisis


def test_arrays_are_judged_as_single_readings_are() -> None:
    systolic, diastolic = np.array([180, 179, np.nan, 100]), np.array([60, 119, np.nan, 120])
    assert is_crisis(systolic, diastolic).tolist() == [True, False, False, True]


def test_the_query_names_the_limits_of_a_crisis() -> None:
    assert crisis_query() == {
        "bool": {"should": [{"range": {"systolic": {"gte": 180}}}, {"range": {"diastolic": {"gte": 120}}}]}
    }


def test_each_horizon_has_its_field() -> None:
    assert RISK_FIELDS == ("critical_risk_1h", "critical_risk_6h", "critical_risk_24h")
