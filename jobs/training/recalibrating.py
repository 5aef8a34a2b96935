"""A version recalibrated on local patients: windows with their truth from what is stored, and the version saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import xgboost
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from conf.clinical import HORIZONS_H, RISK_FIELDS
from conf.errors import UserError
from ml.dataset import EARLY_STOPPING, TRAIN, split_of
from ml.evaluation.gates import Decision, check_monotone
from ml.evaluation.local import LocalWindows, Recalibration
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import bundle_file, golden_inputs, save_bundle
from ml.registry.files import BundleError, sha256
from ml.report.recalibrated import recalibrated_card, render_recalibration
from ml.storage import from_arrow

MOST_ROWS: Final = 500_000  # of small ones, in the memory of the driver: the same number of each patient
RISKS: Final = tuple(f"calibrated_{field}" for field in RISK_FIELDS)
SCORED: Final = "patient_id string, effective_time timestamp, " + ", ".join(
    f"{name} double" for name in (*RISKS, *RISK_FIELDS)
)
CARRIED: Final = "drift.json"  # of the same training data


def local_windows(rows: DataFrame, bundle: Bundle, since: datetime) -> LocalWindows:
    """Return the windows of `rows` (`ml.storage.ROW_SCHEMA`) from then on with the risks that the bundle gives them.

    Of many, the same number of each patient, chosen by chance. A patient whom the version was fitted on stays out: its
    risks would look better than they are.
    """

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_batches(batches, bundle)

    recent = rows.where(F.col("effective_time") >= F.lit(since))
    scored = recent.mapInArrow(score, SCORED).cache()
    patients = scored.select("patient_id").distinct().count()
    by_chance = Window.partitionBy("patient_id").orderBy(F.xxhash64("patient_id", "effective_time"))
    numbered = scored.withColumn("number", F.row_number().over(by_chance))
    table = numbered.where(F.col("number") <= max(1, MOST_ROWS // max(1, patients))).toArrow()
    scored.unpersist()
    return LocalWindows(
        np.stack([table[name].to_numpy() for name in RISKS], axis=1),
        np.stack([table[name].to_numpy() for name in RISK_FIELDS], axis=1, dtype=np.float32),
        np.array(table["patient_id"].to_pylist(), dtype=np.str_),
    )


def score_batches(batches: Iterator[pa.RecordBatch], bundle: Bundle) -> Iterator[pa.RecordBatch]:
    """Turn rows (`ml.storage.ROW_SCHEMA`) into those of `SCORED`, without patients that the bundle was fitted on."""
    predictor, fitted = Predictor(bundle), _fitted_on_record(bundle)
    for batch in batches:
        data = from_arrow(batch)
        risks = bundle.calibrators.apply(predictor.raw_risks(data.features, data.hour))
        keep = np.array([split_of(name) not in fitted for name in data.patient_id], dtype=bool)
        columns = {
            "patient_id": batch["patient_id"],
            "effective_time": batch["effective_time"],
            **{name: pa.array(risks[:, column]) for column, name in enumerate(RISKS)},
            **{name: batch[name].cast(pa.float64()) for name in RISK_FIELDS},
        }
        yield pa.RecordBatch.from_pydict(columns).filter(pa.array(keep))


def _fitted_on_record(bundle: Bundle) -> tuple[str, ...]:
    """Return the parts of the patients on record that the bundle was fitted on; simulated ones are nobody here."""
    source = str(bundle.card.get("data", {}).get("source", ""))
    return (TRAIN, EARLY_STOPPING) if source.startswith("patients on record") else ()


def save_recalibrated(
    model_dir: Path, bundle: Bundle, made: Recalibration, data: dict[str, Any], now: datetime
) -> tuple[str, Decision]:
    """Save the bundle with its new calibrators as a version of its own; return its name and whether it may serve."""
    if bundle.linear is None:
        raise UserError(
            f"The model {bundle.version} was made before there were inputs, and cannot be saved anew. Train another "
            "one: ./spark-submit.sh retrain."
        )
    calibrators = made.calibrators(bundle.calibrators)
    features, hours = golden_inputs(model_dir, bundle.version)
    successor = Predictor(replace(bundle, calibrators=calibrators))
    checks = (*made.checks(), check_monotone(successor, features, hours))
    decision = Decision(all(check.passed for check in checks), checks)
    card = recalibrated_card(
        bundle.card,
        calibrators.describe(),
        {"of": bundle.version, "data": data, "horizons": made.describe()},
        decision.to_json(),
    )
    content = render_recalibration(card)
    windows = made.windows
    version = save_bundle(
        model_dir,
        {h: xgboost.Booster(model_file=bytearray(bundle.boosters[h])) for h in HORIZONS_H},
        bundle.linear,
        calibrators,
        card,
        golden_features=features,
        golden_hours=hours,
        created_at=now,
        parent=bundle.version,
        trained=bundle.trained,
        data_fingerprint=sha256(windows.risks.tobytes() + windows.targets.tobytes()),
        files={**content, **_carried(model_dir, bundle.version)},
    )
    return version, decision


def _carried(model_dir: Path, version: str) -> dict[str, bytes]:
    """Return what a recalibration does not change: the boosters' training data are the same."""
    try:
        return {CARRIED: bundle_file(model_dir, version, CARRIED)}
    except BundleError:  # a version without it has no drift, and this one neither
        return {}
