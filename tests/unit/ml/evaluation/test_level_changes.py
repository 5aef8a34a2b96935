from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from ml.evaluation.level_changes import NUDGE_MMHG, level_changes, nudged_risks
from ml.features import newest_pressures
from ml.prediction import Predictor
from tests.support.bundles import make_bundle
from tests.support.outcomes import three
from tests.unit.ml.evaluation.test_alarms import CALM, CRISIS, track_of

DAY = 96  # intervals of a quarter of an hour


def changes(
    *risks: Sequence[float], pressures: float = CALM, nudged: Mapping[str, Sequence[float]] | None = None
) -> dict[str, Any]:
    """Return the changes of patients whose risks these are, a quarter of an hour apart, and then 0 for a day in all."""
    whole = [[*risk, *[0.0] * (DAY + 1 - len(risk))] for risk in risks]
    more = {name: three(np.array([*risk, *[0.0] * (DAY + 1 - len(risk))])) for name, risk in (nudged or {}).items()}
    data = track_of(*([pressures] * (DAY + 1) for _ in risks))
    return level_changes(data, {"xgboost": three(np.concatenate(whole)), **more}, replicates=20)


def per_day(found: dict[str, Any], level: str, figure: str = "per_patient_day_ever") -> float:
    return float(found["levels"][level][figure]["value"])


def test_every_change_of_level_counts_up_and_down() -> None:
    found = changes([0.1, 0.25, 0.45, 0.45, 0.65, 0.1])
    assert per_day(found, "raw") == pytest.approx(4.0)
    assert per_day(found, "raw", "per_patient_day") == pytest.approx(4.0)


def test_a_risk_that_hovers_about_a_threshold_is_held_by_the_alert_service() -> None:
    found = changes([0.41, 0.39, 0.41, 0.39, 0.41, 0.39, 0.41])
    assert per_day(found, "raw") == pytest.approx(7.0)  # the last one down to LOW
    assert per_day(found, "served") == pytest.approx(1.0)


def test_a_change_is_undone_if_the_level_before_is_back_within_half_an_hour() -> None:
    soon, late = changes([0.1, 0.25, 0.25, 0.1]), changes([0.1, 0.25, 0.25, 0.25, 0.1])
    assert per_day(soon, "raw", "undone_per_patient_day_ever") == pytest.approx(1.0)  # up and back, but not down again
    assert per_day(late, "raw", "undone_per_patient_day_ever") == pytest.approx(0.0)


def test_patients_who_never_leave_low_count_for_the_whole_only() -> None:
    found = changes([0.1, 0.25, 0.25, 0.25, 0.1], [0.1], [0.0], [0.0])
    assert found["ever_above_low"] == 0.25
    assert per_day(found, "raw", "per_patient_day") == pytest.approx(0.5)
    assert per_day(found, "raw") == pytest.approx(2.0)


def test_the_first_level_of_a_patient_is_no_change_from_the_last_of_another() -> None:
    ends_high = [0.5] * (DAY + 1)
    assert per_day(changes(ends_high, ends_high), "raw") == 0


def test_levels_that_differ_with_pressures_a_little_higher_or_lower_are_a_share_of_those_above_low() -> None:
    risk = [0.25, 0.25, 0.25, 0.25, 0.1]
    nudged = {"xgboost_raised": [0.25, 0.25, 0.25, 0.41, 0.3], "xgboost_lowered": [0.25, 0.25, 0.19, 0.19, 0.1]}
    assert changes(risk, nudged=nudged)["nudged"]["value"] == pytest.approx(
        0.5
    )  # the last one is LOW and does not count
    assert changes(risk, pressures=CRISIS, nudged=nudged)["nudged"]["value"] is None
    assert changes(risk)["nudged"] is None


def test_nudged_risks_are_those_of_windows_with_other_newest_pressures() -> None:
    data, bundle = track_of([CALM] * 40), make_bundle()
    raised, lowered = nudged_risks(bundle, data).values()
    moved = data.features.copy()
    moved[:, -4:-2] += NUDGE_MMHG
    assert newest_pressures(moved)[0, 0] == CALM + NUDGE_MMHG
    np.testing.assert_array_equal(raised, Predictor(bundle).risks(moved, data.hour).values)
    assert (raised > lowered).any()


def test_what_is_found_is_strict_json() -> None:
    assert json.loads(json.dumps(changes([0.1]), allow_nan=False))["ever_above_low"] == 0.0
