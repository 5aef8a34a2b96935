"""A measured crisis is red whatever the prediction says; old data have a section of their own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessment.freshness import Freshness
from assessment.urgency import CRISIS_KEPT, Urgency, level_rank, urgency
from conf.clinical import ALERT_LEVELS, alert_level

SOON = timedelta(minutes=2)
LATE = timedelta(hours=2)


@pytest.mark.parametrize(
    ("risk", "section"),
    [(0.1999, "LOW"), (0.2, "MEDIUM"), (0.3999, "MEDIUM"), (0.4, "HIGH"), (0.5999, "HIGH"), (0.6, "CRITICAL")],
)
def test_a_fresh_patient_stands_in_the_section_of_the_level(risk: float, section: str) -> None:
    assert urgency(alert_level(risk), crisis=False, state=Freshness.FRESH, age=SOON) == section


@given(st.sampled_from([*ALERT_LEVELS, None]), st.sampled_from(list(Freshness)), st.timedeltas(-LATE, CRISIS_KEPT))
def test_a_measured_crisis_is_critical_whatever_else_is_known(
    level: str | None, state: Freshness, age: timedelta
) -> None:
    assert urgency(level, crisis=True, state=state, age=age) is Urgency.CRITICAL


def test_a_crisis_of_more_than_three_days_ago_is_old_data() -> None:
    age = CRISIS_KEPT + timedelta(seconds=1)
    assert urgency("CRITICAL", crisis=True, state=Freshness.STALE, age=age) is Urgency.STALE


@given(st.sampled_from([*ALERT_LEVELS, None]), st.sampled_from([Freshness.STALE, Freshness.FUTURE]))
def test_without_fresh_data_no_prediction_decides(level: str | None, state: Freshness) -> None:
    assert urgency(level, crisis=False, state=state, age=LATE) is Urgency.STALE


def test_a_patient_without_prediction_waits() -> None:
    assert urgency(None, crisis=False, state=Freshness.FRESH, age=SOON) is Urgency.WAITING


def test_levels_rank_from_low_to_critical_and_none_is_lowest() -> None:
    assert [level_rank(level) for level in (None, *ALERT_LEVELS)] == [0, 0, 1, 2, 3]
