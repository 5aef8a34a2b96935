"""Clocks that run ahead and messages that come late, from Kafka to the board: no crisis is hidden by either."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.__main__ import run as keep_alerts
from assessment.urgency import Urgency
from conf.times import to_us
from elastic.client import Search
from elastic.names import ALL_INDICES
from jobs.training.history import observations_from_archive, observations_from_elasticsearch
from tests.integration.pipeline import Pipeline
from tests.support.factories import observation, payload
from tests.support.ward import INTERVAL
from webapp.board.rows import Row
from webapp.board.ward import Board, View
from webapp.patients.loading import load_chart, load_now
from webapp.patients.periods import Period

pytestmark = pytest.mark.integration

OLD = timedelta(minutes=97)
BACKLOG = ((OLD, (214, 132)), (INTERVAL, (128, 79)), (timedelta(0), (126, 78)))


def reading(ago: timedelta, systolic: float, diastolic: float) -> bytes:
    """Return an Observation of p-1, stamped so long ago, or ahead if that is negative."""
    at = datetime.now(UTC) - ago
    name = f"bp-{at.timestamp():.0f}"
    return payload(observation(systolic=systolic, diastolic=diastolic, id=name, effectiveDateTime=at.isoformat()))


def arrive(pipeline: Pipeline, *messages: bytes) -> Search:
    """Send messages at once and let the stream work them off."""
    pipeline.send(*messages)
    pipeline.drain()
    pipeline.client.indices.refresh(index=ALL_INDICES)
    keep_alerts(pipeline.settings, once=True)
    return Search(pipeline.client)


def quiet_past(pipeline: Pipeline) -> None:
    arrive(pipeline, *(reading(timedelta(hours=2) + INTERVAL * back, 124, 78) for back in range(3, -1, -1)))


def on_board(search: Search, urgency: Urgency) -> list[Row]:
    return list(Board(search, INTERVAL).ward(View(), datetime.now(UTC))[urgency].rows)


def alert_of(row: Row) -> dict[str, Any]:
    assert row.alert is not None
    return dict(row.alert)


@pytest.mark.parametrize("ahead", [timedelta(hours=23), timedelta(minutes=4, seconds=30)], ids=["23 h", "4.5 min"])
def test_a_clock_that_runs_ahead_hides_no_crisis_of_a_right_one(pipeline: Pipeline, ahead: timedelta) -> None:
    quiet_past(pipeline)
    arrive(pipeline, reading(-ahead, 124, 76))
    assert [document["systolic"] for document in pipeline.latest().values()] == [124]
    search = arrive(pipeline, reading(timedelta(0), 190, 125))

    (latest,) = pipeline.latest().values()
    assert (latest["systolic"], latest["window_readings"]) == (190, 5)
    assert max(document["@timestamp"] for document in pipeline.predictions().values()) == latest["@timestamp"]
    (row,) = on_board(search, Urgency.CRITICAL)
    assert row.reading is not None
    assert (row.reading["systolic"], row.is_crisis) == (190, True)
    assert (alert_of(row)["kind"], row.is_unanswered) == ("measured", True)
    patient = load_now(search, pipeline.settings, "p-1", datetime.now(UTC))
    assert patient is not None
    assert [(document["systolic"], document["flags"]) for document in patient.ahead] == [(124, ["clock_ahead"])]
    for read in (observations_from_elasticsearch, observations_from_archive):
        learnt = read(pipeline.spark, pipeline.settings, to_us(datetime.now(UTC))).collect()
        assert sorted(row.systolic for row in learnt) == [124, 124, 124, 124, 190]


def test_a_crisis_by_a_clock_an_hour_ahead_asks_for_attention_at_once(pipeline: Pipeline) -> None:
    quiet_past(pipeline)
    search = arrive(pipeline, reading(timedelta(hours=-1), 212, 134))
    (latest,) = pipeline.latest().values()
    assert latest["systolic"] == 124
    (row,) = on_board(search, Urgency.CRITICAL)
    assert [refusal["words"] for refusal in alert_of(row)["refusals"]] == ["212/134 mmHg"]


def test_a_clock_a_few_seconds_ahead_is_believed_at_once(pipeline: Pipeline) -> None:
    quiet_past(pipeline)
    arrive(pipeline, reading(timedelta(seconds=-30), 190, 125))
    (latest,) = pipeline.latest().values()
    assert latest["systolic"] == 190


def test_an_old_crisis_of_a_backlog_is_marked_though_a_newer_normal_value_came_with_it(pipeline: Pipeline) -> None:
    quiet_past(pipeline)
    search = arrive(pipeline, *(reading(ago, *values) for ago, values in BACKLOG))

    (latest,) = pipeline.latest().values()
    assert latest["systolic"] == 126
    (row,) = on_board(search, Urgency.CRITICAL)
    alert = alert_of(row)
    assert (alert["kind"], alert["is_unanswered"], alert["worst"]["systolic"]) == ("measured", True, 214)
    assert datetime.now(UTC) - datetime.fromisoformat(alert["started_at"]) >= OLD
    chart = load_chart(search, pipeline.settings, "p-1", Period("6h", datetime.now(UTC)))
    assert [point.systolic.highest for point in chart.points if point.crisis] == [214]
