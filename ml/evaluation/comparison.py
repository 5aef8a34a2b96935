"""The whole evaluation of a model beside its reference models, on rows that none of them has seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.errors import UserError
from conf.settings import Settings
from ml.dataset import BLOCK, EXTERNAL, TEST, TRACK, Dataset
from ml.evaluation.alarms import alarm_burden
from ml.evaluation.bootstrap import REPLICATES, gap_closed, plain
from ml.evaluation.examples import alarm_examples
from ml.evaluation.level_changes import level_changes, nudged_risks
from ml.evaluation.names import HORIZONS, ORACLE, OURS, RANDOM_FOREST, UNCALIBRATED, UNREPAIRED
from ml.evaluation.quality import evaluate_levels, evaluate_part, evaluate_subgroups
from ml.evaluation.reference_models import fit_reference_models
from ml.evaluation.subgroups import crisis_subgroups, in_crisis
from ml.labels import Flags
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import current_version, load_bundle
from ml.storage import read_parts

Floats = NDArray[np.float64]
Risks = Mapping[str, Floats]  # model -> (m, 3)

SIMULATED: Final = "simulated patients"
RECORDED: Final = "patients on record"
SCATTERED: Final = (OURS, RANDOM_FOREST, ORACLE)
MOST_POINTS: Final = 1500
NOTICEABLE: Final = 0.005  # of risk: half a percent point
MOST_ROWS: Final = 200_000  # of a part, read from a file


def evaluate(
    parts: Mapping[str, Dataset],
    risks: Mapping[str, Risks],
    *,
    missing: Mapping[str, str] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Any]:
    """Judge the models whose `risks` are given by part; `parts` without risks are not judged.

    `test` must be there. `block` and `external` stand beside it, `track` gives alarms and lead times, and part
    `ORACLE`, rows with the oracle's risks as model `ORACLE`, tells how much is left to gain. The model is `OURS`;
    `UNCALIBRATED` and `UNREPAIRED` among its risks on test show what calibration and repairs changed, `NUDGED` among
    those on track how little changes a level.
    `missing` gives the reason for each model that should have been compared and failed.
    """
    judged = [part for part in (TEST, BLOCK, EXTERNAL, ORACLE) if part in risks and len(parts[part])]
    if TEST not in judged:
        raise UserError("There are no test rows to judge the model on. Use more patients.")
    models = {part: {name: values for name, values in risks[part].items() if name != UNREPAIRED} for part in judged}
    has_track = TRACK in risks and len(parts[TRACK]) > 0
    return {
        "source": SIMULATED if parts[TEST].is_simulated else RECORDED,
        "replicates": replicates,
        "missing": dict(missing or {}),
        "parts": {
            part: evaluate_part(parts[part], models[part], replicates=replicates, seed=seed, headline_only=part != TEST)
            for part in judged
        },
        "subgroups": evaluate_subgroups(parts[TEST], models[TEST], replicates=replicates, seed=seed),
        "levels": evaluate_levels(parts[TEST], models[TEST][OURS], replicates=replicates, seed=seed),
        "alarms": alarm_burden(parts[TRACK], risks[TRACK], replicates=replicates, seed=seed) if has_track else None,
        "level_changes": level_changes(parts[TRACK], risks[TRACK], replicates=replicates, seed=seed)
        if has_track
        else None,
        "examples": alarm_examples(parts[TRACK], risks[TRACK][OURS]) if has_track else None,
        "gap_closed": _gaps(parts[ORACLE], models[ORACLE], replicates, seed) if ORACLE in judged else {},
        "scatter": _scatter(parts, models, ORACLE if ORACLE in judged else TEST, seed),
        "coherence": _coherence(risks[TEST]) if UNREPAIRED in risks[TEST] else None,
    }


def _gaps(data: Dataset, risks: Risks, replicates: int, seed: int) -> dict[str, Any]:
    """Return {subgroup by crisis: {horizon: {reference model: share of its gap to the oracle that ours closes}}}.

    Each twice: `observed` from the outcomes; `expected`, far less noisy, with the oracle's risk in the outcome's place,
    which is what the Brier scores would be over endless repetitions of the same patients' futures.
    """
    bases = [name for name in risks if name not in (OURS, ORACLE)]

    def closed(rows: Flags, base: str, column: int) -> dict[str, Any]:
        base_risk, ours, oracle = (risks[name][rows, column] for name in (base, OURS, ORACLE))
        truths = {"observed": data.targets[rows, column], "expected": oracle}
        ids = data.patient_id[rows]
        return {
            name: gap_closed(truth, base_risk, ours, oracle, ids, replicates, seed) for name, truth in truths.items()
        }

    return {
        subgroup: {
            horizon: {base: closed(rows, base, column) for base in bases} for column, horizon in enumerate(HORIZONS)
        }
        for subgroup, rows in crisis_subgroups(in_crisis(data.features)).items()
        if rows.any()
    }


def _scatter(parts: Mapping[str, Dataset], risks: Mapping[str, Risks], part: str, seed: int) -> dict[str, Any]:
    """Return risks and known outcomes of a sample of rows not in crisis, by horizon, for plots of single windows."""
    data = parts[part]
    calm = np.flatnonzero(~in_crisis(data.features) & ~np.isnan(data.targets).any(axis=1))
    rows = np.sort(np.random.default_rng(seed).permutation(calm)[:MOST_POINTS])
    return {
        horizon: {
            "outcome": [int(value) for value in data.targets[rows, column]],
            "models": {
                name: [round(float(value), 4) for value in risks[part][name][rows, column]]
                for name in SCATTERED
                if name in risks[part]
            },
        }
        for column, horizon in enumerate(HORIZONS)
    }


def _coherence(risks: Risks) -> dict[str, float]:
    """Tell how often and by how much the horizons contradicted each other before the cumulative maximum.

    Between patients at hardly any risk the horizons differ by less than they can tell: only repairs of at least
    `NOTICEABLE` are in `noticeable_share`.
    """
    raised = risks[OURS] - risks[UNREPAIRED]
    repaired = raised > 0
    return {
        "repaired_share": plain(repaired.any(axis=1).mean()),
        "noticeable_share": plain((raised >= NOTICEABLE).any(axis=1).mean()),
        "mean_repair": plain(raised[repaired].mean() if repaired.any() else 0.0),
    }


def bundle_risks(bundle: Bundle, rows: Dataset) -> dict[str, Floats]:
    """Return a bundle's risks as served, and before calibration and before repair."""
    predictor = Predictor(bundle)
    raw = predictor.raw_risks(rows.features, rows.hour)
    unrepaired = bundle.calibrators.apply(raw)
    served = predictor.risks(rows.features, rows.hour).values
    return {OURS: served, UNCALIBRATED: raw, UNREPAIRED: unrepaired}


def evaluate_version(settings: Settings, data: Path, version: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return card and evaluation of a version (the published one by default) on the parts of a data file."""
    version = version or current_version(settings.model_dir)
    if version is None:
        raise UserError(f"No model is published in {settings.model_dir}. Train one: ./spark-submit.sh retrain.")
    bundle = load_bundle(settings.model_dir, version)
    parts = read_parts(data, MOST_ROWS)
    if not len(parts["train"]):
        raise UserError(f"{data} holds no training rows, which the reference models are fitted on. Use more patients.")
    judged = [part for part in (TEST, BLOCK, EXTERNAL, TRACK) if len(parts[part])]
    reference = fit_reference_models(parts["train"])
    risks = {part: {**bundle_risks(bundle, parts[part]), **reference(parts[part])} for part in judged}
    if TRACK in judged:
        risks[TRACK] |= nudged_risks(bundle, parts[TRACK])
    return {**bundle.card, "version": version}, evaluate(parts, risks)
