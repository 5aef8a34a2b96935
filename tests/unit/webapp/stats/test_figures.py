"""What the statistics page works out: pressures over the day, readings per minute."""

from __future__ import annotations

from tests.unit.webapp.site import NOON
from webapp.stats.figures import HEIGHT, curve, level_y, per_minute


def hour(number: int, *values: float | None) -> dict[str, object]:
    return {"hour": number, "readings": 5, "systolic": list(values)}


def test_the_band_goes_there_at_the_top_and_back_at_the_bottom() -> None:
    found = curve([hour(0, 100, 120, 140), hour(12, 110, 130, 150)], "systolic")
    assert found.median == "M15.0 100.0L375.0 87.5"
    assert found.band == "M15.0 75.0L375.0 62.5L375.0 112.5L15.0 125.0Z"


def test_hours_without_figures_are_left_out() -> None:
    assert curve([hour(0, None, None, None), hour(1, 100, 120, 140)], "systolic").median == ""


def test_no_pressure_leaves_the_drawing() -> None:
    assert (level_y(20), level_y(300), level_y(120)) == (HEIGHT, 0, 100)


def test_minutes_without_readings_are_zero() -> None:
    found = per_minute([{"@timestamp": "2026-03-10T11:58:00.000Z", "readings": 7}], NOON)
    assert len(found) == 60
    assert found[-3:] == [("11:58", 7), ("11:59", 0), ("12:00", 0)]
    assert sum(number for _, number in found) == 7
