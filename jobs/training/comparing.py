"""Predictions that a challenger has scored, too, beside what was observed afterwards, without Spark.

Sums by patient are made where the predictions are; the figures are of all patients together. Of a patient, only what
both versions have scored counts, so that they are compared on the same windows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H, RISK_FIELDS, SHADOW_RISK_FIELDS, is_crisis
from conf.times import DAY_US, iso_us
from jobs.training.outcomes import TARGETS, add_targets
from ml.evaluation.shadow import SUMS, Needed, compare, is_off, row_sums
from ml.evaluation.subgroups import ALL, HEADLINE, crisis_subgroups

Key = tuple[str, str, int, str]  # champion, challenger, horizon in hours, subgroup

PATIENT_SUMS: Final = pa.schema(
    [
        ("model_version", pa.string()),
        ("shadow_model_version", pa.string()),
        ("horizon_h", pa.int32()),
        ("stratum", pa.string()),
        ("days", pa.list_(pa.int64())),
        *((name, pa.float64()) for name in SUMS),
    ]
)


def add_up_patients(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Add up what `jobs.training.outcomes.add_targets` makes of predictions, by patient and pair of versions."""
    for judged in add_targets(batches):
        rows = list(_patient_sums(judged))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(PATIENT_SUMS)
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, PATIENT_SUMS, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=PATIENT_SUMS)


def _patient_sums(judged: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    versions = [np.array(judged[name].to_pylist(), dtype=np.str_) for name in ("model_version", "shadow_model_version")]
    subjects = np.stack([np.array(judged["patient_id"].to_pylist(), dtype=np.str_), *versions], axis=1)
    subgroups = crisis_subgroups(is_crisis(judged["systolic"].to_numpy(), judged["diastolic"].to_numpy()))
    day = judged["newest_us"].to_numpy() // DAY_US
    for horizon_h, *names in zip(HORIZONS_H, TARGETS, RISK_FIELDS, SHADOW_RISK_FIELDS, strict=True):
        target, risk, shadow_risk = (judged[name].to_numpy(zero_copy_only=False) for name in names)
        sums = row_sums(target, risk, shadow_risk)
        for stratum in (ALL, HEADLINE):
            known = subgroups[stratum] & ~np.isnan(sums).any(axis=1)
            kept, subject = np.unique(subjects[known], axis=0, return_inverse=True)
            for number, (_, version, shadow) in enumerate(kept.tolist()):
                mine = subject == number
                total = sums[known][mine].sum(axis=0).tolist()
                yield version, shadow, horizon_h, stratum, np.unique(day[known][mine]).tolist(), *total


def comparison_documents(sums: pa.Table, needed: Needed, now_us: int) -> list[dict[str, Any]]:
    """Return a document for each pair of versions, horizon and subgroup, of the UTC day of judging.

    `days` counts UTC days with judged predictions, the first and the last, which are parts, as one. Whether the
    challenger is `ready` goes by the alert horizon and windows not in crisis.
    """
    by_key: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in sums.to_pylist():
        by_key[row["model_version"], row["shadow_model_version"], row["horizon_h"], row["stratum"]].append(row)
    found = {key: _figures(rows) for key, rows in by_key.items()}
    documents = []
    for (version, shadow, horizon_h, stratum), figures in sorted(found.items()):
        deciding = found.get((version, shadow, ALERT_HORIZON_H, HEADLINE))
        documents.append(
            {
                "@timestamp": iso_us(now_us // DAY_US * DAY_US),
                "kind": "shadow",
                "model_version": version,
                "shadow_model_version": shadow,
                "judged_at": iso_us(now_us),
                "horizon_h": horizon_h,
                "stratum": stratum,
                **figures,
                "ready": deciding is not None and needed.is_met(deciding["days"], deciding["event_patients"]),
                "needed_days": needed.days,
                "needed_event_patients": needed.event_patients,
            }
        )
    return documents


def calibration_documents(sums: pa.Table, version: str, now_us: int) -> Iterator[dict[str, Any]]:
    """Write one document per horizon of how the risks of `version`, which scored alone, fit what followed.

    Of windows not in crisis; `is_off` where the risks do not fit any more.
    """
    rows = sums.to_pylist()
    for horizon_h in HORIZONS_H:
        judged = [row for row in rows if row["horizon_h"] == horizon_h and row["stratum"] == HEADLINE]
        if not judged:
            continue
        found = _figures(judged)
        yield {
            "@timestamp": iso_us(now_us // DAY_US * DAY_US),
            "kind": "calibration",
            "model_version": version,
            "judged_at": iso_us(now_us),
            "horizon_h": horizon_h,
            "stratum": HEADLINE,
            **{name: found[name] for name in ("days", "patients", "event_patients", "rows", "events")},
            "expected_observed": found["expected_observed"],
            "is_off": is_off(found["expected_observed"]),
        }


def _figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    days = {day for row in rows for day in row["days"]}
    sums: NDArray[np.float64] = np.array([[row[name] for name in SUMS] for row in rows])
    in_order = sums[np.lexsort(sums.T)]  # patients come in any order; the same ones are to have the same interval
    return {"days": max(0, len(days) - 1), **compare(in_order)}
