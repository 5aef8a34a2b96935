from __future__ import annotations

from functools import cache

import numpy as np

from jobs.training.refits import draw, fit_once, refit
from jobs.training.simulated import Design, simulate_rows
from jobs.training.training import UNTUNED
from ml.dataset import FITTED, TEST, Dataset
from ml.prediction import Predictor


@cache
def parts() -> dict[str, Dataset]:
    rows, splits = simulate_rows(Design(patients=700, seed=3, windows_per_patient=6, track_h=0), 0)
    return {name: rows.where(splits == name) for name in (*FITTED, TEST)}


def test_whole_patients_are_drawn_and_others_with_another_seed() -> None:
    train = parts()["train"]
    patients = set(train.patient_id)
    first, second = (draw(train, 0.5, seed) for seed in (1, 2))
    assert len(set(first.patient_id)) == len(set(second.patient_id)) == round(len(patients) / 2)
    assert set(first.patient_id) != set(second.patient_id)
    for name in set(first.patient_id):
        assert (first.patient_id == name).sum() == (train.patient_id == name).sum()


def test_a_fit_goes_through_all_steps_and_ranks_patients_it_has_not_seen() -> None:
    test = parts()[TEST].for_horizon(1)
    bundle = fit_once(parts(), UNTUNED.parameters, seed=1)
    risk = Predictor(bundle).risks(test.features, test.hour).values[:, 1]
    crisis = test.targets[:, 1] == 1
    assert bundle.linear is not None
    assert np.mean(risk[crisis][:, None] > risk[~crisis]) > 0.8


def test_a_risk_never_falls_with_the_newest_pressure_as_in_the_training_by_spark() -> None:
    test = parts()[TEST]
    predictor = Predictor(fit_once(parts(), UNTUNED.parameters, seed=1))
    raised = test.features.copy()
    raised[:, -4:-2] += 10
    before, after = (predictor.raw_risks(features, test.hour) for features in (test.features, raised))
    assert (after >= before).all()


def test_each_seed_gives_other_risks_and_the_same_one_the_same() -> None:
    first, second = refit(parts(), UNTUNED.parameters, range(1, 3), parts()[TEST])
    (again,) = refit(parts(), UNTUNED.parameters, range(1, 2), parts()[TEST])
    assert first.shape == second.shape == (len(parts()[TEST]), 3)
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first, again, rtol=0, atol=1e-6)
