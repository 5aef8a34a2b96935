"""Rows and sections of the board: what is to be done first comes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.model import AlertKind, Answer, Finding, State
from assessment.freshness import Freshness
from assessment.urgency import Urgency
from tests.support.ward import INTERVAL, Document, alert, prediction, reading
from webapp.board.rows import Row, Section, Ward, arrange, make_row, shown_ids, tiles_of

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MANY = dict.fromkeys(Urgency, 100)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def latest(id_: str = "p-1", risk: float = 0.1, systolic: float = 130, minutes: float = 2) -> Document:
    return prediction(reading(id_, at(-minutes), systolic, 80), risk)


def row(id_: str, *alerts: Document, **changes: Any) -> Row:
    return make_row(id_, alerts, latest(id_, **changes), None, NOW, INTERVAL)


def crisis(id_: str, minutes: float = -1, systolic: float = 190, **more: Any) -> Document:
    return alert(id_, at(minutes), worst=Finding(at(minutes), 3, systolic=systolic, diastolic=100), **more)


def predicted(id_: str, rank: int = 3, minutes: float = -1, **more: Any) -> Document:
    return alert(id_, at(minutes), AlertKind.PREDICTED, rank=rank, **more)


def answered(id_: str, kind: AlertKind = AlertKind.MEASURED) -> Document:
    answer = Answer(at(-3), at(27), "anne")
    return alert(id_, at(-40), kind, state=State.ACKNOWLEDGED, answer=answer, changed_at=at(-3))


def silence(id_: str, minutes: float = -20, rank: int = 1) -> Document:
    return alert(id_, at(minutes), AlertKind.SILENCE, rank=rank)


def order(*rows: Row) -> list[str]:
    return [shown.patient_id for section in arrange(rows, {}, MANY) for shown in section.rows]


def test_the_worst_open_alert_decides_on_the_section_and_no_level_does() -> None:
    rows = [
        row("none", risk=0.95, systolic=200),
        row("medium", predicted("medium", 1)),
        row("silent", silence("silent")),
        row("high", predicted("high", 2), silence("high")),
        row("critical", predicted("critical", 1), crisis("critical"), risk=0.01),
    ]
    sections = arrange(rows[:], {}, MANY)
    assert [section.urgency for section in sections] == ["CRITICAL", "HIGH", "SILENT", "MEDIUM", "NONE", "WAITING"]
    assert [shown.patient_id for section in sections for shown in section.rows] == [
        "critical",
        "high",
        "silent",
        "medium",
        "none",
    ]


def test_a_crisis_over_which_nobody_has_answered_stays_among_the_first() -> None:
    """One normal reading later, and after two, when it is latched."""
    quiet = row("quiet", crisis("quiet", -15, quiet=1), risk=0.05, systolic=122)
    latched = row("latched", crisis("latched", -45, state=State.LATCHED), risk=0.05, systolic=122)
    assert [shown.urgency for shown in (quiet, latched)] == [Urgency.CRITICAL, Urgency.CRITICAL]


def test_in_a_section_the_order_is_that_of_action() -> None:
    """A new crisis of 187/104 stands above four that somebody looks after, whatever is predicted."""
    assert order(
        *(row(f"answered-{number}", answered(f"answered-{number}"), risk=0.9) for number in range(4)),
        row("predicted", predicted("predicted", minutes=-50), risk=0.97),
        row("lower", crisis("lower", -9, systolic=181), risk=0.1),
        row("new", crisis("new", 0, systolic=187), risk=0.25),
        row("older", crisis("older", -4, systolic=187), risk=0.25),
    ) == ["older", "new", "lower", "predicted", "answered-0", "answered-1", "answered-2", "answered-3"]


def test_a_crisis_that_goes_on_comes_before_a_higher_one_that_is_over_and_both_before_what_is_predicted() -> None:
    assert order(
        row("predicted", predicted("predicted", minutes=-50), risk=0.97),
        row("over", crisis("over", -900, systolic=219, state=State.LATCHED), risk=0.9),
        row("now", crisis("now", -2, systolic=183), risk=0.1),
    ) == ["now", "over", "predicted"]


def test_among_the_silent_a_high_last_level_comes_first_then_who_fell_silent_last() -> None:
    rows = [
        row("month", silence("month", -43_000)),
        row("hour", silence("hour", -60)),
        row("high", silence("high", -6_000, rank=2)),
    ]
    assert order(*rows) == ["high", "hour", "month"]


def test_who_has_no_alert_is_listed_by_risk() -> None:
    assert order(row("p-1", risk=0.05), row("p-2", risk=0.15)) == ["p-2", "p-1"]


def test_the_alert_shown_is_the_one_that_decides() -> None:
    """An answered crisis and a new moderate risk: the patient is critical, and by the crisis."""
    shown = row("p-1", predicted("p-1", 1), answered("p-1"))
    assert (shown.urgency, shown.alert) == (Urgency.CRITICAL, answered("p-1"))
    assert shown.is_unanswered


def test_totals_are_those_of_all_patients_and_what_is_cut_is_counted() -> None:
    rows = [row(f"p-{number}", crisis(f"p-{number}")) for number in range(5)]
    critical = arrange(rows, {Urgency.CRITICAL: 312}, MANY | {Urgency.CRITICAL: 3})[0]
    assert (len(critical.rows), critical.total, critical.more) == (3, 312, 309)


def test_a_reading_newer_than_the_prediction_is_the_one_shown() -> None:
    newer = reading("p-1", NOW, 185, 90)
    made = make_row("p-1", (), latest(risk=0.05), newer, NOW, INTERVAL)
    assert (made.is_crisis, made.reading, made.level) == (True, newer, "LOW")


def test_a_patient_without_prediction_waits_with_the_reading() -> None:
    made = make_row("p-1", (), None, reading("p-1", NOW, 130, 80), NOW, INTERVAL, readings=4)
    assert (made.urgency, made.level, made.readings) == (Urgency.WAITING, None, 4)


def test_a_patient_of_whom_nothing_could_be_taken_has_a_row() -> None:
    made = make_row("p-1", [alert("p-1", NOW, AlertKind.ATTENTION)], None, None, NOW, INTERVAL)
    assert (made.urgency, made.reading, made.measured_at) == (Urgency.CRITICAL, None, None)


def test_a_time_in_the_future_is_no_current_data() -> None:
    assert row("p-1", minutes=-10).freshness is Freshness.FUTURE


@pytest.mark.parametrize(("systolic", "diastolic", "low"), [(89, 60, True), (110, 59, True), (90, 60, False)])
def test_low_pressure_is_marked(systolic: float, diastolic: float, low: bool) -> None:
    made = make_row("p-1", (), None, reading("p-1", NOW, systolic, diastolic), NOW, INTERVAL)
    assert made.is_low is low


def test_two_values_of_one_instant_are_marked() -> None:
    told = reading("p-1", NOW, 132, 84) | {"flags": ["conflicting_values"]}
    assert make_row("p-1", (), latest(), told, NOW, INTERVAL).has_conflict
    assert not row("p-1").has_conflict


def ward(*rows: Row, **more: Any) -> Ward:
    return Ward(arrange(rows, {}, MANY), None, 0, **more)


def test_on_a_wall_silence_pushes_nobody_off_and_the_answered_come_after_who_waits() -> None:
    tiles = tiles_of(
        ward(
            row("silent", silence("silent")),
            row("medium", predicted("medium", 1)),
            row("answered", answered("answered")),
            row("high", predicted("high", 2)),
            row("crisis", crisis("crisis")),
            row("none"),
        )
    )
    assert [tile.patient_id for tile in tiles] == ["crisis", "high", "medium", "answered", "silent"]


def test_an_empty_ward_knows_it() -> None:
    assert ward().is_empty
    assert not Ward((Section(Urgency.NONE, (), 5),), None, 0).is_empty


def test_a_ward_is_watched_as_long_as_the_alert_service_runs() -> None:
    assert ward().is_watched
    assert not ward(unwatched_since=NOW).is_watched
    assert not ward(never_watched=True).is_watched


@pytest.mark.parametrize(
    "other",
    [
        ward(row("p-1", risk=0.11)),
        ward(row("p-1", systolic=131)),
        ward(row("p-1", minutes=3)),
        ward(row("p-1", crisis("p-1"))),
        ward(row("p-1"), unwatched_since=NOW),
        ward(row("p-1"), outages=(alert(None, NOW, AlertKind.FEED, part="feed"),)),
    ],
    ids=["risk", "bp", "time", "alert", "service", "feed"],
)
def test_the_fingerprint_changes_with_what_is_shown(other: Ward) -> None:
    assert ward(row("p-1")).fingerprint == replace(ward(row("p-1")), newest_at="later").fingerprint
    assert ward(row("p-1")).fingerprint != other.fingerprint


def test_masked_ids_show_as_much_as_keeps_them_apart() -> None:
    shown = shown_ids(["sim1-00069", "zz9-00069", "sim1-00070", "abc"], 4)
    assert shown == {"sim1-00069": "…1-00069", "zz9-00069": "…9-00069", "sim1-00070": "…0070", "abc": "abc"}
    assert len(set(shown_ids([f"{letter}-00069" for letter in "abc"], 4).values())) == 3
