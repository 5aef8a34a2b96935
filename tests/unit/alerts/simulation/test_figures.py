"""Figures of a simulation, by examples that can be reckoned by hand."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.simulation.figures import Watched, figures, is_told, judge, lead_us, watched
from alerts.simulation.record import Aside, Record
from alerts.simulation.replaying import Alert, alerts_of
from alerts.simulation.running import Simulation
from conf.times import HOUR_US, to_us
from tests.unit.alerts.simulation.records import at, record, rules, ward

CALM = 120.0
END = 24 * 60.0 + 1  # just after the last reading of a day
SINCE, UNTIL = to_us(at(0)), to_us(at(END))


def day(crises: dict[float, float], risks: dict[float, float] | None = None) -> Record:
    """Return a day of readings every quarter of an hour, calm but at these minutes, and predictions of some."""
    return record({15.0 * step: crises.get(15.0 * step, CALM) for step in range(97)}, risks or {})


def found(whole: Record, until: float = END, of: Any = None) -> tuple[Watched, list[Alert]]:
    of_ward = ward(until, of or rules())
    return watched(whole, SINCE, to_us(at(until))), judge(whole, alerts_of(whole, of_ward))


def told(*patients: tuple[Watched, list[Alert]]) -> dict[str, Any]:
    return figures(patients, SINCE, UNTIL)


def test_alerts_are_counted_by_kind_and_highest_level_for_each_patient_and_day() -> None:
    risks = {60.0: 0.25, 75.0: 0.65, 90.0: 0.05, 105.0: 0.05}
    shown = told(found(day({600: 185}, risks)), found(day({})))
    assert shown["by_kind"] == {"measured": {"CRITICAL": 1}, "predicted": {"CRITICAL": 1}}
    assert (shown["alerts"], shown["alerts_per_patient_day"]) == (2, 1.0)
    assert [shown["predicted"][level]["alerts_per_patient_day"] for level in ("MEDIUM", "HIGH", "CRITICAL")] == [
        0.5,
        0.5,
        0.5,
    ]


def test_a_crisis_is_one_that_none_precedes_within_six_hours_and_whose_past_is_known() -> None:
    """As the reports of the models have it: the first six hours of a record are left out."""
    of, _ = found(day({60: 190, 480: 182, 600: 200, 960: 181, 975: 181}))
    assert of.crises_us == (to_us(at(480)),)
    of, _ = found(day({480: 182, 855: 182}))
    assert of.crises_us == (to_us(at(480)), to_us(at(855)))


def test_a_crisis_is_announced_by_a_predicted_alert_that_stood_within_the_six_hours_before() -> None:
    _, alerts = found(day({600: 185}, {300.0: 0.25, 315.0: 0.45, 330.0: 0.05, 345.0: 0.05}))
    crisis_us = to_us(at(600))
    assert lead_us(crisis_us, alerts, 1) == 5 * HOUR_US
    assert lead_us(crisis_us, alerts, 2) == 4.75 * HOUR_US
    assert lead_us(crisis_us, alerts, 3) is None
    assert lead_us(to_us(at(315 + 361)), alerts, 1) is None, "the alert was over"
    assert lead_us(to_us(at(300)), alerts, 1) is None, "it began with it"


def test_an_alert_that_stood_for_long_leads_by_six_hours_at_most() -> None:
    risks = {15.0 * step: 0.3 for step in range(4, 44)}
    of, alerts = found(day({645: 200}, risks))
    assert [lead_us(at_us, alerts, 1) for at_us in of.crises_us] == [6 * HOUR_US]


def test_a_crisis_is_told_by_its_measured_alert_and_not_where_nothing_confirms_it() -> None:
    strict = rules(measured={"confirm_within_minutes": 20.0})
    of, alerts = found(day({600: 185}))
    assert [is_told(at_us, alerts) for at_us in of.crises_us] == [True]
    of, alerts = found(day({600: 185}), of=strict)
    assert [is_told(at_us, alerts) for at_us in of.crises_us] == [False]
    of, alerts = found(day({600: 185, 615: 190}), of=strict)
    assert [is_told(at_us, alerts) for at_us in of.crises_us] == [True]


def test_a_predicted_alert_is_right_where_a_crisis_followed_within_six_hours() -> None:
    right, wrong = {300.0: 0.25, 315.0: 0.05, 330.0: 0.05}, {60.0: 0.45, 75.0: 0.05, 90.0: 0.05}
    shown = told(found(day({600: 185}, right | wrong)))
    assert shown["predicted"]["MEDIUM"]["ppv"] == 0.5
    assert shown["predicted"]["HIGH"]["ppv"] == 0.0
    assert shown["predicted"]["CRITICAL"]["ppv"] is None


@pytest.mark.parametrize(
    ("crises", "minute"), [({300.0: 185.0, 420.0: 190.0}, 300.0), ({}, 1140.0)], ids=["in crisis", "unwatched"]
)
def test_what_began_in_a_crisis_or_was_not_watched_for_six_hours_counts_neither_way(
    crises: dict[float, float], minute: float
) -> None:
    shown = told(found(day(crises, {minute: 0.3})))
    assert shown["predicted"]["MEDIUM"] | {"crises_announced": None} == {
        "alerts_per_patient_day": 1.0,
        "crises_announced": None,
        "median_lead_h": None,
        "ppv": None,
    }


def test_alerts_that_somebody_answered_or_nobody_saw_are_told_as_shares() -> None:
    answer = {
        "@timestamp": at(610).isoformat(),
        "event": "acknowledged",
        "kind": "measured",
        "alert_id": "any",
        "number": 1,
        "by": "anne",
        "reason": "seen",
        "until": at(640).isoformat(),
    }
    whole = day({100 * 15: 200, 600: 185, 960: 195})
    answered = Record(whole.patient_id, whole.readings, whole.predictions, Aside(events=[answer]))
    shown = told(found(answered))
    assert (shown["alerts"], shown["answered_share"], shown["latched_share"]) == (2, 0.5, 0.5)


def test_without_readings_there_are_no_figures_but_no_fault_either() -> None:
    shown = told(found(record([])))
    assert (shown["alerts"], shown["alerts_per_patient_day"], shown["crises_told"]) == (0, None, None)


def test_a_period_without_patients_has_figures_of_each_set_of_rules_all_of_them_unknown() -> None:
    figures_ = Simulation(at(0), at(END), ("today", "tried"), ()).figures()
    assert (figures_["patients"], figures_["patient_days"], figures_["crises"]) == (0, 0, 0)
    assert [each["alerts_per_patient_day"] for each in figures_["rules"].values()] == [None, None]
