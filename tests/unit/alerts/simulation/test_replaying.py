"""Silence in a simulation: which pauses alert, from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from alerts.model import AlertKind, State
from alerts.simulation.record import Aside
from alerts.simulation.replaying import Alert, Ward, alerts_of
from tests.unit.alerts.simulation.records import at, record, rules, ward

MET = [0.0, 15.0, 30.0]  # minutes of readings before a pause


def silences(
    minutes: list[float],
    of: Ward | None = None,
    late: Mapping[float, float] | None = None,
    own: dict[str, Any] | None = None,
) -> list[Alert]:
    whole = record(dict.fromkeys(minutes, 120.0), late=late, aside=Aside(own=own))
    return [alert for alert in alerts_of(whole, of or ward(600)) if alert.episode.kind is AlertKind.SILENCE]


def spans(alerts: list[Alert]) -> list[tuple[datetime, datetime | None]]:
    return [(alert.episode.started_at, None if alert.episode.is_open else alert.episode.changed_at) for alert in alerts]


def test_a_pause_of_two_intervals_alerts_from_then_until_the_next_reading() -> None:
    (alert,) = silences([*MET, 75.0, 90.0], ward(100))
    assert spans([alert]) == [(at(60), at(75))]
    assert (alert.episode.level, alert.episode.state) == ("STALE", State.RESOLVED)


def test_a_shorter_pause_does_not_and_one_at_the_end_stays_open() -> None:
    assert spans(silences([*MET, 59.0], ward(80))) == []
    assert spans(silences(MET, ward(61))) == [(at(60), None)]


def test_other_rules_wait_longer() -> None:
    assert spans(silences([*MET, 75.0, 90.0], ward(100, rules(silence={"intervals": 3.5})))) == []


def test_a_reading_that_came_late_is_heard_when_it_came() -> None:
    """What was measured in time but arrived after 100 minutes did not keep anybody from being alerted."""
    found = silences([*MET, 45.0, 130.0], ward(140), late={45.0: 55.0})
    assert spans(found) == [(at(60), at(60)), (at(75), at(130))]


@pytest.mark.parametrize(("own", "found"), [({"silence_minutes": 240}, []), ({}, [(60, 200)])])
def test_a_patient_with_a_longer_limit_is_waited_for_longer(
    own: dict[str, Any], found: list[tuple[float, float]]
) -> None:
    document = {"patient_id": "P-1", "changed_at": at(0).isoformat(), **own}
    assert spans(silences([*MET, 200.0], ward(210), own=document)) == [(at(a), at(b)) for a, b in found]


@pytest.mark.parametrize(("ended", "found"), [(50, []), (300, [(60, 200)])], ids=["in the pause", "after it"])
def test_nobody_waits_for_who_was_discharged_in_the_pause(ended: float, found: list[tuple[float, float]]) -> None:
    own = {"patient_id": "P-1", "changed_at": at(ended).isoformat(), "surveillance_ended_at": at(ended).isoformat()}
    alerts = silences([*MET, 200.0], ward(210), own=own)
    assert spans(alerts) == [(at(a), at(b)) for a, b in found]


def test_while_the_whole_feed_was_stopped_nobody_was_silent_and_the_limit_counts_from_its_return() -> None:
    stops = [(at(50), at(120))]
    assert spans(silences([*MET, 140.0, 150.0], ward(160, stops=stops))) == []
    assert spans(silences([*MET, 200.0], ward(210, stops=stops))) == [(at(150), at(200))]
    assert spans(silences([*MET, 200.0], ward(210, stops=[(at(70), at(120))]))) == [(at(60), at(200))]


def test_a_reading_that_came_late_with_the_return_of_the_feed_gives_everybody_the_whole_limit() -> None:
    stops = [(at(50), at(120))]
    late = {75.0: 45.0}
    assert spans(silences([*MET, 75.0, 150.0], ward(155, stops=stops), late=late)) == []
    assert spans(silences([*MET, 75.0, 151.0], ward(155, stops=stops), late=late)) == [(at(150), at(151))]


@pytest.mark.parametrize(("withdrawn", "found"), [(80, []), (50, [(60, 70)])], ids=["later", "before the next came"])
def test_a_reading_that_was_taken_back_later_was_a_sign_of_life_until_then(
    withdrawn: float, found: list[tuple[float, float]]
) -> None:
    times = {"@timestamp": at(45), "ingested_at": at(45), "withdrawn_at": at(withdrawn)}
    lost = {name: moment.isoformat() for name, moment in times.items()}
    whole = record(dict.fromkeys([*MET, 70.0], 120.0), aside=Aside(retracted=[lost]))
    assert spans(alerts_of(whole, ward(80))) == [(at(a), at(b)) for a, b in found]


def test_a_late_reading_that_is_older_than_the_newest_one_ends_no_silence() -> None:
    assert spans(silences([*MET, 20.0, 90.0], ward(100), late={20.0: 55.0})) == [(at(60), at(90))]
