"""What readings and predictions say, kind by kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.findings import NEWS_FOR, Limits, confirmed, find, of_prediction, ranks_of_reading, read_limits
from alerts.model import AlertKind, Finding
from alerts.rules import load_rules

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = load_rules()
MEASURED, LIMIT, LOW, PREDICTED = AlertKind.MEASURED, AlertKind.LIMIT, AlertKind.LOW, AlertKind.PREDICTED
MEDIUM, HIGH, CRITICAL = 1, 2, 3


def reading(systolic: float, diastolic: float = 80.0, minute: float = 0.0, came_after: timedelta = timedelta(0)) -> Any:
    at = START + timedelta(minutes=minute)
    return {
        "@timestamp": at.isoformat(),
        "patient_id": "P-1",
        "systolic": systolic,
        "diastolic": diastolic,
        "ingested_at": (at + came_after).isoformat(),
    }


def prediction(risk: float) -> Any:
    return reading(130) | {"critical_risk_6h": risk, "scored_at": START.isoformat(), "model_version": "m"}


@pytest.mark.parametrize(
    ("systolic", "diastolic", "rank"),
    [(180, 80, CRITICAL), (179.9, 80, 0), (120, 120, CRITICAL), (150, 119.9, 0), (260, 140, CRITICAL)],
)
def test_a_reading_is_a_crisis_from_180_or_120_on(systolic: float, diastolic: float, rank: int) -> None:
    assert ranks_of_reading(reading(systolic, diastolic), RULES, None)[MEASURED] == rank


def test_without_limits_and_rules_for_it_neither_a_limit_nor_low_pressure_alerts() -> None:
    assert ranks_of_reading(reading(66, 38), RULES, None) == {MEASURED: 0, LIMIT: 0, LOW: 0}


def test_a_patients_own_limits_count_from_when_they_were_set() -> None:
    limits = Limits(START, systolic_from=160, diastolic_below=50)
    assert ranks_of_reading(reading(160), RULES, limits)[LIMIT] == HIGH
    assert ranks_of_reading(reading(159.9), RULES, limits)[LIMIT] == 0
    assert ranks_of_reading(reading(120, 49), RULES, limits)[LOW] == HIGH
    assert ranks_of_reading(reading(170, 49, minute=-1), RULES, limits) == {MEASURED: 0, LIMIT: 0, LOW: 0}


def test_limits_hold_on_where_only_the_silence_was_changed_after_them() -> None:
    later = (START + timedelta(hours=1)).isoformat()
    limits = read_limits({"limits_at": START.isoformat(), "changed_at": later, "systolic_from": 160.0})
    assert ranks_of_reading(reading(165, minute=5), RULES, limits)[LIMIT] == HIGH


def test_low_pressure_alerts_below_the_wards_limit_unless_the_patient_has_one() -> None:
    rules = RULES.model_copy(update={"low": RULES.low.model_copy(update={"systolic": 90.0, "diastolic": 60.0})})
    assert ranks_of_reading(reading(89, 70), rules, None)[LOW] == HIGH
    assert ranks_of_reading(reading(90, 60), rules, None)[LOW] == 0
    assert ranks_of_reading(reading(85, 70), rules, Limits(START, systolic_below=80))[LOW] == 0


@pytest.mark.parametrize(
    ("risk", "rank", "holds"),
    [
        (0.1499, 0, 0),
        (0.15, 0, MEDIUM),
        (0.20, MEDIUM, MEDIUM),
        (0.35, MEDIUM, HIGH),
        (0.55, HIGH, CRITICAL),
        (0.6, CRITICAL, CRITICAL),
    ],
)
def test_a_risk_reaches_a_level_at_its_threshold_and_keeps_it_a_little_below(
    risk: float, rank: int, holds: int
) -> None:
    finding = of_prediction(prediction(risk), RULES)
    assert (finding.rank, finding.holds) == (rank, holds)


def test_of_two_values_of_one_instant_the_higher_counts_whichever_stands_unless_it_was_taken_back() -> None:
    higher = {"systolic": 186.0, "diastolic": 121.0, "observation_id": "left", "status": "final"}
    both = reading(132, 84) | {"observation_id": "right", "flags": ["conflicting_values"], "merged": [higher]}
    (finding,) = find([both], [], RULES, None)[MEASURED]
    assert (finding.rank, finding.systolic, finding.diastolic) == (CRITICAL, 186, 121)
    taken_back = {"observation_id": "left", "status": "retracted", "retracted": True}
    for merged in (
        [higher, taken_back],
        [higher | {"observation_id": "right"}],
        [higher | {"status": "entered-in-error"}],
    ):
        assert find([both | {"merged": merged}], [], RULES, None)[MEASURED][0].rank == 0


def test_what_came_days_after_it_was_measured_raises_nothing() -> None:
    late = [reading(200, came_after=NEWS_FOR), reading(200, minute=5, came_after=NEWS_FOR + timedelta(seconds=1))]
    assert [finding.rank for finding in find(late, [], RULES, None)[MEASURED]] == [CRITICAL, 0]


def test_a_heart_rate_alone_says_nothing_of_pressure() -> None:
    rate = {name: value for name, value in reading(200).items() if name not in ("systolic", "diastolic")}
    assert find([rate], [], RULES, None)[MEASURED] == []


def test_findings_come_in_order_of_time_whatever_order_they_are_stored_in() -> None:
    found = find([reading(200, minute=30), reading(120, minute=15)], [], RULES, None)
    assert [finding.rank for finding in found[MEASURED]] == [0, CRITICAL]


def test_with_confirmation_a_second_crisis_within_the_time_raises_and_one_alone_only_keeps_an_alert() -> None:
    def crisis(minute: float) -> Finding:
        return Finding(START + timedelta(minutes=minute), CRITICAL)

    found = confirmed([crisis(0), crisis(31), crisis(50), crisis(120)], timedelta(minutes=30))
    assert [(finding.rank, finding.holds) for finding in found] == [(0, 3), (0, 3), (3, 0), (0, 3)]
    assert confirmed([crisis(0)], timedelta(0)) == [crisis(0)]
    assert find([], [prediction(0.7)], RULES, None)[PREDICTED][0].rank == CRITICAL
