"""Stored predictions beside what was observed afterwards: outcomes and live figures, without Spark.

Truth is what the observations say now: corrections count, retracted readings do not. A prediction is judged as it is
stored, that is, as a late message left it. A patient's record ends with the last reading that is stored; outcomes that
it does not reach are unknown, as in training (see `ml.labels`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H, RISK_FIELDS, is_crisis
from conf.times import DAY_US, HOUR_US, iso_us
from fhir.precedence import StatementKind
from jobs.streaming.window_state import STATE_LENGTH, STATEMENT, Statements
from jobs.streaming.windows import build_windows
from ml import drift
from ml.evaluation.live import live_figures
from ml.evaluation.subgroups import crisis_subgroups
from ml.features import FEATURE_NAMES, feature_matrix
from ml.labels import targets_on_record

TARGETS: Final = tuple(f"target_{horizon_h}h" for horizon_h in HORIZONS_H)

DOCUMENTS: Final = pa.schema([("id", pa.string()), ("body", pa.string())])
WINDOW_COUNTS: Final = pa.schema(
    [
        ("model_version", pa.string()),
        ("day", pa.int64()),
        ("patients", pa.int64()),
        ("counts", pa.list_(pa.int64())),
    ]
)

Instants = NDArray[np.int64]
Places = NDArray[np.intp]


def add_targets(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Add targets to the predictions of patients, each a row with lists of `predictions` and `observations` by time."""
    for patients in (batch for batch in batches if batch.num_rows):
        predictions, places = flatten(patients.column("predictions"))
        observations, ends = flatten(patients.column("observations"))
        newest_us = predictions["newest_us"].to_numpy()
        readings = [observations[name].to_numpy() for name in ("effective_us", "systolic", "diastolic")]
        targets = [
            targets_on_record(newest_us[of_patient], *(values[known] for values in readings)).shown
            for of_patient, known in zip(_slices(places), _slices(ends), strict=True)
        ]
        columns = dict(zip(TARGETS, np.concatenate(targets).T, strict=True))
        ids = patients.column("patient_id").take(pa.array(np.repeat(np.arange(len(targets)), np.diff(places))))
        yield pa.RecordBatch.from_pydict(
            {"patient_id": ids, **predictions, **{name: pa.array(values) for name, values in columns.items()}}
        )


def flatten(lists: pa.ListArray) -> tuple[dict[str, pa.Array], Places]:
    """Split a list of structs per patient into the fields of all, and where each patient begins, with the end."""
    structs = lists.flatten()
    offsets = lists.offsets.to_numpy()
    fields = {field.name: array for field, array in zip(structs.type, structs.flatten(), strict=True)}
    return fields, (offsets - offsets[0]).astype(np.intp)


