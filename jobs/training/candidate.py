"""A newly trained model before it is in service: how it is trained, judged and saved."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from jobs.training.collecting import fingerprint
from jobs.training.reference_models import Rivalry, rival_risks
from jobs.training.training import UNTUNED, Tuning, fit_boosters, tune
from ml import drift
from ml.calibration import UNCALIBRATED, Calibrators, fit_all
from ml.dataset import Dataset
from ml.evaluate import ORACLE, TEST, bundle_risks, evaluate
from ml.evaluation.gates import Decision
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry.bundles import current_version, load_bundle, save_bundle, version_name
from ml.report.card import make_card
from ml.report.page import render_card, render_report

GOLDEN_ROWS: Final = 5
JUDGED: Final = ("test", "block", "external", "track")
CHAMPION: Final = "champion"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Challenger:
    """Boosters by horizon in hours, their calibrators, and how their parameters were found."""

    boosters: Mapping[int, xgboost.Booster]
    calibrators: Calibrators
    tuning: Tuning

    @property
    def bundle(self) -> Bundle:
        """The model as the stream would serve it."""
        return Bundle("challenger", {}, booster_bytes(self.boosters), self.calibrators)


def train(spark: SparkSession, rows: DataFrame, parts: Mapping[str, Dataset], seed: int, *, quick: bool) -> Challenger:
    """Search parameters (unless `quick`), fit each horizon, and calibrate it on patients used nowhere else."""
    tuning = UNTUNED if quick else tune(spark, rows, seed)
    log.info("Fitting with %s", dict(tuning.parameters))
    boosters = fit_boosters(spark, rows, tuning.parameters, seed)
    held_out = parts["calibration"]
    raw = Predictor(Bundle("raw", {}, booster_bytes(boosters), UNCALIBRATED)).raw_risks(held_out.features)
    return Challenger(boosters, fit_all(raw, held_out.targets), tuning)


def judge(
    spark: SparkSession,
    rows: DataFrame,
    parts: Mapping[str, Dataset],
    challenger: Challenger,
    champion: Bundle | None,
    rivalry: Rivalry,
) -> dict[str, Any]:
    """Evaluate the challenger beside the champion and all rivals on the held-out parts (`ml.evaluate.evaluate`)."""
    judged = {name: parts[name] for name in JUDGED if len(parts[name])}
    asked = rivalry.ask_oracle(spark)
    if asked is not None:
        judged[ORACLE] = asked.rows
    by_rival = rival_risks(spark, rows, parts["train"], judged, challenger.tuning.parameters, rivalry)
    log.info("Evaluating on %s", {name: len(part) for name, part in judged.items()})
    risks = {
        name: {
            **bundle_risks(challenger.bundle, part.features),
            **by_rival[name],
            **_champion_risks(champion, part.features),
        }
        for name, part in judged.items()
    }
    if asked is not None:
        risks[ORACLE][ORACLE] = asked.risks
    return evaluate(judged, risks, replicates=rivalry.replicates, seed=rivalry.seed)


def _champion_risks(champion: Bundle | None, features: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    return {} if champion is None else {CHAMPION: Predictor(champion).risks(features).values}


def champion_of(model_dir: Path) -> Bundle | None:
    """The version in service, or None before the first one. One that cannot be loaded is an error, not an absence."""
    version = current_version(model_dir)
    return None if version is None else load_bundle(model_dir, version)


def save(
    model_dir: Path,
    challenger: Challenger,
    rows: DataFrame,
    parts: Mapping[str, Dataset],
    evaluation: Mapping[str, Any],
    decision: Decision,
    data: Mapping[str, object],
    now: datetime,
) -> str:
    """Save the bundle with card, report, metrics and drift reference; its version."""
    version = version_name(challenger.boosters, challenger.calibrators, now)
    card = make_card(
        data=data,
        rows=parts,
        parameters=challenger.tuning.describe(),
        evaluation=evaluation,
        calibration=challenger.calibrators.describe(),
    )
    named = {**card, "version": version, "decision": decision.to_json()}
    metrics = {name: value for name, value in evaluation.items() if name != "scatter"}
    return save_bundle(
        model_dir,
        challenger.boosters,
        challenger.calibrators,
        named,
        golden_features=parts[TEST].features[:GOLDEN_ROWS],
        created_at=now,
        parent=current_version(model_dir),
        data_fingerprint=fingerprint(rows),
        files={
            "report.html": render_report(named, evaluation).encode(),
            "card.md": render_card(named, evaluation).encode(),
            "metrics.json": json.dumps(metrics, allow_nan=False).encode(),
            "drift.json": json.dumps(drift.to_json(drift.make_reference(parts["train"].features))).encode(),
        },
    )
