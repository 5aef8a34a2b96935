from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.calibration import (
    MIN_ISOTONIC_EVENTS,
    UNCALIBRATED,
    CalibrationError,
    Calibrator,
    Calibrators,
    fit,
    fit_all,
    fit_if_better,
    logit,
)

Floats = NDArray[np.float64]

ISOTONIC = Calibrator("isotonic", raw=(0.1, 0.3, 0.9), calibrated=(0.05, 0.3, 0.8))
SIGMOID = Calibrator("sigmoid", slope=0.5, intercept=-1.0)


def overconfident(rows: int, seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """Return raw risks whose log odds are twice too large, the true risks, and outcomes."""
    random = np.random.default_rng(seed)
    log_odds = random.normal(-2, 1.2, rows)
    truth = 1 / (1 + np.exp(-log_odds))
    raw = 1 / (1 + np.exp(-2 * log_odds - 1))
    return raw, truth, (random.random(rows) < truth).astype(np.float64)


@st.composite
def calibration_rows(draw: st.DrawFn) -> tuple[Floats, Floats]:
    rows = draw(st.sampled_from([20, 300, 6_000]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    risk = np.round(random.beta(*draw(st.sampled_from([(0.5, 5), (1, 1), (5, 0.5)])), rows), draw(st.integers(1, 8)))
    target = (random.random(rows) < draw(st.floats(0, 1)) * risk + draw(st.floats(0, 0.5))).astype(np.float64)
    target[:2] = 0, 1
    return risk, target


@given(calibration_rows())
def test_a_higher_raw_risk_never_gets_a_lower_calibrated_one(rows: tuple[Floats, Floats]) -> None:
    calibrator = fit(*rows)
    calibrated = calibrator.apply(np.linspace(0, 1, 2001))
    assert np.diff(calibrated).min() >= -1e-12
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


@pytest.mark.parametrize(("rows", "method"), [(800, "sigmoid"), (20_000, "isotonic")])
def test_calibration_brings_overconfident_risks_back_to_the_truth(rows: int, method: str) -> None:
    calibrator = fit(*overconfident(rows)[::2])
    assert calibrator.method == method
    raw, truth, _ = overconfident(50_000, seed=2)
    before, after = np.abs(raw - truth).mean(), np.abs(calibrator.apply(raw) - truth).mean()
    assert before > 0.05
    assert after < 0.02


def test_isotonic_calibration_needs_both_outcomes_in_plenty() -> None:
    risk, _, _ = overconfident(5_000)
    for events, method in ((MIN_ISOTONIC_EVENTS - 1, "sigmoid"), (MIN_ISOTONIC_EVENTS, "isotonic")):
        target = np.arange(5_000) < events
        assert fit(risk, target.astype(np.float64)).method == method
        assert fit(risk, (~target).astype(np.float64)).method == method


def test_isotonic_calibration_knows_no_certainty_where_it_saw_one_outcome_only() -> None:
    risk = np.linspace(0, 1, 4_000)
    calibrator = fit(risk, (risk > 0.5).astype(np.float64))
    low, high = calibrator.apply(np.array([0.0, 1.0]))
    assert 0 < low < 0.01
    assert 0.99 < high < 1


def test_isotonic_calibration_keeps_different_windows_apart_within_its_range() -> None:
    """A level stretch would make all alarms of a range equally urgent."""
    calibrator = fit(*overconfident(20_000)[::2])
    inner = np.linspace(calibrator.raw[0], calibrator.raw[-1], 500)
    assert (np.diff(calibrator.apply(inner)) > 0).all()


@pytest.mark.parametrize("rows", [500, 20_000])
def test_risks_that_fall_with_the_truth_give_everybody_the_same_risk(rows: int) -> None:
    raw, _, target = overconfident(rows)
    calibrated = fit(1 - raw, target).apply(np.linspace(0.01, 0.99, 50))
    assert np.ptp(calibrated) < 1e-9
    assert calibrated[0] == pytest.approx(target.mean(), abs=0.005)


def test_one_raw_risk_for_all_is_calibrated_to_the_share_of_events() -> None:
    target = (np.arange(6_000) % 4 == 0).astype(np.float64)
    calibrator = fit(np.full(6_000, 0.7), np.random.default_rng(1).permutation(target))
    assert calibrator.apply(np.array([0.7]))[0] == pytest.approx(0.25, abs=0.01)


def test_censored_rows_are_left_out() -> None:
    raw, _, target = overconfident(600)
    censored = np.concatenate([target, np.full(600, np.nan)])
    assert fit(np.concatenate([raw, raw]), censored) == fit(raw, target)


@pytest.mark.parametrize("outcome", [0.0, 1.0, np.nan])
def test_rows_of_one_outcome_only_are_refused_with_advice(outcome: float) -> None:
    with pytest.raises(CalibrationError, match="Use more patients"):
        fit(np.linspace(0, 1, 50), np.full(50, outcome))


def test_risks_of_zero_and_one_have_finite_log_odds() -> None:
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()
    assert np.isfinite(SIGMOID.apply(np.array([0.0, 1.0]))).all()


def test_each_horizon_has_a_calibrator_of_its_own() -> None:
    raw, _, target = overconfident(900)
    risks, targets = np.stack([raw, raw / 2, raw]), np.stack([target, target, np.full(900, np.nan)])
    targets[2, :400] = target[:400]
    fitted = fit_all(risks.T, targets.T, np.arange(risks.shape[1]).astype(str))
    assert fitted.by_horizon == tuple(fit(*pair) for pair in zip(risks, targets, strict=True))
    assert fitted.by_horizon[2].rows == 400


def test_risks_that_are_right_are_left_alone_and_wrong_ones_are_not() -> None:
    raw, truth, target = overconfident(5_000)
    patients = np.char.add("p", (np.arange(5_000) // 5).astype(str))
    assert fit_if_better(truth, target, patients).method == "none"
    assert fit_if_better(truth, target, patients).events == target.sum()
    assert fit_if_better(raw, target, patients).method == "sigmoid"


def test_crises_of_one_patient_are_no_reason_to_calibrate() -> None:
    """The risks are right for everybody else; of that one they are too low, and nobody else is like that one."""
    random = np.random.default_rng(2)
    risk = np.repeat(0.05, 2_000)
    target = (random.random(2_000) < risk).astype(np.float64)
    patients = np.char.add("p", (np.arange(2_000) // 20).astype(str))
    target[patients == "p7"] = 1
    assert fit(risk, target).apply(risk).mean() > 0.055
    assert fit_if_better(risk, target, patients).method == "none"


def test_uncalibrated_risks_stay_what_they_are() -> None:
    risks = np.random.default_rng(1).random((20, 3))
    assert (UNCALIBRATED.apply(risks) == risks).all()


def test_calibrators_come_back_from_their_file_unchanged() -> None:
    calibrators = Calibrators((SIGMOID, ISOTONIC, Calibrator("none", rows=3, events=1)))
    assert Calibrators.from_json(json.loads(json.dumps(calibrators.to_json()))) == calibrators


@pytest.mark.parametrize(
    "change",
    [
        {"method": "magic"},
        {"raw": []},
        {"raw": [0.1, 0.3]},
        {"raw": [0.3, 0.1, 0.9]},
        {"calibrated": [0.3, 0.2, 0.8]},
        {"calibrated": [0.1, 0.2, 1.5]},
        {"calibrated": [0.1, float("nan"), 0.5]},
        {"method": "sigmoid", "slope": -1.0},
        {"method": "sigmoid", "intercept": float("inf")},
        {"colour": "red"},
        {"raw": "abc"},
    ],
)
def test_what_is_no_monotone_map_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Calibrator.from_json({**ISOTONIC.to_json(), **change})


def test_card_tells_method_and_data_of_each_horizon() -> None:
    told = Calibrators((SIGMOID, ISOTONIC, Calibrator("none"))).describe()
    assert told["1h"] == {"method": "sigmoid", "rows": 0, "events": 0, "slope": 0.5, "intercept": -1.0}
    assert told["6h"] == {"method": "isotonic", "rows": 0, "events": 0, "points": 3}
    assert told["24h"] == {"method": "none", "rows": 0, "events": 0}