def _slices(ends: Places) -> list[slice]:
    return [slice(first, end) for first, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def quality_documents(predictions: pa.Table, now_us: int) -> Iterator[dict[str, Any]]:
    """Write one document per horizon and subgroup by crisis from all predictions of one version and UTC day."""
    newest_us = predictions["newest_us"].to_numpy()
    patient = predictions["patient_id"].to_numpy()
    level = np.array(predictions["alert_level"].to_pylist(), dtype=np.str_)
    crisis = is_crisis(predictions["systolic"].to_numpy(), predictions["diastolic"].to_numpy())
    day_end_us = (int(newest_us[0]) // DAY_US + 1) * DAY_US
    common = _common("quality", predictions["model_version"][0].as_py(), int(newest_us[0]), now_us)
    for horizon_h, risk_name, target_name in zip(HORIZONS_H, RISK_FIELDS, TARGETS, strict=True):
        risk, target = predictions[risk_name].to_numpy(), predictions[target_name].to_numpy()
        for subgroup, rows in crisis_subgroups(crisis).items():
            known = rows & ~np.isnan(target)
            if not known.any():
                continue
            yield {
                **common,
                "horizon_h": horizon_h,
                "stratum": subgroup,
                "complete": now_us >= day_end_us + horizon_h * HOUR_US,
                "patients": len(np.unique(patient[known])),
                "censored_share": round(1 - float(known.sum() / rows.sum()), 6),
                **live_figures(target[known], risk[known], level[known]),
            }


def count_windows(
    batches: Iterator[pa.RecordBatch], references: Mapping[str, drift.Reference]
) -> Iterator[pa.RecordBatch]:
    """Count for each version and UTC day the patients (rows as in `add_targets`), and the bins of `ml.drift`.

    The windows are those of the predictions, from the observations as they are stored now.
    """
    for patients in (batch for batch in batches if batch.num_rows):
        predictions, places = flatten(patients.column("predictions"))
        observations, ends = flatten(patients.column("observations"))
        newest_us, statements = predictions["newest_us"].to_numpy(), _statements(observations)
        windows = [
            windows_at(newest_us[of_patient], statements[known])
            for of_patient, known in zip(_slices(places), _slices(ends), strict=True)
        ]
        owner = np.repeat(np.arange(len(windows)), np.diff(places))
        version, day = np.array(predictions["model_version"].to_pylist()), newest_us // DAY_US
        yield _count_groups(np.concatenate(windows), owner, version, day, references)


def windows_at(newest_us: Instants, statements: Statements) -> NDArray[np.float32]:
    """Return feature rows (m, 120) of one patient's windows at `newest_us` (m,); all NaN where no reading is left."""
    ends = np.searchsorted(statements["effective_us"], newest_us, side="right")
    known = [np.arange(max(0, end - STATE_LENGTH), end) for end in ends.tolist()]
    past = statements[np.concatenate([*known, np.empty(0, dtype=np.intp)])]
    scorable = build_windows(past, np.repeat(np.arange(len(known)), [len(places) for places in known]))
    features = np.full((len(known), len(FEATURE_NAMES)), np.nan, dtype=np.float32)
    features[scorable.patients] = feature_matrix(scorable.windows)
    return features


def _statements(observations: Mapping[str, pa.Array]) -> Statements:
    statements = np.zeros(len(observations["effective_us"]), dtype=STATEMENT)
    for name in ("effective_us", "systolic", "diastolic", "heart_rate"):
        statements[name] = observations[name].to_numpy(zero_copy_only=False)
    statements["offset"] = np.arange(len(statements))
    statements["kind"] = np.where(np.isnan(statements["systolic"]), StatementKind.HEART_RATE, StatementKind.PRESSURE)
    return statements


def _count_groups(
    features: NDArray[np.float32],
    owner: Places,
    version: NDArray[np.str_],
    day: Instants,
    references: Mapping[str, drift.Reference],
) -> pa.RecordBatch:
    rows = []
    for name, reference in references.items():
        for date in np.unique(day[version == name]):
            chosen = (version == name) & (day == date)
            counts = drift.count(reference, features[chosen])
            rows.append((name, int(date), len(np.unique(owner[chosen])), counts.tolist()))
    columns = zip(*rows, strict=True) if rows else [[]] * len(WINDOW_COUNTS)
    return pa.RecordBatch.from_arrays(
        [pa.array(list(column), field.type) for column, field in zip(columns, WINDOW_COUNTS, strict=True)],
        schema=WINDOW_COUNTS,
    )


def drift_documents(
    counts: NDArray[np.int64], reference: drift.Reference, version: str, patients: int, day: int, now_us: int
) -> Iterator[dict[str, Any]]:
    """Write one document per feature from the counts of one version and UTC day (days since the epoch)."""
    common = _common("drift", version, day * DAY_US, now_us)
    complete = now_us >= (day + 1) * DAY_US
    rows = int(counts[: len(reference[FEATURE_NAMES[0]].counts)].sum())  # each feature counts all of them
    for name, index in drift.psi_of_counts(reference, counts).items():
        found = {"feature": name, "psi": round(index, 6), "drift": drift.reading(index)}
        yield {**common, "complete": complete, "patients": patients, "rows": rows, **found}


def document_id(document: dict[str, Any]) -> str:
    """Return what is the same for every repetition: version, what was judged, and the day."""
    day = document["@timestamp"][:10]
    if document["kind"] == "drift":
        return f"{document['model_version']}|drift|{document['feature']}|{day}"
    more = {"shadow": "shadow_model_version", "calibration": "kind"}.get(document["kind"])
    beside = f"{document[more]}|" if more else ""
    return f"{document['model_version']}|{beside}{document['horizon_h']}h|{document['stratum']}|{day}"


def documents_table(documents: Iterator[dict[str, Any]]) -> pa.Table:
    """Return documents as rows of `id` and `body` (JSON)."""
    rows = [(document_id(document), msgspec.json.encode(document).decode()) for document in documents]
    return pa.table({"id": [id_ for id_, _ in rows], "body": [body for _, body in rows]}, schema=DOCUMENTS)


def _common(kind: str, version: str, newest_us: int, now_us: int) -> dict[str, Any]:
    day_us = newest_us // DAY_US * DAY_US
    return {
        "@timestamp": iso_us(day_us),
        "kind": kind,
        "model_version": version,
        "judged_at": iso_us(now_us),
    }
