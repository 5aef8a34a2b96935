"""From windows to predictions, and what a replaced prediction leaves behind."""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.clinical import alert_level
from elastic.names import instant_id
from jobs.streaming.predictions import RISK_DECIMALS, Prediction, Scored, _reasons, long_enough, score, with_lineage
from jobs.streaming.windows import Scorable
from ml.calibration import Calibrator, Calibrators
from ml.explanation import explain
from ml.features import feature_matrix, hours_of_day
from ml.inputs import INPUT_NAMES
from ml.prediction import Predictor
from tests.support.arrivals import MINUTE_US, START_US, Patient
from tests.support.bundles import TRAINED, make_bundle, make_hours

SCORED_AT = "2026-09-21T14:13:20.123Z"
Stored = dict[str, Any]


def patient(readings: int = 12, **newest: Any) -> Patient:
    """Return a patient with a reading every quarter of an hour, the newest as told."""
    made = Patient()
    for number in range(readings - 1):
        made.reading(15 * number, systolic=120 + number % 7)
    made.reading(15 * (readings - 1), **{"systolic": 130, **newest})
    return made


@cache
def predictor(seed: int = 1) -> Predictor:
    return Predictor(make_bundle(seed))


def score_one(window: Scorable, seed: int = 1) -> Scored:
    scored, _ = score(window, ["p-1"], predictor(seed), SCORED_AT, UTC)
    return scored[0]


@cache
def base_prediction() -> Prediction:
    return score_one(patient().window()).prediction


def prediction(**changes: Any) -> Prediction:
    return msgspec.structs.replace(base_prediction(), **changes)


def as_stored(prediction: Prediction, **changes: Any) -> Stored:
    return {**msgspec.json.decode(msgspec.json.encode(prediction)), **changes}


def test_prediction_tells_of_its_window_and_newest_reading() -> None:
    made = patient(12, systolic=151, diastolic=92, heart_rate=64)
    scored = score_one(made.window())
    newest_us = START_US + 11 * 15 * MINUTE_US
    assert (scored.id, scored.effective_us) == (instant_id("p-1", newest_us), newest_us)
    told = as_stored(scored.prediction)
    assert told["@timestamp"] == "2026-09-21T16:58:20.000Z"
    assert (told["systolic"], told["diastolic"], told["heart_rate"]) == (151, 92, 64)
    assert (told["window_readings"], told["window_hours"], told["window_largest_gap_hours"]) == (12, 2.75, 0.25)
    assert (told["window_heart_rates"], told["window_late_readings"], told["source_offset"]) == (1, 0, 11)
    assert (told["scored_at"], told["model_version"]) == (SCORED_AT, "test")


def test_absent_heart_rate_is_left_out_of_the_document() -> None:
    """NaN is no JSON number; a null field would only cost space."""
    body = msgspec.json.encode(score_one(patient().window()).prediction)
    assert b"NaN" not in body
    assert {"heart_rate", "replaced_risk_6h", "replaced_scored_at"}.isdisjoint(msgspec.json.decode(body))


def test_risks_are_those_of_the_model_to_six_decimals() -> None:
    window = patient().window()
    newest_us = window.windows.effective_us[:, -1]
    exact = predictor().risks(feature_matrix(window.windows), hours_of_day(newest_us, UTC)).values[0]
    prediction = score_one(window).prediction
    told = [prediction.critical_risk_1h, prediction.critical_risk_6h, prediction.critical_risk_24h]
    np.testing.assert_allclose(told, exact, rtol=0, atol=0.5 * 10**-RISK_DECIMALS)
    assert [round(risk, RISK_DECIMALS) for risk in told] == told


def test_horizons_never_contradict_each_other_after_rounding_and_repairs_are_counted() -> None:
    windows = [patient(30, systolic=90 + 4 * number).window() for number in range(30)]
    repaired = 0
    for window in windows:
        (scored,), repairs = score(window, ["p-1"], predictor(), SCORED_AT, UTC)
        prediction = scored.prediction
        assert 0 <= prediction.critical_risk_1h <= prediction.critical_risk_6h <= prediction.critical_risk_24h <= 1
        repaired += repairs
    assert 0 < repaired <= len(windows)


def test_alert_level_is_that_of_the_stored_six_hour_risk() -> None:
    levels = set()
    for seed in range(1, 13):
        prediction = score_one(patient(30, systolic=150).window(), seed).prediction
        assert prediction.alert_level == alert_level(prediction.critical_risk_6h)
        levels.add(prediction.alert_level)
    assert len(levels) > 1


def test_exactly_the_alerting_predictions_tell_their_reasons() -> None:
    """Whatever the boosters think: the level is that of the calibrated risk."""
    for intercept, alerting in ((-4.0, False), (4.0, True)):
        calibrators = Calibrators((Calibrator("sigmoid", intercept=intercept),) * 3)
        calibrated = Predictor(make_bundle(calibrators=calibrators))
        (scored,), _ = score(patient(30, systolic=150).window(), ["p-1"], calibrated, SCORED_AT, UTC)
        told = as_stored(scored.prediction)
        assert (told["alert_level"] != "LOW") == alerting
        assert ("reasons" in told) == alerting
        for reason in told.get("reasons", []):
            assert set(reason) == {"code", "contribution", "value"}
            assert reason["contribution"] > 0


