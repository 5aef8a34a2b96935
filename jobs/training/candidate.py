"""A newly trained model before it is in service: how it is trained, judged and saved."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import xgboost
from pyspark.sql import DataFrame, SparkSession

from jobs.training.reference_models import Comparison, Missing, reference_risks
from jobs.training.training import UNTUNED, Tuning, fit_boosters, tune
from ml import drift
from ml.calibration import UNCALIBRATED, Calibrators, fit_all
from ml.dataset import BLOCK, EXTERNAL, TEST, TRACK, Dataset
from ml.evaluation.comparison import bundle_risks, evaluate
from ml.evaluation.gates import Decision
from ml.evaluation.names import CHAMPION, ORACLE
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry.bundles import current_version, load_bundle, save_bundle, version_name
from ml.report.card import make_card
from ml.report.page import render_card, render_report

GOLDEN_ROWS: Final = 5
EVALUATED: Final = (TEST, BLOCK, EXTERNAL, TRACK)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Challenger:
    """Boosters by horizon in hours, their calibrators, and how their parameters were found."""

    boosters: Mapping[int, xgboost.Booster]
    calibrators: Calibrators
    tuning: Tuning

    @property
    def bundle(self) -> Bundle:
        """Return the model as the stream would serve it."""
        return Bundle("challenger", {}, booster_bytes(self.boosters), self.calibrators)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a challenger is made from.

    `parts` are its rows as far as they fit into memory, `data` tells how they were got, `data_fingerprint` is the hash
    of all of them, `parent` the version in service when it was `made_at` (aware).
    """

    parts: Mapping[str, Dataset]
    data: Mapping[str, object]
    data_fingerprint: str
    parent: str | None
    made_at: datetime


def train(spark: SparkSession, rows: DataFrame, parts: Mapping[str, Dataset], seed: int, *, quick: bool) -> Challenger:
    """Search parameters (unless `quick`), fit each horizon, and calibrate it on patients used nowhere else."""
    tuning = UNTUNED if quick else tune(spark, rows, seed)
    log.info("Fitting with %s", dict(tuning.parameters))
    boosters = fit_boosters(spark, rows, tuning.parameters, seed)
    held_out = parts["calibration"]
    raw = Predictor(Bundle("raw", {}, booster_bytes(boosters), UNCALIBRATED)).raw_risks(held_out.features)
    return Challenger(boosters, fit_all(raw, held_out.targets), tuning)


def compare(
    spark: SparkSession,
    rows: DataFrame,
    parts: Mapping[str, Dataset],
    challenger: Challenger,
    champion: Bundle | None,
    comparison: Comparison,
) -> dict[str, Any]:
    """Evaluate the challenger beside champion and reference models on the held-out parts (`comparison.evaluate`)."""
    held_out = {name: parts[name] for name in EVALUATED if len(parts[name])}
    missing: Missing = {}
    asked = comparison.ask_oracle(spark, missing)
    if asked is not None:
        held_out[ORACLE] = asked.rows
    reference = reference_risks(
        spark, rows, parts["train"], held_out, challenger.tuning.parameters, comparison, missing
    )
    log.info("Evaluating on %s", {name: len(part) for name, part in held_out.items()})
    risks = {
        name: {
            **bundle_risks(challenger.bundle, part.features),
            **reference[name],
            **({} if champion is None else {CHAMPION: Predictor(champion).risks(part.features).values}),
        }
        for name, part in held_out.items()
    }
    if asked is not None:
        risks[ORACLE][ORACLE] = asked.risks
    return evaluate(held_out, risks, missing=missing, replicates=comparison.replicates, seed=comparison.seed)


def champion_of(model_dir: Path) -> Bundle | None:
    """Return the version in service, or None before the first one; one that cannot be loaded is an error."""
    version = current_version(model_dir)
    return None if version is None else load_bundle(model_dir, version)


def save_unjudged(model_dir: Path, challenger: Challenger, origin: Origin) -> str:
    """Save the bundle before it is judged, so that no fault of the judgement loses it; return its version."""
    return _save(model_dir, challenger, origin, _card(challenger, origin, None), {}, judged=False)


def save_judged(
    model_dir: Path, challenger: Challenger, origin: Origin, evaluation: Mapping[str, Any], decision: Decision
) -> str:
    """Save the bundle with report, card in words and metrics; return its version."""
    version = version_name(challenger.boosters, challenger.calibrators, origin.made_at)
    card = {**_card(challenger, origin, evaluation), "version": version, "decision": decision.to_json()}
    metrics = {name: value for name, value in evaluation.items() if name != "scatter"} | {"findings": card["findings"]}
    files = {
        "report.html": render_report(card, evaluation).encode(),
        "card.md": render_card(card, evaluation).encode(),
        "metrics.json": json.dumps(metrics, allow_nan=False).encode(),
    }
    return _save(model_dir, challenger, origin, card, files, judged=True)


def _card(challenger: Challenger, origin: Origin, evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    return make_card(
        data=origin.data,
        rows=origin.parts,
        parameters=challenger.tuning.describe(),
        calibration=challenger.calibrators.describe(),
        evaluation=evaluation,
    )


def _save(
    model_dir: Path,
    challenger: Challenger,
    origin: Origin,
    card: Mapping[str, object],
    files: Mapping[str, bytes],
    *,
    judged: bool,
) -> str:
    """Save a bundle with what every version has: golden rows, origin, and the reference for drift."""
    reference = drift.make_reference(origin.parts["train"].features)
    return save_bundle(
        model_dir,
        challenger.boosters,
        challenger.calibrators,
        card,
        golden_features=origin.parts[TEST].features[:GOLDEN_ROWS],
        created_at=origin.made_at,
        parent=origin.parent,
        data_fingerprint=origin.data_fingerprint,
        files={**files, "drift.json": json.dumps(drift.to_json(reference)).encode()},
        judged=judged,
    )
