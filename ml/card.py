"""The model card: what a bundle was trained on and how good it is, in plain values for ``card.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from conf.clinical import HORIZONS_H
from ml.metrics import evaluate, last_value_baseline
from ml.prediction import Predictor
from ml.training_data import Dataset, Design

PURPOSE: Final = (
    "Risk of a blood-pressure crisis within 1, 6 and 24 hours from the last 30 home readings. Decision support for "
    "research and demonstration, not a diagnosis and not a medical device."
)
WARNING: Final = (
    "Trained and judged on SIMULATED patients only. A simulator cannot show clinical validity; discrimination is "
    "flattered by the mixture of normotensive and hypertensive patients."
)
TARGET: Final = "1 if any reading in (t, t + h] is a crisis, t being the newest reading's time, itself excluded"


def make_card(
    design: Design,
    parameters: Mapping[str, object],
    parts: Mapping[str, Dataset],
    natural: Dataset,
    predictor: Predictor,
) -> dict[str, Any]:
    """Describe a trained model: `parts` are train, validation and test; `natural` has the natural episode rate."""
    train = parts["train"]
    metrics = {
        "test": _judge(predictor, train, parts["test"]),
        "test_at_natural_episode_rate": _judge(predictor, train, natural),
    }
    return {
        "purpose": PURPOSE,
        "warning": WARNING,
        "target": TARGET,
        "data": design.describe(),
        "rows": {name: _count(part) for name, part in parts.items()},
        "parameters": dict(parameters),
        "metrics": metrics,
    }


def headline(card: Mapping[str, Any]) -> list[str]:
    """One line per horizon for the log: the stratum that matters, beside the baseline."""
    lines = []
    for horizon, models in card["metrics"]["test"]["by_stratum"]["not_in_crisis_at_t"].items():
        ours, rival = models["xgboost"], models["last_value"]
        figures = (
            f"{name} {_figure(ours[name])} (last value {_figure(rival[name])})" for name in ("auroc", "auprc", "brier")
        )
        lines.append(f"{horizon}: {', '.join(figures)}, prevalence {_figure(ours['prevalence'])}")
    return lines


def _judge(predictor: Predictor, train: Dataset, test: Dataset) -> dict[str, Any]:
    risks = predictor.risks(test.features)
    climatology = np.broadcast_to(train.targets.mean(axis=0, dtype=np.float64), risks.values.shape)
    last_value = last_value_baseline(train.features, train.targets, test.features)
    models = {"xgboost": risks.values, "last_value": last_value, "climatology": climatology}
    by_stratum = evaluate(test.features, test.targets, models)
    repair = float((risks.values - predictor.raw_risks(test.features)).mean())
    return {"repaired_share": float(risks.repaired.mean()), "mean_repair": repair, "by_stratum": by_stratum}


def _count(part: Dataset) -> dict[str, object]:
    counts = part.targets.sum(axis=0).astype(int).tolist()
    events = {f"{horizon_h}h": count for horizon_h, count in zip(HORIZONS_H, counts, strict=True)}
    return {"rows": len(part.features), "patients": len(np.unique(part.patient)), "events": events}


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