def test_reasons_are_those_of_their_own_window() -> None:
    """Among windows of which some alert and some do not."""
    windows = [patient(30, systolic=90 + 5 * number).window().windows for number in range(20)]
    batch = np.concatenate([feature_matrix(window) for window in windows])
    levels = ["LOW", "HIGH", "LOW", "CRITICAL"] * 5
    hours = make_hours(len(batch))
    reasons = _reasons(batch, hours, levels, predictor())
    contributions = predictor().contributions(batch, hours)
    for row, level in enumerate(levels):
        own = explain(batch[[row]], hours[[row]], contributions[[row]], INPUT_NAMES)[0]
        expected = None if level == "LOW" else own
        assert reasons[row] == expected


def test_window_that_the_model_was_not_trained_on_says_so() -> None:
    """A home user with two readings a day is not a patient who is measured every quarter of an hour."""
    trained = Predictor(make_bundle(trained=TRAINED))
    every_quarter, twice_a_day = Patient(), Patient()
    for number in range(12):
        every_quarter.reading(15 * number, heart_rate=70)
        twice_a_day.reading(720 * number, heart_rate=70)
    told = []
    for made in (every_quarter, twice_a_day):
        (scored,), _ = score(made.window(), ["p-1"], trained, SCORED_AT, UTC)
        told.append(as_stored(scored.prediction).get("out_of_range"))
    assert told == [None, ["INTERVAL_LONG", "GAP_LONG"]]


def test_every_window_is_told_of_its_own_patient() -> None:
    """`patient_ids` is numbered like the patients of the windows: a patient without a window leaves a hole."""
    window = patient().window()
    (scored,), _ = score(
        Scorable(**{**fields_of(window), "patients": np.array([2])}), ["a", "b", "c"], predictor(), SCORED_AT, UTC
    )
    assert scored.prediction.patient_id == "c"


def fields_of(window: Scorable) -> dict[str, Any]:
    return {name: getattr(window, name) for name in window.__dataclass_fields__}


def test_no_windows_give_no_predictions() -> None:
    window = patient().window()
    none = window.take(np.array([False]))
    assert score(none, ["p-1"], predictor(), SCORED_AT, UTC) == ([], 0)


@pytest.mark.parametrize(("readings", "enough"), [(9, False), (10, True), (30, True), (40, True)])
def test_windows_of_too_few_readings_are_not_scored(readings: int, enough: bool) -> None:
    assert long_enough(patient(readings).window(), 10).tolist() == [enough]


@pytest.mark.parametrize("late", [False, True])
def test_prediction_is_disturbed_by_a_late_reading_only(late: bool) -> None:
    made = patient()
    made.reading(7 if late else 200)
    assert score_one(made.window()).disturbed is late


def test_first_prediction_of_an_instant_replaces_nothing() -> None:
    assert with_lineage(prediction(), None) == prediction()


def test_prediction_that_a_late_reading_changed_names_its_predecessor() -> None:
    stored = as_stored(prediction(critical_risk_6h=0.25, source_offset=11, scored_at="2026-09-21T14:00:00.000Z"))
    told = with_lineage(prediction(critical_risk_6h=0.5, source_offset=12), stored)
    assert (told.replaced_risk_6h, told.replaced_scored_at) == (0.25, "2026-09-21T14:00:00.000Z")
    assert told.critical_risk_6h == 0.5


def test_late_reading_that_changes_no_risk_leaves_no_trace_of_its_own() -> None:
    stored = as_stored(prediction(critical_risk_6h=0.5, source_offset=11))
    assert with_lineage(prediction(critical_risk_6h=0.5, source_offset=12), stored).replaced_risk_6h is None


@pytest.mark.parametrize("risk", [0.5, 0.75])
def test_repeated_micro_batch_keeps_the_lineage_it_wrote(risk: float) -> None:
    """Also where another model scores it the second time: the last message is the same, so nothing was late."""
    stored = as_stored(
        prediction(critical_risk_6h=0.5, source_offset=12, replaced_risk_6h=0.25, replaced_scored_at=SCORED_AT)
    )
    told = with_lineage(prediction(critical_risk_6h=risk, source_offset=12), stored)
    assert (told.replaced_risk_6h, told.replaced_scored_at) == (0.25, SCORED_AT)


def test_same_offset_of_another_partition_is_another_message() -> None:
    stored = as_stored(prediction(critical_risk_6h=0.25, source_offset=12, source_partition=1))
    assert with_lineage(prediction(critical_risk_6h=0.5, source_offset=12), stored).replaced_risk_6h == 0.25


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=6))
def test_lineage_is_the_same_however_often_the_last_micro_batch_is_repeated(risks: list[float]) -> None:
    stored: Stored | None = None
    for number, risk in enumerate(risks):
        once = as_stored(with_lineage(prediction(critical_risk_6h=risk, source_offset=number), stored))
        again = as_stored(with_lineage(prediction(critical_risk_6h=risk, source_offset=number), once))
        assert again == once
        stored = again
