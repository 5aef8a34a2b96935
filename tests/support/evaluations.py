"""A small evaluation with all its parts, on synthetic outcomes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ml.dataset import Dataset
from ml.evaluation.comparison import evaluate
from ml.report.card import make_card
from tests.support.outcomes import HOUR_US, Floats, Outcomes, distorted, draw_outcomes, make_data, three

REPLICATES = 60


def make_part(seed: int, rows: int = 3000) -> tuple[Dataset, Outcomes]:
    """Return rows of which every tenth is in crisis."""
    outcomes = draw_outcomes(rows, patients=150, seed=seed)
    systolic = np.where(np.arange(rows) % 10 == 0, 185.0, 140.0)
    return replace(make_data(outcomes, systolic), group=np.where(np.arange(rows) % 2, "treated", "referred")), outcomes


def make_track(patients: int = 20) -> Dataset:
    """Return a reading an hour for a day, and a crisis at 12 h."""
    data, _ = make_part(seed=9, rows=24 * patients)
    hour = np.tile(np.arange(24), patients)
    features = data.features.copy()
    features[:, -4] = np.where(hour == 12, 190.0, 140.0)
    ids = np.repeat([f"t{number}" for number in range(patients)], 24)
    hours = hour.astype(np.float32)
    return Dataset(features, data.targets, ids, hour * HOUR_US, data.group, hours, data.targets)


def make_risks(outcomes: Outcomes) -> dict[str, Floats]:
    """Return risks: the model knows the truth almost; the forest is shifted, climatology knows the rate alone."""
    noise = np.random.default_rng(4).normal(0, 0.1, len(outcomes.true))
    ours = distorted(outcomes.true) * np.exp(noise)
    return {
        "xgboost": three(np.clip(ours, 0, 1)),
        "xgboost_uncalibrated": three(distorted(outcomes.true, slope=1.5)),
        "random_forest": three(distorted(outcomes.true, slope=0.7, shift=0.5)),
        "logistic_regression": three(distorted(outcomes.true, slope=0.6)),
        "last_value": three(distorted(outcomes.true, shift=1.0)),
        "threshold_rule": three(np.where(outcomes.true > 0.3, 0.5, 0.1)),
        "climatology": np.full((len(outcomes.true), 3), outcomes.target.mean(dtype=np.float64)),
        "champion": three(distorted(outcomes.true, shift=0.3)),
    }


def make_parts() -> tuple[dict[str, Dataset], dict[str, dict[str, Floats]]]:
    """Return data and risks of every part."""
    made = {name: make_part(seed) for seed, name in enumerate(("test", "block", "external", "oracle"))}
    parts = {name: data for name, (data, _) in made.items()}
    risks = {name: make_risks(outcomes) for name, (_, outcomes) in made.items()}
    risks["oracle"]["oracle"] = three(made["oracle"][1].true)
    risks["test"]["xgboost_unrepaired"] = risks["test"]["xgboost"].copy()
    risks["test"]["xgboost_unrepaired"][:200, 2] -= 0.001
    risks["test"]["xgboost_unrepaired"][200:300, 2] -= 0.01
    track = make_track()
    risk = np.random.default_rng(1).random((len(track), 3))
    parts["track"], risks["track"] = track, {"xgboost": risk, "champion": risk, "last_value": 1 - risk}
    return parts, risks


@cache
def full_evaluation() -> dict[str, Any]:
    """Return everything that an evaluation can hold; shared, not to be changed."""
    parts, risks = make_parts()
    return evaluate(parts, risks, replicates=REPLICATES)


@cache
def least_evaluation() -> dict[str, Any]:
    """Return only test rows and two models: no oracle, no track, no other data."""
    data, outcomes = make_part(seed=0, rows=600)
    chosen = {name: values for name, values in make_risks(outcomes).items() if name in ("xgboost", "last_value")}
    return evaluate({"test": data}, {"test": chosen}, replicates=20)


def card_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the card of a version with this evaluation."""
    data, _ = make_part(seed=0, rows=600)
    data.targets[:60, 2] = np.nan
    return make_card(
        data={"source": "SIMULATED patients"},
        rows={"test": data, "track": data.where(np.zeros(600, dtype=bool))},
        parameters={"max_depth": 4},
        made={"at": "2026-11-24T08:00:00+00:00", "code": "0.1.0, commit abc", "seconds": {"boosters": 12.5}},
        evaluation=evaluation,
        calibration={"1h": {"method": "isotonic"}},
    )
