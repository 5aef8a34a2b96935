"""Rows and sections of the board."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.lifecycle import fold
from alerts.model import AlertKind, Finding
from assessment.freshness import Freshness
from assessment.urgency import Urgency
from tests.support.ward import INTERVAL, prediction, reading
from webapp.board.rows import Row, arrange, make_row, open_episodes, place_unseen

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def latest(id_: str = "p-1", risk: float = 0.1, systolic: float = 130, minutes: float = 2) -> dict[str, Any]:
    return prediction(reading(id_, NOW - timedelta(minutes=minutes), systolic, 80), risk)


def row(id_: str = "p-1", **changes: Any) -> Row:
    return make_row(id_, latest(id_, **changes), None, NOW, INTERVAL)


def test_sections_come_in_their_fixed_order() -> None:
    ward = arrange([row(risk=0.1), row("p-2", risk=0.7), row("p-3", minutes=40)], {}, None)
    shown = [section.urgency for section in ward.sections]
    assert shown == ["CRITICAL", "HIGH", "UNSEEN", "STALE", "MEDIUM", "LOW", "WAITING"]
    assert [shown.patient_id for shown in ward.rows] == ["p-2", "p-3", "p-1"]


def test_a_measured_crisis_at_low_risk_is_critical_and_comes_first() -> None:
    ward = arrange([row("p-1", risk=0.9), row("p-2", risk=0.01, systolic=180)], {}, None)
    assert [shown.patient_id for shown in ward["CRITICAL"].rows] == ["p-2", "p-1"]
    assert ward["CRITICAL"].rows[0].level == "LOW"


def test_a_reading_newer_than_the_prediction_decides() -> None:
    newer = reading("p-1", NOW, 185, 90)
    made = make_row("p-1", latest(risk=0.05), newer, NOW, INTERVAL)
    assert (made.urgency, made.is_crisis, made.reading) == (Urgency.CRITICAL, True, newer)


def test_a_patient_without_prediction_waits_with_the_reading() -> None:
    made = make_row("p-1", None, reading("p-1", NOW, 130, 80), NOW, INTERVAL, readings=4)
    assert (made.urgency, made.level, made.readings) == (Urgency.WAITING, None, 4)


def test_a_time_in_the_future_is_no_current_data() -> None:
    assert row(minutes=-10).freshness is Freshness.FUTURE
    assert row(minutes=-10).urgency is Urgency.STALE


def test_totals_are_those_of_all_patients() -> None:
    ward = arrange([row(risk=0.5)], {Urgency.HIGH: 312}, None)
    assert (len(ward["HIGH"].rows), ward["HIGH"].total) == (1, 312)


def test_an_empty_ward_knows_it() -> None:
    assert arrange([], {}, None).is_empty
    assert not arrange([], {Urgency.LOW: 5}, None).is_empty


def with_alert(base: Row, *ranks: int) -> Row:
    found = [Finding(NOW - INTERVAL * (len(ranks) - place), rank) for place, rank in enumerate(ranks)]
    episodes = open_episodes(fold(AlertKind.PREDICTED, found, []))
    return replace(base, episodes=episodes)


def test_an_unseen_critical_alert_leaves_the_quiet_sections() -> None:
    unseen = with_alert(row(risk=0.05), 3, 0, 0)
    assert place_unseen(unseen) is Urgency.UNSEEN
    assert place_unseen(with_alert(row(risk=0.05), 2, 0, 0)) is Urgency.LOW
    assert place_unseen(with_alert(row(risk=0.7), 3)) is Urgency.CRITICAL


def test_who_waits_for_an_answer_is_counted_once() -> None:
    ward = arrange([with_alert(row(risk=0.5), 2), row("p-2")], {}, None)
    assert ward.unanswered == 1


@pytest.mark.parametrize(
    "other",
    [row(risk=0.11), row(systolic=131), row(minutes=3), with_alert(row(), 1)],
    ids=["risk", "bp", "time", "alert"],
)
def test_the_fingerprint_changes_with_what_is_shown(other: Row) -> None:
    assert arrange([row()], {}, None).fingerprint == arrange([row()], {}, "later").fingerprint
    assert arrange([row()], {}, None).fingerprint != arrange([other], {}, None).fingerprint
