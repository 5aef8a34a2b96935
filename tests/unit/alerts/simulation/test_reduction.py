"""What the fold does not see changes nothing: alerts of the reduced record are those of the whole one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.events import answers
from alerts.findings import FOLDED, find
from alerts.lifecycle import fold, settle
from alerts.model import Episode, alert_id
from alerts.rules import Rules
from alerts.simulation.record import Aside, Record
from alerts.simulation.reduction import kept_predictions, kept_readings, near
from alerts.simulation.replaying import alerts_of
from tests.unit.alerts.simulation.records import PATIENT, at, record, rules, ward

PRESSURES = st.sampled_from([120.0, 84.0, 125.0, 158.0, 165.0, 178.0, 180.0, 205.0])
RISKS = st.sampled_from([0.02, 0.05, 0.149999, 0.15, 0.17, 0.2, 0.36, 0.45, 0.58, 0.7])
CALM_PRESSURES, CALM_RISKS = st.just(120.0), st.sampled_from([0.02, 0.1])
LIMITS = st.none() | st.fixed_dictionaries(
    {
        "systolic_from": st.none() | st.just(155.0),
        "systolic_below": st.none() | st.just(90.0),
        "limits_at": st.integers(0, 400).map(lambda minute: at(minute).isoformat()),
    }
)
ANY_RULES = st.builds(
    lambda quiet, confirm, low, hysteresis: rules(
        measured={"quiet": quiet, "confirm_within_minutes": confirm},
        low={"systolic": low, "quiet": quiet},
        limit={"quiet": 1 + quiet % 3},
        predicted={"quiet": quiet, "hysteresis": hysteresis},
    ),
    st.integers(1, 4),
    st.sampled_from([0.0, 20.0, 60.0]),
    st.sampled_from([None, 86.0]),
    st.sampled_from([0.0, 0.05]),
)


def runs(loud: st.SearchStrategy[float], calm: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
    """Return values in stretches, loud and calm by turns, as patients have them."""
    stretches = st.lists(
        st.one_of(st.lists(loud, min_size=1, max_size=5), st.lists(calm, min_size=1, max_size=9)), max_size=8
    )
    return stretches.map(lambda found: [value for stretch in found for value in stretch])


@st.composite
def said(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return answers to alerts of any kind at any time."""
    events = []
    for number in range(1, 1 + draw(st.integers(0, 4))):
        minute = draw(st.integers(0, 900))
        kind = draw(st.sampled_from(FOLDED))
        about = {"alert_id": alert_id(PATIENT, kind, at(0)), "kind": kind, "number": number, "by": "anne"}
        until = at(minute + draw(st.sampled_from([15, 60])))
        told = {"event": "acknowledged", "reason": "seen", "until": until.isoformat()}
        events.append({"@timestamp": at(minute).isoformat(), **about, **told})
    return events


def plain(whole: Record, of: Rules, until: float) -> list[Episode]:
    """Return the alerts of one fold over everything."""
    everything = [np.ones(len(each.at_us), bool) for each in (whole.readings, whole.predictions)]
    readings, predictions = (
        each.documents(all_of) for each, all_of in zip((whole.readings, whole.predictions), everything, strict=True)
    )
    findings = find(readings, predictions, of, whole.aside.limits)
    return [
        episode
        for kind in FOLDED
        for episode in settle(
            fold(kind, findings[kind], answers(whole.aside.events, kind), of.terms(kind)), at(until), of.terms(kind)
        )
    ]


def shown(episodes: list[Episode]) -> list[Episode]:
    """Return alerts without the note of how far they were folded."""
    return [replace(episode, seen_at=None, quiet=0) for episode in episodes]


@settings(max_examples=400, deadline=None)
@given(runs(PRESSURES, CALM_PRESSURES), runs(RISKS, CALM_RISKS), LIMITS, said(), ANY_RULES, st.integers(600, 9000))
def test_the_alerts_of_a_reduced_record_are_those_of_a_fold_over_everything(
    pressures: list[float],
    risks: list[float],
    own: dict[str, Any] | None,
    events: list[dict[str, Any]],
    of: Rules,
    until: float,
) -> None:
    whole = record(pressures, risks, aside=Aside(events=events, own=own))
    reduced = [alert.episode for alert in alerts_of(whole, ward(until, of)) if alert.episode.kind in FOLDED]
    assert shown(reduced) == shown(plain(whole, of, until))


@given(runs(PRESSURES, CALM_PRESSURES), runs(RISKS, CALM_RISKS), LIMITS, ANY_RULES)
def test_whatever_meets_a_condition_is_kept_where_it_can_begin_an_alert(
    pressures: list[float], risks: list[float], own: dict[str, Any] | None, of: Rules
) -> None:
    whole = record(pressures, risks, aside=Aside(own=own))
    for columns, kept in (
        (whole.readings, kept_readings(whole, of)),
        (whole.predictions, kept_predictions(whole, of)),
    ):
        found = find(
            columns.documents(~kept) if columns is whole.readings else (),
            columns.documents(~kept) if columns is whole.predictions else (),
            of,
            whole.aside.limits,
        )
        assert not any(finding.rank for findings in found.values() for finding in findings)


def test_long_quiet_stretches_are_left_out() -> None:
    """Of a day with one crisis the crisis and the two readings after it are folded."""
    whole = record([120.0] * 50 + [200.0] + [120.0] * 45)
    assert np.flatnonzero(kept_readings(whole, rules())).tolist() == [50, 51, 52]


def test_a_risk_that_could_only_keep_an_alert_is_left_out_where_none_began() -> None:
    held, raised = [0.17] * 5 + [0.05] * 5, [0.17, 0.21, 0.17] + [0.05] * 5
    assert not kept_predictions(record([], held), rules()).any()
    kept = kept_predictions(record([], held + raised), rules())
    assert np.flatnonzero(kept).tolist() == [10, 11, 12, 13, 14]


def test_nothing_is_kept_of_nothing() -> None:
    assert near(np.array([], bool), np.array([], bool), 2).tolist() == []
