"""A newly trained model before it is in service: how it is trained, judged and saved."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost
from pyspark.sql import DataFrame, SparkSession

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H
from jobs.training.provenance import Provenance
from jobs.training.reference_models import Comparison, Missing, attempt, reference_risks
from jobs.training.refits import SHARE, refit
from jobs.training.training import UNTUNED, Tuning, calibrate, fit_boosters, tune, with_inputs
from ml import drift
from ml.calibration import Calibrators
from ml.dataset import BLOCK, CALIBRATION, EARLY_STOPPING, EXTERNAL, TEST, TRACK, TRAIN, Dataset
from ml.evaluation.comparison import bundle_risks, evaluate
from ml.evaluation.gates import Decision
from ml.evaluation.level_changes import nudged_risks
from ml.evaluation.names import CHAMPION, ORACLE, REFITTED
from ml.evaluation.stability import spread
from ml.features import WINDOW_LENGTH, measures_of
from ml.inputs import booster_inputs
from ml.linear import LinearPart
from ml.linear import fit as fit_linear
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry.bundles import current_version, load_bundle, save_bundle, version_name
from ml.report.card import make_card
from ml.report.page import render_card, render_report
from ml.trained_range import trained_range

GOLDEN_ROWS: Final = 5  # of each kind
GOLDEN_FROM: Final = 20_000  # rows to choose from
FILLS: Final = ((0, 20), (20, WINDOW_LENGTH), (WINDOW_LENGTH, WINDOW_LENGTH + 1))
EVALUATED: Final = (TEST, BLOCK, EXTERNAL, TRACK)
CURVES: Final = ("scatter", "examples", "stability")  # single windows, which only the report shows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Challenger:
    """The linear part, boosters by horizon in hours, their calibrators, and how their parameters were found."""

    linear: LinearPart
    boosters: Mapping[int, xgboost.Booster]
    calibrators: Calibrators
    tuning: Tuning

    @property
    def bundle(self) -> Bundle:
        """Return the model as the stream would serve it."""
        return Bundle("challenger", {}, booster_bytes(self.boosters), self.calibrators, self.linear)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a challenger is made from.

    `parts` are its rows as far as they fit into memory, `counts` those of parts that do not, `data` tells how they were
    got, `data_fingerprint` is the hash of all of them, `parent` the version in service when it was `made_at` (aware).
    """

    parts: Mapping[str, Dataset]
    counts: Mapping[str, Any]
    data: Mapping[str, object]
    data_fingerprint: str
    parent: str | None
    made_at: datetime
    provenance: Provenance


def train(spark: SparkSession, rows: DataFrame, origin: Origin, seed: int, *, quick: bool) -> Challenger:
    """Search parameters (unless `quick`), fit each horizon, and calibrate it on patients used nowhere else."""
    train, stage = origin.parts["train"], origin.provenance.stage
    with stage("logistic regression"):
        linear = fit_linear(booster_inputs(train.features, train.hour), train.targets)
    fitted = with_inputs(rows.where(rows["split"].isin(TRAIN, EARLY_STOPPING)), linear).cache()
    with stage("search"):
        tuning = UNTUNED if quick else tune(spark, fitted, seed)
    log.info("Fitting the boosters: %s", dict(tuning.parameters))
    with stage("boosters"):
        boosters = fit_boosters(spark, fitted, tuning.parameters, seed)
    fitted.unpersist()
    with stage("calibration"):
        calibrators = calibrate(linear, boosters, origin.parts[CALIBRATION])
    return Challenger(linear, boosters, calibrators, tuning)


def compare(
    spark: SparkSession, origin: Origin, challenger: Challenger, champion: Bundle | None, comparison: Comparison
) -> dict[str, Any]:
    """Evaluate the challenger beside champion and reference models on the held-out parts (`comparison.evaluate`)."""
    parts, stage = origin.parts, origin.provenance.stage
    held_out = {name: parts[name] for name in EVALUATED if len(parts[name])}
    missing: Missing = {}
    with stage("oracle"):
        asked = comparison.ask_oracle(spark, missing)
    if asked is not None:
        held_out[ORACLE] = asked.rows
    with stage("reference models"):
        reference = reference_risks(parts["train"], held_out, comparison, missing)
    stability = _stability(origin, challenger, comparison, missing)
    log.info("Evaluating, rows by part: %s", {name: len(part) for name, part in held_out.items()})
    risks = {
        name: {
            **bundle_risks(challenger.bundle, part),
            **reference[name],
            **({} if champion is None else {CHAMPION: Predictor(champion).risks(part.features, part.hour).values}),
        }
        for name, part in held_out.items()
    }
    if TRACK in held_out:
        risks[TRACK] |= nudged_risks(challenger.bundle, held_out[TRACK])
    if asked is not None:
        risks[ORACLE][ORACLE] = asked.risks
    with stage("evaluation"):
        found = evaluate(held_out, risks, missing=missing, replicates=comparison.replicates, seed=comparison.seed)
    return {**found, "fitted_on": comparison.fitted_on(parts["train"]), "stability": stability}


