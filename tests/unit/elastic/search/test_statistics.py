"""What the figures make of Elasticsearch's answers; the searches themselves are tested on a real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conf.clinical import ALERT_LEVELS
from elastic.client import Search
from elastic.search import statistics

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=2)


class Answering(Search):
    """Gives the same aggregations to every question."""

    def __init__(self, aggregations: dict[str, Any]) -> None:
        self.__dict__["aggregations"] = aggregations

    def ask(self, index: str, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {"aggregations": self.__dict__["aggregations"]}


def hour_bucket(hours: int, readings: int, median: float | None) -> dict[str, Any]:
    values = {f"{percent}.0": median for percent in statistics.PERCENTS}
    measures = {name: {"values": values} for name in statistics.MEASURES}
    return {"key": (START + timedelta(hours=hours)).timestamp() * 1000, "doc_count": readings, **measures}


def test_hours_of_several_days_are_averaged_by_their_readings_in_local_time() -> None:
    hours = [hour_bucket(22, 1, 100.0), hour_bucket(46, 3, 120.0), hour_bucket(23, 2, None)]
    search = Answering({"hours": {"buckets": hours}})
    found = statistics.circadian(search, START, END, ZoneInfo("Europe/Paris"))
    assert [(of["hour"], of["readings"], of["systolic"]) for of in found] == [
        (0, 2, [None] * 3),
        (23, 4, [115.0] * 3),
    ]


@pytest.mark.parametrize("aggregations", [{}, {"patients": {"value": 0}, "levels": {"buckets": []}}])
def test_levels_that_nobody_had_are_counted_as_none(aggregations: dict[str, Any]) -> None:
    nobody = {"predictions": 0, "patients": 0}
    burden = statistics.alarm_burden(Answering(aggregations), START, END)
    assert burden == {"patients": 0, "levels": dict.fromkeys(ALERT_LEVELS, nobody)}
