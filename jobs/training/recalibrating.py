"""A version recalibrated on local patients: windows with their truth from what is stored, and the version saved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import xgboost
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from conf.clinical import HORIZONS_H, RISK_FIELDS
from conf.errors import UserError
from ml import drift
from ml.dataset import EARLY_STOPPING, TRAIN, split_of
from ml.evaluation.comparison import RECORDED
from ml.evaluation.gates import Decision, check_monotone
from ml.evaluation.local import LocalWindows, Recalibration
from ml.evaluation.names import CHAMPION, OURS
from ml.evaluation.quality import evaluate_windows
from ml.evaluation.subgroups import in_crisis
from ml.labels import Flags
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import golden_inputs, save_bundle
from ml.registry.files import sha256
from ml.report.recalibrated import recalibrated_card, render_recalibration
from ml.storage import from_arrow

REPLICATES: Final = 200  # of the bootstrap, as in a quick training
LOCAL: Final = "local"  # the one part that the figures are of
MOST_ROWS: Final = 500_000  # of small ones, in the memory of the driver: the same number of each patient
RISKS: Final = tuple(f"calibrated_{field}" for field in RISK_FIELDS)
NUMBERS: Final = (*RISKS, *RISK_FIELDS, *drift.OF_WINDOWS)
SCORED: Final = "patient_id string, effective_time timestamp, in_crisis boolean, drift_stratum bigint, " + ", ".join(
    f"{name} double" for name in NUMBERS
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocalPatients:
    """m windows of local patients, whether each is in crisis at t (m,), and what `ml.drift` compares of them."""

    windows: LocalWindows
    crisis: Flags
    summaries: Floats
    stratum: NDArray[np.intp]

    def reference(self, risks: Floats) -> drift.Reference:
        """Return what a version is compared with later that gives these risks (m, 3): these very patients."""
        return drift.make_reference(np.column_stack([self.summaries, risks]), self.stratum)


def local_patients(rows: DataFrame, bundle: Bundle, since: datetime) -> LocalPatients:
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

    def columns(names: Sequence[str]) -> Floats:
        return np.stack([table[name].to_numpy() for name in names], axis=1)

    targets, ids = columns(RISK_FIELDS).astype(np.float32), np.array(table["patient_id"].to_pylist(), dtype=np.str_)
    return LocalPatients(
        LocalWindows(columns(RISKS), targets, ids),
        table["in_crisis"].to_numpy(),
        columns(drift.OF_WINDOWS),
        table["drift_stratum"].to_numpy().astype(np.intp),
    )


def score_batches(batches: Iterator[pa.RecordBatch], bundle: Bundle) -> Iterator[pa.RecordBatch]:
    """Turn rows (`ml.storage.ROW_SCHEMA`) into those of `SCORED`, without patients that the bundle was fitted on."""
    predictor, fitted = Predictor(bundle), _fitted_on_record(bundle)
    for batch in batches:
        data = from_arrow(batch)
        risks = bundle.calibrators.apply(predictor.raw_risks(data.features, data.hour))
        summaries = drift.summarise(data.features, risks)
        keep = np.array([split_of(name) not in fitted for name in data.patient_id], dtype=bool)
        columns = {
            "patient_id": batch["patient_id"],
            "effective_time": batch["effective_time"],
            "in_crisis": pa.array(in_crisis(data.features)),
            "drift_stratum": pa.array(drift.strata(data.features, data.hour)),
            **{name: pa.array(risks[:, column]) for column, name in enumerate(RISKS)},
            **{name: batch[name].cast(pa.float64()) for name in RISK_FIELDS},
            **{name: pa.array(summaries[:, column]) for column, name in enumerate(drift.OF_WINDOWS)},
        }
        yield pa.RecordBatch.from_pydict(columns).filter(pa.array(keep))


def _fitted_on_record(bundle: Bundle) -> tuple[str, ...]:
    """Return the parts of the patients on record that the bundle was fitted on; simulated ones are nobody here."""
    source = str(bundle.card.get("data", {}).get("source", ""))
    return (TRAIN, EARLY_STOPPING) if source.startswith(RECORDED) else ()


def save_recalibrated(
    model_dir: Path, bundle: Bundle, local: LocalPatients, made: Recalibration, data: dict[str, Any], now: datetime
) -> tuple[str, Decision]:
    """Save the bundle with its new calibrators as a version of its own; return its name and whether it may serve.

    It has figures of its own, on the local patients, and is compared with them later: they are whom it is made for.
    """
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
    reference = local.reference(made.to_come()).to_json()
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
        files={
            **render_recalibration(card),
            "metrics.json": json.dumps(_metrics(local, made, bundle.version), allow_nan=False).encode(),
            "drift.json": json.dumps(reference).encode(),
        },
    )
    return version, decision


def _metrics(local: LocalPatients, made: Recalibration, parent: str) -> dict[str, Any]:
    """Return figures as those of a training, on patients left out of the fit; the champion is the version before."""
    before, after = made.served()
    found = evaluate_windows(local.windows, local.crisis, {OURS: after, CHAMPION: before}, replicates=REPLICATES)
    return {"source": RECORDED, "replicates": REPLICATES, "recalibrated_from": parent, "parts": {LOCAL: found}}
