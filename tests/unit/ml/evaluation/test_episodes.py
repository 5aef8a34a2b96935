"""Alarms of the evaluation are those that the alert service would raise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.findings import of_prediction
from alerts.lifecycle import fold
from alerts.model import AlertKind
from alerts.rules import load_rules
from conf.clinical import ALERT_THRESHOLDS
from ml.evaluation.episodes import HYSTERESIS, QUIET, episodes, held_from, served_levels

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
RULES = load_rules()
RULE = RULES.predicted


def begun(*risks: float, threshold: float = 0.4) -> list[int]:
    begins, _ = episodes(np.zeros(len(risks), dtype=np.intp), np.array(risks), threshold)
    return np.flatnonzero(begins).tolist()


def test_the_rules_are_those_that_alerts_are_raised_by() -> None:
    assert (RULE.hysteresis, RULE.quiet, RULE.thresholds) == (HYSTERESIS, QUIET, ALERT_THRESHOLDS)
    assert [held_from(threshold) for threshold in RULE.thresholds] == pytest.approx(RULE.held_down_to)


@given(st.lists(st.sampled_from([0.0, 0.14, 0.16, 0.19, 0.2, 0.3, 0.5]), min_size=1, max_size=40))
def test_episodes_begin_and_end_as_those_of_the_alert_service(risks: list[float]) -> None:
    findings = [of_prediction(document(number, risk), RULES) for number, risk in enumerate(risks)]
    served = fold(AlertKind.PREDICTED, findings, [])
    assert [MIDNIGHT + timedelta(minutes=15 * row) for row in begun(*risks, threshold=RULE.thresholds[0])] == [
        episode.started_at for episode in served
    ]
    _, is_open = episodes(np.zeros(len(risks), dtype=np.intp), np.array(risks), RULE.thresholds[0])
    assert is_open[-1] == (bool(served) and served[-1].is_open)


@given(st.lists(st.sampled_from([0.0, 0.14, 0.16, 0.2, 0.34, 0.36, 0.4, 0.54, 0.56, 0.7]), min_size=1, max_size=30))
def test_served_levels_are_those_at_which_the_alert_service_has_the_alert(risks: list[float]) -> None:
    findings = [of_prediction(document(number, risk), RULES) for number, risk in enumerate(risks)]
    alerts = [fold(AlertKind.PREDICTED, findings[: number + 1], []) for number in range(len(risks))]
    served = served_levels(np.zeros(len(risks), dtype=np.intp), np.array(risks))
    assert served.tolist() == [episodes_so_far[-1].rank if episodes_so_far else 0 for episodes_so_far in alerts]


def test_the_level_of_one_patient_is_not_held_by_that_of_another() -> None:
    assert served_levels(np.array([0, 0, 1, 1], dtype=np.intp), np.array([0.1, 0.7, 0.1, 0.2])).tolist() == [0, 3, 0, 1]


def document(number: int, risk: float) -> dict[str, object]:
    at = (MIDNIGHT + timedelta(minutes=15 * number)).isoformat()
    return {"@timestamp": at, "scored_at": at, "systolic": 140, "diastolic": 80, "critical_risk_6h": risk}


def test_one_low_risk_between_high_ones_ends_nothing_and_two_do() -> None:
    assert begun(0.5, 0.1, 0.5, 0.1, 0.1, 0.5) == [0, 5]


def test_a_risk_a_little_below_the_threshold_holds_the_flag_and_raises_none() -> None:
    assert begun(0.38, 0.5, 0.38, 0.38, 0.1, 0.38, 0.1, 0.38, 0.5) == [1]


def test_patients_have_episodes_of_their_own() -> None:
    begins, is_open = episodes(np.array([0, 0, 1, 1], dtype=np.intp), np.array([0.5, 0.5, 0.1, 0.5]), 0.4)
    assert np.flatnonzero(begins).tolist() == [0, 3]
    assert is_open.tolist() == [True, True, False, True]


def test_the_flag_of_every_threshold_can_fall() -> None:
    thresholds = [0.01, 0.04, 0.1, 0.2, 0.4, 0.6]
    held = [held_from(threshold) for threshold in thresholds]
    assert all(0 < low < threshold for low, threshold in zip(held, thresholds, strict=True))
    assert all(low < high for low, high in pairwise(held))
