"""Recalibration on local patients: what 200 of them are worth, and when nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from conf.clinical import HORIZONS_H
from conf.errors import UserError
from jobs.training.simulated import Design, simulate_rows
from ml.calibration import UNCALIBRATED, Calibrator, Calibrators, logit
from ml.evaluation.local import LEAST_PATIENTS, LocalWindows, local_figures, recalibrate
from ml.prediction import Predictor
from ml.registry.bundles import load_bundle
from producer.simulation.scenario import SHIFTED
from tests.support.before import VERSION, unpack

ARTEFACT_SHARE = 0.12  # cuffs of this foreign hospital see crises where there are none


def windows(
    patients: int, slope: float = 1.0, intercept: float = 0.0, seed: int = 1, level: float = -1.0
) -> LocalWindows:
    """Return 20 windows of each patient whose log odds of a crisis are a line on those that the model tells."""
    random = np.random.default_rng(seed)
    log_odds = np.repeat(random.normal(level, 1.5, patients), 20)[:, None] + random.normal(0, 1, (20 * patients, 1))
    risks = np.maximum.accumulate(1 / (1 + np.exp(-(log_odds + np.array([-0.7, 0.0, 0.7])))), axis=1)
    truth = 1 / (1 + np.exp(-(slope * logit(risks) + intercept)))
    targets = (random.random((len(risks), 1)) < truth).astype(np.float32)
    return LocalWindows(risks, targets, np.repeat([f"p-{number}" for number in range(patients)], 20))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalWindows, LocalWindows]:
    """Return windows of 200 simulated patients of another hospital, and of 200 more, as a model of before sees them."""
    bundle = load_bundle(unpack("models", tmp_path_factory.mktemp("before")) / "models", VERSION)
    predictor = Predictor(bundle)

    def simulated(seed: int) -> LocalWindows:
        design = Design(patients=200, seed=seed, shifted=True, record_h=96, windows_per_patient=24, track_h=0)
        with patch("jobs.training.simulated.SHIFTED", replace(SHIFTED, artefact_share=ARTEFACT_SHARE)):
            rows, _ = simulate_rows(design, 0)
        risks = bundle.calibrators.apply(predictor.raw_risks(rows.features, rows.hour))
        return LocalWindows(risks, rows.targets, rows.patient_id)

    return simulated(5), simulated(6)


def test_200_local_patients_halve_the_miscalibration_on_others(foreign: tuple[LocalWindows, LocalWindows]) -> None:
    local, others = foreign
    made = recalibrate(local)
    lines = made.calibrators(UNCALIBRATED)
    before = np.maximum.accumulate(others.risks, axis=1)
    after = np.maximum.accumulate(lines.apply(others.risks), axis=1)
    for column in range(len(HORIZONS_H)):
        was, now = (local_figures(risks[:, column], others.targets[:, column]) for risks in (before, after))
        assert now["ici"] < was["ici"] / 2
        assert abs(np.log(now["observed_to_expected"])) < abs(np.log(was["observed_to_expected"])) / 2
        assert now["brier"] < was["brier"]


def test_card_tells_before_and_after_on_patients_left_out(foreign: tuple[LocalWindows, LocalWindows]) -> None:
    made = recalibrate(foreign[0])
    for found in made.describe().values():
        assert found["changed"]
        assert found["patients_with_a_crisis"] >= LEAST_PATIENTS
        assert found["after"]["ici"] < found["before"]["ici"] / 2
        assert 0.9 < found["after"]["observed_to_expected"] < 1.1
    assert all(check.passed for check in made.checks())


def test_line_that_is_fitted_is_the_one_that_the_truth_was_made_with() -> None:
    made = recalibrate(windows(2_000, slope=0.6, intercept=-0.8))
    for horizon in made.horizons:
        assert horizon.line is not None
        assert horizon.line.slope == pytest.approx(0.6, abs=0.05)
        assert horizon.line.intercept == pytest.approx(-0.8, abs=0.1)


def test_right_risks_are_left_alone() -> None:
    """Of twenty sites where the model is right, hardly any gets a line, and then one that changes little."""
    changed = sum(recalibrate(windows(120, seed=seed)).is_change for seed in range(20))
    assert changed <= 8


def test_too_few_patients_are_refused_with_their_number() -> None:
    with pytest.raises(UserError, match=rf"20 within 1 h, 20 within 6 h, 20 within 24 h; {LEAST_PATIENTS} are needed"):
        recalibrate(windows(20, intercept=2.0))


def test_horizon_with_too_few_patients_keeps_what_it_has_and_says_so() -> None:
    found = windows(200, slope=0.6, intercept=-0.8)
    some = np.isin(found.patient_id, [f"p-{number}" for number in range(30)])
    targets = np.where(some[:, None] | (np.arange(3) > 0), found.targets, np.nan).astype(np.float32)
    made = recalibrate(LocalWindows(found.risks, targets, found.patient_id))
    assert [horizon.line is not None for horizon in made.horizons] == [False, True, True]
    assert "1 h" in made.horizons[0].why
    assert f"{LEAST_PATIENTS} are needed" in made.horizons[0].why
    before = replace_all(Calibrator("sigmoid", slope=0.9, intercept=0.1))
    assert made.calibrators(before).by_horizon[0] == before.by_horizon[0]


def replace_all(calibrator: Calibrator) -> Calibrators:
    return Calibrators((calibrator,) * len(HORIZONS_H))


def test_horizons_that_would_contradict_each_other_fail_the_check() -> None:
    """Where the 6 h risks fall far and those of 1 h cannot be judged, a repair would raise the 6 h risks again."""
    found = windows(300, intercept=-2.0)
    targets = found.targets.copy()
    targets[:, 0] = np.nan
    made = recalibrate(LocalWindows(found.risks, targets, found.patient_id))
    assert made.is_change
    assert [check.name for check in made.checks() if not check.passed][-1] == "coherence"


@pytest.mark.parametrize(
    "before",
    [
        Calibrator("none"),
        Calibrator("sigmoid", slope=0.8, intercept=-0.5),
        Calibrator("isotonic", raw=(0.001, 0.1, 0.3, 0.9), calibrated=(0.0, 0.05, 0.3, 1.0)),
    ],
)
def test_line_after_a_calibrator_is_one_calibrator(before: Calibrator) -> None:
    line = Calibrator("sigmoid", slope=0.7, intercept=0.4, rows=900, events=80)
    risks = np.linspace(0.002, 0.98, 500)
    joined = before.then(line)
    np.testing.assert_allclose(joined.apply(risks), line.apply(before.apply(risks)), rtol=0, atol=0.02)
    assert Calibrator.from_json(joined.to_json()) == joined
    assert (joined.rows, joined.events) == (900, 80)