def _stability(
    origin: Origin, challenger: Challenger, comparison: Comparison, missing: Missing
) -> dict[str, Any] | None:
    """Return how far the risks of test patients depend on seed and patients, None if that is not to be asked."""
    if not comparison.refits:
        return None
    train, test, seeds = origin.parts[TRAIN], origin.parts[TEST], comparison.refit_seeds
    log.info("Fitting again %d times on half of the patients", len(seeds))
    with origin.provenance.stage("refits"):
        refits = attempt(REFITTED, lambda: refit(origin.parts, challenger.tuning.parameters, seeds, test), missing)
    if refits is None:
        return None
    ours = Predictor(challenger.bundle).risks(test.features, test.hour).values
    in_memory = len(np.unique(train.patient_id))
    patients = {
        "patients": round(SHARE * in_memory),
        "of_patients": origin.counts.get(TRAIN, {}).get("patients", in_memory),
    }
    return {**patients, **spread(test, ours, refits, seed=comparison.seed)}


def golden_rows(rows: Dataset, bundle: Bundle) -> Dataset:
    """Choose rows that prove on load all that a score may go through.

    Of each fill of a window (`FILLS`) and of those without the newest heart rate, rows from the lowest to the highest
    6 h risk, so that missing values, all branches of importance and both ends of the calibrators are among them.
    """
    alert = HORIZONS_H.index(ALERT_HORIZON_H)
    some = rows.where(np.arange(len(rows)) < GOLDEN_FROM)
    risk = Predictor(bundle).risks(some.features, some.hour).values[:, alert]
    systolic, _, heart_rate, _ = measures_of(some.features)
    filled = (~np.isnan(systolic)).sum(axis=1)
    kinds = [(filled >= low) & (filled < high) for low, high in FILLS] + [np.isnan(heart_rate[:, -1])]
    chosen = np.zeros(len(some), dtype=np.bool_)
    for kind in kinds:
        by_risk = np.flatnonzero(kind)[np.argsort(risk[kind], kind="stable")]
        if len(by_risk):
            chosen[by_risk[np.linspace(0, len(by_risk) - 1, GOLDEN_ROWS).round().astype(int)]] = True
    return some.where(chosen)


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
    version = version_name(challenger.boosters, challenger.linear, challenger.calibrators, origin.made_at)
    card = {**_card(challenger, origin, evaluation), "version": version, "decision": decision.to_json()}
    metrics = {name: value for name, value in evaluation.items() if name not in CURVES} | {"findings": card["findings"]}
    files = {
        "report.html": render_report(card, evaluation).encode(),
        "card.md": render_card(card, evaluation).encode(),
        "metrics.json": json.dumps(metrics, allow_nan=False).encode(),
    }
    return _save(model_dir, challenger, origin, card, files, judged=True)


def _card(challenger: Challenger, origin: Origin, evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    trees = {f"{horizon_h}h": booster.num_boosted_rounds() for horizon_h, booster in challenger.boosters.items()}
    return make_card(
        data=origin.data,
        rows=origin.parts,
        counts=origin.counts,
        parameters=challenger.tuning.describe()
        | {"trees": trees, "logistic_regression_rows": len(origin.parts[TRAIN])},
        calibration=challenger.calibrators.describe(),
        made={"at": origin.made_at.astimezone(UTC).isoformat(timespec="seconds"), **origin.provenance.describe()},
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
    unseen = origin.parts[TEST]
    risks = Predictor(challenger.bundle).risks(unseen.features, unseen.hour).values
    rows = drift.summarise(unseen.features, risks)
    reference = drift.make_reference(rows, drift.strata(unseen.features, unseen.hour))
    golden = golden_rows(origin.parts[TEST], challenger.bundle)
    return save_bundle(
        model_dir,
        challenger.boosters,
        challenger.linear,
        challenger.calibrators,
        card,
        golden_features=golden.features,
        golden_hours=golden.hour,
        created_at=origin.made_at,
        parent=origin.parent,
        trained=trained_range(origin.parts["train"].features),
        data_fingerprint=origin.data_fingerprint,
        files={**files, "drift.json": json.dumps(reference.to_json()).encode()},
        judged=judged,
    )
