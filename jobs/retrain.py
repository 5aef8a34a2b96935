"""Batch job: train a challenger, judge it and the model in service on the same patients, promote only the better.

Submitted by ``./spark-submit.sh retrain``. The steps: collect rows, search parameters, fit, calibrate, judge beside
reference models and champion, decide by the rule of `ml.evaluation.gates`, and save the bundle with its report. Until
it is judged, the bundle is kept as ``VERSION-unjudged``. ``--promote VERSION`` and ``--rollback`` move the pointer;
``--shadow VERSION`` lets a version score beside the one in service, ``--no-shadow`` ends that.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

from pyspark.sql import SparkSession

from conf import cli
from conf.errors import UserError
from conf.files import only_one
from conf.settings import Settings, load_settings
from jobs.training.candidate import Challenger, Origin, champion_of, compare, save_judged, save_unjudged, train
from jobs.training.collecting import Collection, RowSource, count_cut, fingerprint, require_both_outcomes, write_rows
from jobs.training.promoting import conclude
from jobs.training.provenance import Provenance
from jobs.training.reference_models import Comparison
from jobs.training.refits import FITS
from jobs.training.session import session
from jobs.training.simulated import Design
from ml.dataset import TEST, Dataset
from ml.evaluation.bootstrap import REPLICATES
from ml.evaluation.comparison import RECORDED
from ml.evaluation.forest import FULL, SMALL
from ml.evaluation.gates import Decision, check_monotone, decide
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import current_version, discard, publish, rollback
from ml.registry.challenger import appoint, dismiss
from ml.report.findings import findings
from ml.storage import read_parts

LOCK: Final = ".retraining.lock"  # in BP_DATA_DIR, too
COLLECTED: Final = "retraining.parquet"  # in BP_DATA_DIR; each retraining replaces the rows of the last
PATIENTS: Final = 40_000
QUICK_PATIENTS: Final = 6_000
QUICK_REPLICATES: Final = 200
WINDOWS_PER_PATIENT: Final = 16
PATIENTS_PER_SHIFTED: Final = 10
PATIENTS_PER_ASKED: Final = 15  # the oracle takes about 0.1 s of a core per patient
MOST_ROWS: Final = 200_000  # of each part, in the memory of the driver; the fits read all training rows on the workers
CHECKED_ROWS: Final = 20_000

log = logging.getLogger("jobs.retrain")


def retrain(spark: SparkSession, settings: Settings, chosen: argparse.Namespace, now: datetime) -> Decision:
    """Train, judge and save a challenger, and publish it if the rule allows; return the decision."""
    collection = make_collection(chosen, settings)
    comparison = make_comparison(chosen, collection)
    provenance = Provenance(seeds(chosen, comparison))
    champion = champion_of(settings.model_dir)
    log.info("Collecting rows: %s", chosen.data or collection.source)
    data = chosen.data or settings.data_dir / COLLECTED
    with provenance.stage("rows"):
        if chosen.data is None:
            write_rows(collection.rows(spark, settings, now), data)
        parts = read_parts(data, MOST_ROWS)
    require_both_outcomes(parts)
    rows = spark.read.parquet(str(data))
    origin = Origin(
        parts=parts,
        counts=count_cut(rows, parts, MOST_ROWS),
        data=collection.describe() if chosen.data is None else describe_file(chosen.data, parts),
        data_fingerprint=fingerprint(rows),
        parent=current_version(settings.model_dir),
        made_at=now,
        provenance=provenance,
    )
    challenger = train(spark, rows, origin, chosen.seed, quick=chosen.quick)
    unjudged = save_unjudged(settings.model_dir, challenger, origin)
    log.info("Saved model %s, which --promote puts into service should the judgement fail", unjudged)
    version, decision = judge(spark, settings.model_dir, challenger, origin, champion, comparison)
    discard(settings.model_dir, unjudged)
    why = (chosen.appoint and chosen.why) or decision.reason
    conclude(settings.model_dir, version, decision, by=chosen.by, why=why, beside=chosen.appoint, at=now)
    return decision


def judge(
    spark: SparkSession,
    model_dir: Path,
    challenger: Challenger,
    origin: Origin,
    champion: Bundle | None,
    comparison: Comparison,
) -> tuple[str, Decision]:
    """Compare, decide and save the version with its report; return its name and the decision."""
    evaluation = compare(spark, origin, challenger, champion, comparison)
    for sentence in findings(evaluation):
        log.info(sentence)
    test = origin.parts[TEST]
    checked = (test.features[:CHECKED_ROWS], test.hour[:CHECKED_ROWS])
    decision = decide(evaluation, [check_monotone(Predictor(challenger.bundle), *checked)])
    return save_judged(model_dir, challenger, origin, evaluation, decision), decision


def seeds(chosen: argparse.Namespace, comparison: Comparison) -> dict[str, int]:
    """Name the seeds by what they decide."""
    oracle = {"oracle's patients": comparison.oracle.seed} if comparison.oracle else {}
    refits = {"refits from": comparison.refit_seeds.start} if comparison.refits else {}
    return {"fits": chosen.seed, "random forest": chosen.seed, "bootstrap": chosen.seed, **oracle, **refits}


def describe_file(path: Path, parts: Mapping[str, Dataset]) -> dict[str, object]:
    """Return plain values for the model card about rows that were given as a file."""
    simulated = any(part.is_simulated for part in parts.values())
    return {"source": f"{'SIMULATED patients, no real person' if simulated else RECORDED} (file {path.name})"}


def make_collection(chosen: argparse.Namespace, settings: Settings) -> Collection:
    """Return where the rows come from."""
    patients = chosen.patients or (QUICK_PATIENTS if chosen.quick else PATIENTS)
    design = Design(
        patients=patients,
        seed=chosen.seed,
        windows_per_patient=WINDOWS_PER_PATIENT,
        min_readings=settings.min_readings,
    )
    shifted = replace(design, patients=-(-patients // PATIENTS_PER_SHIFTED), shifted=True)
    return Collection(chosen.source, design, shifted)


def make_comparison(chosen: argparse.Namespace, collection: Collection) -> Comparison:
    """Say how thoroughly the challenger is compared; a quick one is compared with the simple reference models only."""
    if chosen.quick:
        return Comparison(chosen.seed, SMALL, None, chosen.replicates or QUICK_REPLICATES, chosen.refits or 0)
    fresh = replace(
        collection.design,
        patients=max(1, collection.design.patients // PATIENTS_PER_ASKED),
        seed=chosen.seed + 1,
        windows_per_patient=1,
        track_h=0,
    )
    simulated = collection.source == "simulated" and chosen.data is None
    forest = replace(FULL, rows=chosen.forest_rows)
    refits = FITS if chosen.refits is None else chosen.refits
    return Comparison(chosen.seed, forest, fresh if simulated else None, chosen.replicates or REPLICATES, refits)


def move_pointer(model_dir: Path, chosen: argparse.Namespace, now: datetime) -> None:
    """Put a named or the previous version into service, or one beside it."""
    by, why = chosen.by, chosen.why
    if chosen.shadow:
        appoint(model_dir, chosen.shadow, by=by, why=why or "shadow asked for", at=now)
        log.info("Scores beside the one in service now: %s", chosen.shadow)
    elif chosen.no_shadow:
        log.info("Scores no longer: %s", dismiss(model_dir, by=by, why=why or "end of the shadow asked for", at=now))
    elif chosen.rollback:
        log.info("In service now: %s", rollback(model_dir, by=by, why=why or "rollback asked for", at=now))
    else:
        publish(model_dir, chosen.promote, by=by, why=why or "promotion asked for", at=now)
        log.info("In service now: %s", chosen.promote)


def parser() -> argparse.ArgumentParser:
    """Return the options of the job."""
    made = cli.parser("retrain", "Train a model; publish it if it is better.")
    action = made.add_mutually_exclusive_group()
    action.add_argument("--promote", metavar="VERSION", help="only put this version into service")
    action.add_argument("--rollback", action="store_true", help="only put the version before into service again")
    action.add_argument("--shadow", metavar="VERSION", help="only let this version score beside the one in service")
    action.add_argument("--no-shadow", action="store_true", help="only end that")
    action.add_argument("--quick", action="store_true", help="fewer patients, no search, a small forest, no oracle")
    made.add_argument("--appoint", action="store_true", help="what passes scores beside the one in service, not in it")
    made.add_argument("--source", choices=get_args(RowSource), default="simulated", help="where rows come from")
    made.add_argument("--data", type=Path, help="Parquet rows of ./spark-submit.sh generate, instead of collecting")
    made.add_argument("--patients", type=int, help=f"simulated patients, {PATIENTS}, or {QUICK_PATIENTS} if quick")
    made.add_argument("--seed", type=int, default=Design().seed, help="another seed, other patients (%(default)s)")
    made.add_argument("--forest-rows", type=int, default=FULL.rows, help="for the random forest (%(default)s)")
    made.add_argument("--refits", type=int, help=f"fits with other seeds, to see the spread: {FITS}, or 0 if quick")
    made.add_argument("--replicates", type=int, help=f"of the bootstrap, {REPLICATES}, or {QUICK_REPLICATES} if quick")
    made.add_argument("--why", help="of what moves by hand, or with --appoint; kept in the journal")
    made.add_argument("--by", default=getpass.getuser(), help="who answers for it, kept in the journal (%(default)s)")
    return made


def work(chosen: argparse.Namespace) -> None:
    """Move the pointer, or retrain in a Spark session of its own."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("jobs").setLevel(logging.DEBUG if chosen.verbose else logging.INFO)
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)
    settings, now = load_settings(), datetime.now(UTC)
    if chosen.promote or chosen.rollback or chosen.shadow or chosen.no_shadow:
        move_pointer(settings.model_dir, chosen, now)
        return
    with (
        only_one(settings.data_dir / LOCK, _is_trained),
        session(SparkSession.builder.appName("blood-pressure-retrain")) as spark,
    ):
        retrain(spark, settings, chosen, now)


def _is_trained(holder: str) -> UserError:
    """Refuse a second training beside one: both would write the rows that they collect to the same place."""
    return UserError(f"Another training runs (process {holder}). Wait for its end, or stop it.")


if __name__ == "__main__":
    sys.exit(cli.run(parser(), work))
