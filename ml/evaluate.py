"""The whole evaluation of a model on held-out data, and the command that judges a version in the registry.

``python -m ml.evaluate --data FILE [--version V] [--output report.html]``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from conf.errors import UserError, run_main
from conf.settings import Settings, load_settings
from ml.dataset import BLOCK, EXTERNAL, Dataset
from ml.evaluation.alarms import alarm_burden
from ml.evaluation.bootstrap import REPLICATES, gap_closed, plain
from ml.evaluation.quality import OURS, evaluate_part, subgroups
from ml.evaluation.reference_models import fit_baselines
from ml.evaluation.subgroups import HEADLINE, strata
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import current_version, load_bundle
from ml.report.findings import ORACLE, SIMULATED, verdicts
from ml.report.page import render_report
from ml.storage import read_parts

__all__ = ["ORACLE", "TEST", "TRACK", "UNREPAIRED", "bundle_risks", "evaluate", "evaluate_version"]

Floats = NDArray[np.float64]
Risks = Mapping[str, Floats]  # model -> (m, 3)

TEST: Final = "test"
TRACK: Final = "track"
UNREPAIRED: Final = "xgboost_unrepaired"  # the model's risks, calibrated, before they are made coherent
RECORDED: Final = "patients on record"
SCATTERED: Final = ("xgboost", "random_forest", ORACLE)
MOST_POINTS: Final = 1500
NOTICEABLE: Final = 0.005  # of risk: half a percent point
MOST_ROWS: Final = 200_000  # of a part, when the command reads a file


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
    `ORACLE`, rows with the oracle's risks as model `ORACLE`, tells how much is left to gain. The model is
    `OURS`; `xgboost_uncalibrated` and `UNREPAIRED` among its risks on test show what calibration and repairs changed.
    `missing` gives the reason for each model that should have been compared and failed.
    """
    judged = [part for part in (TEST, BLOCK, EXTERNAL, ORACLE) if part in risks and len(parts[part])]
    if TEST not in judged:
        raise UserError("There are no test rows to judge the model on. Use more patients.")
    models = {part: {name: values for name, values in risks[part].items() if name != UNREPAIRED} for part in judged}
    has_track = TRACK in risks and len(parts[TRACK]) > 0
    evaluation: dict[str, Any] = {
        "source": SIMULATED if parts[TEST].is_simulated else RECORDED,
        "replicates": replicates,
        "missing": dict(missing or {}),
        "parts": {part: evaluate_part(parts[part], models[part], replicates=replicates, seed=seed) for part in judged},
        "subgroups": subgroups(parts[TEST], models[TEST], replicates=replicates, seed=seed),
        "alarms": alarm_burden(parts[TRACK], risks[TRACK], replicates=replicates, seed=seed) if has_track else None,
        "gap_closed": _gaps(parts[ORACLE], models[ORACLE], replicates, seed) if ORACLE in judged else {},
        "scatter": _scatter(parts, models, ORACLE if ORACLE in judged else TEST, seed),
        "coherence": _coherence(risks[TEST]) if UNREPAIRED in risks[TEST] else None,
    }
    return {**evaluation, "verdicts": verdicts(evaluation)}


def _gaps(data: Dataset, risks: Risks, replicates: int, seed: int) -> dict[str, Any]:
    """{stratum: {horizon: {baseline: share of its gap to the oracle that the model closes}}}.

    Twice: `observed` from the outcomes; `expected`, far less noisy, with the oracle's risk in the place of the outcome,
    which is what the Brier scores would be over endless repetitions of the same patients' futures.
    """
    bases = [name for name in risks if name not in (OURS, ORACLE)]

    def closed(rows: NDArray[np.bool_], base: str, column: int) -> dict[str, Any]:
        base_risk, ours, oracle = (risks[name][rows, column] for name in (base, OURS, ORACLE))
        truths = {"observed": data.targets[rows, column], "expected": oracle}
        ids = data.patient_id[rows]
        return {
            name: gap_closed(truth, base_risk, ours, oracle, ids, replicates, seed) for name, truth in truths.items()
        }

    return {
        stratum: {
            f"{horizon_h}h": {base: closed(rows, base, column) for base in bases}
            for column, horizon_h in enumerate(HORIZONS_H)
        }
        for stratum, rows in strata(data).items()
        if rows.any()
    }


def _scatter(parts: Mapping[str, Dataset], risks: Mapping[str, Risks], part: str, seed: int) -> dict[str, Any]:
    """Risks and outcomes of a sample of the part's rows not in crisis, by horizon, for plots of single windows."""
    data = parts[part]
    calm = np.flatnonzero(strata(data)[HEADLINE])
    rows = np.sort(np.random.default_rng(seed).permutation(calm)[:MOST_POINTS])
    return {
        f"{horizon_h}h": {
            "outcome": [None if np.isnan(value) else int(value) for value in data.targets[rows, column]],
            "models": {
                name: [round(float(value), 4) for value in risks[part][name][rows, column]]
                for name in SCATTERED
                if name in risks[part]
            },
        }
        for column, horizon_h in enumerate(HORIZONS_H)
    }


def _coherence(risks: Risks) -> dict[str, float]:
    """How often and by how much the horizons contradicted each other before the cumulative maximum.

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


def bundle_risks(bundle: Bundle, features: NDArray[np.float32]) -> dict[str, Floats]:
    """A bundle's risks as served, and before calibration and before repair."""
    predictor = Predictor(bundle)
    raw = predictor.raw_risks(features)
    unrepaired = bundle.calibrators.apply(raw)
    served = predictor.risks(features).values
    return {OURS: served, f"{OURS}_uncalibrated": raw, UNREPAIRED: unrepaired}


def evaluate_version(settings: Settings, data: Path, version: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Card and evaluation of a version (the published one by default) on the parts of a data file."""
    version = version or current_version(settings.model_dir)
    if version is None:
        raise UserError(f"No model is published in {settings.model_dir}. Train one: ./spark-submit.sh retrain.")
    bundle = load_bundle(settings.model_dir, version)
    parts = read_parts(data, MOST_ROWS)
    if not len(parts["train"]):
        raise UserError(f"{data} holds no training rows, which the baselines are fitted on. Use more patients.")
    judged = [part for part in (TEST, BLOCK, EXTERNAL, TRACK) if len(parts[part])]
    baselines = fit_baselines(parts["train"])
    risks = {part: {**bundle_risks(bundle, parts[part].features), **baselines(parts[part].features)} for part in judged}
    return {**bundle.card, "version": version}, evaluate(parts, risks)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m ml.evaluate", description="Judge a model and write a report.")
    parser.add_argument("--data", type=Path, required=True, help="rows written by ./spark-submit.sh generate")
    parser.add_argument("--version", help="a version in the registry; default: the published one")
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="default report.html")
    parser.add_argument("--verbose", action="store_true", help="show traces")
    return parser.parse_args(arguments)


def main() -> None:
    """Entry point."""
    chosen = parse_arguments()

    def run() -> None:
        card, evaluation = evaluate_version(load_settings(), chosen.data, chosen.version)
        chosen.output.write_text(render_report(card, evaluation), encoding="utf-8")
        chosen.output.with_suffix(".json").write_text(json.dumps(evaluation, allow_nan=False), encoding="utf-8")
        print("\n".join([*evaluation["verdicts"], f"Report: {chosen.output}"]))

    sys.exit(run_main(run, verbose=chosen.verbose))


if __name__ == "__main__":
    main()
