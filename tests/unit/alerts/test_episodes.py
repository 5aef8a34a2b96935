"""Alerts out of stored documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts import episodes
from alerts.lifecycle import settle
from alerts.model import AlertKind, Episode, State
from tests.support.ward import INTERVAL, prediction, reading

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def documents(*risks: float, systolic: float = 150, newest_min: float = 2) -> list[dict[str, Any]]:
    """Return predictions in the usual rhythm, the last one `newest_min` minutes ago."""
    newest = NOW - timedelta(minutes=newest_min)
    times = [newest - INTERVAL * back for back in range(len(risks) - 1, -1, -1)]
    return [prediction(reading("p-1", at, systolic, 90), risk) for at, risk in zip(times, risks, strict=True)]


def fold(
    history_of: list[dict[str, Any]], unscored: dict[str, Any] | None = None, crises: Sequence[dict[str, Any]] = ()
) -> dict[AlertKind, Episode]:
    found = episodes.find(history_of, unscored, crises)
    return {episode.kind: episode for episode in settle(episodes.fold(found, [], NOW, INTERVAL), NOW)}


def test_a_high_prediction_is_a_predicted_alert_and_no_measured_one() -> None:
    found = fold(documents(0.1, 0.5))
    assert set(found) == {AlertKind.PREDICTED}
    assert found[AlertKind.PREDICTED].level == "HIGH"


def test_a_measured_crisis_is_an_alert_whatever_the_prediction_says() -> None:
    found = fold(documents(0.05, systolic=180))
    assert set(found) == {AlertKind.MEASURED}
    assert found[AlertKind.MEASURED].level == "CRITICAL"


def test_a_crisis_that_is_not_scored_yet_is_an_alert() -> None:
    found = fold([], reading("p-1", NOW, 150, 121))
    assert set(found) == {AlertKind.MEASURED}


def test_a_reading_that_a_prediction_knows_counts_once() -> None:
    known = documents(0.1, 0.1)
    assert episodes.find(known, known[-1]) == episodes.find(known)


def test_an_old_crisis_that_came_with_a_newer_normal_value_is_an_alert() -> None:
    at = NOW - timedelta(minutes=97)
    found = fold(documents(0.05), crises=[reading("p-1", at, 214, 132)])
    assert (found[AlertKind.MEASURED].started_at, found[AlertKind.MEASURED].is_unanswered) == (at, True)


def test_an_old_crisis_is_still_unanswered_after_many_normal_readings() -> None:
    found = fold(documents(*[0.05] * 20), crises=[reading("p-1", NOW - timedelta(minutes=97), 214, 132)])
    assert found[AlertKind.MEASURED].state is State.LATCHED


def test_a_crisis_that_a_prediction_knows_counts_once() -> None:
    known = documents(0.1, 0.1, systolic=180)
    assert episodes.find(known, crises=known) == episodes.find(known)


def test_silence_after_a_high_prediction_is_a_technical_alert() -> None:
    assert set(fold(documents(0.5, newest_min=31))) == {AlertKind.PREDICTED, AlertKind.TECHNICAL}
    assert set(fold(documents(0.5, newest_min=29))) == {AlertKind.PREDICTED}


def test_a_time_in_the_future_is_replaced_by_when_it_was_stored() -> None:
    wrong = reading("p-1", NOW + timedelta(days=3), 190, 100) | {"ingested_at": NOW.isoformat()}
    assert fold([], wrong)[AlertKind.MEASURED].started_at == NOW


def test_history_begins_at_a_midnight_so_that_alerts_keep_their_ids() -> None:
    morning, evening = (episodes.history_since(NOW.replace(hour=hour)) for hour in (1, 23))
    assert morning == evening
    assert NOW - morning >= episodes.HISTORY
