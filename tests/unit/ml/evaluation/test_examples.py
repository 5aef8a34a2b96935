"""Examples of alarms are of the kind that they are said to be, and nobody chooses them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ml.evaluation.examples import FALSE, FOUND, MISSED, THRESHOLD, alarm_examples
from tests.support.outcomes import Floats, three
from tests.unit.ml.evaluation.test_alarms import CALM, CRISIS, track_of

LOW, HIGH = THRESHOLD - 0.1, THRESHOLD + 0.1
READINGS = 60  # of each patient, a quarter of an hour apart
ONSET = 30  # 7 h 30 min after the first one


def with_crisis() -> list[float]:
    return [CRISIS if tick == ONSET else CALM for tick in range(READINGS)]


def risks(flagged: Sequence[int] = (), risk: float = HIGH, low: float = LOW) -> list[float]:
    return [risk if tick in flagged else low for tick in range(READINGS)]


def examples(pressures: list[list[float]], risk: list[list[float]], target: float = 0.0) -> dict[str, Any]:
    return alarm_examples(track_of(*pressures, target=target), three(np.concatenate(risk)))


def at(curve: dict[str, Any], hour: float) -> float:
    pressures = curve["pressures"]
    return float(pressures["systolic"][pressures["hours"].index(hour)])


def test_a_found_crisis_is_shown_from_the_first_flag_of_the_six_hours_before() -> None:
    found = examples([with_crisis()], [risks(flagged=[2, ONSET - 8, ONSET - 4])], target=1.0)
    (curve,) = found[FOUND]["shown"]
    assert (at(curve, 0), at(curve, 1.75), at(curve, 2)) == (CALM, CALM, CRISIS)
    assert curve["risks"]["values"][curve["risks"]["hours"].index(0)] == pytest.approx(HIGH)
    assert (found[MISSED]["number"], found[FALSE]["number"]) == (0, 0)


def test_a_missed_crisis_is_shown_from_the_last_reading_before_with_the_highest_risk_until_then() -> None:
    risk = risks(flagged=[ONSET - 3], risk=THRESHOLD - 0.01)
    risk[ONSET] = 0.99  # at the crisis itself: no prediction
    found = examples([with_crisis()], [risk], target=1.0)
    (curve,) = found[MISSED]["shown"]
    assert (at(curve, 0), at(curve, 0.25)) == (CALM, CRISIS)
    assert curve["highest_risk"] == pytest.approx(THRESHOLD - 0.01)
    assert found[FOUND]["number"] == 0


def test_a_false_alarm_is_the_beginning_of_one_that_no_crisis_follows() -> None:
    calm = [CALM] * READINGS
    (curve,) = examples([calm], [risks(flagged=range(10, 20))])[FALSE]["shown"]
    hours = curve["risks"]["hours"]
    assert curve["risks"]["values"][hours.index(-0.25)] == pytest.approx(LOW)
    assert curve["highest_risk"] == pytest.approx(HIGH)
    assert max(hours) == max(curve["pressures"]["hours"]) == 6.0
    assert examples([calm], [risks(flagged=range(10, 20))], target=1.0)[FALSE]["number"] == 0


def test_an_alarm_whose_next_hours_are_not_on_record_is_not_shown_as_false() -> None:
    late = READINGS - 24  # its sixth hour ends a quarter of an hour after the last reading
    assert examples([[CALM] * READINGS], [risks(flagged=[late])])[FALSE]["number"] == 0
    assert examples([[CALM] * READINGS], [risks(flagged=[late - 1])])[FALSE]["number"] == 1


def test_an_alarm_after_which_there_is_no_window_for_six_hours_is_not_shown_as_false() -> None:
    data = track_of([CALM] * 5, minutes=361)
    risk = np.array([LOW, HIGH, LOW, LOW, LOW])
    assert alarm_examples(data, three(risk))[FALSE]["number"] == 0


def test_what_is_shown_are_the_middles_of_the_thirds_of_patients_in_order() -> None:
    patients = 9
    shown = [0.41 + 0.01 * number for number in range(patients)]
    risk = [risks(flagged=[10], risk=value) for value in shown]
    found = examples([[CALM] * READINGS] * patients, risk)[FALSE]
    assert found["number"] == patients
    assert [curve["highest_risk"] for curve in found["shown"]] == pytest.approx([shown[1], shown[4], shown[7]])


def test_a_patient_with_many_alarms_is_shown_once_and_all_are_counted() -> None:
    found = examples([[CALM] * READINGS], [risks(flagged=[5, 10, 15], low=0.0)])[FALSE]
    assert (found["number"], len(found["shown"])) == (3, 1)


def test_curves_hold_no_id_and_no_time_and_are_strict_json() -> None:
    data = track_of(with_crisis(), [CALM] * READINGS)
    risk: Floats = np.concatenate([risks(flagged=[20]), risks(flagged=[20])])
    text = json.dumps(alarm_examples(data, three(risk)), allow_nan=False)
    assert not any(name in text for name in set(data.patient_id))
    assert set(json.loads(text)[FOUND]["shown"][0]) == {"highest_risk", "pressures", "risks"}
