"""Stored predictions beside what was observed afterwards: outcomes and live figures, without Spark.

Truth is what the observations say now: corrections count, retracted readings do not. A prediction is judged as it is
stored, that is, as a late message left it. A patient's record ends with the last reading that is stored; outcomes that
it does not reach are unknown, as in training (see `ml.labels`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
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
from ml.features import FEATURE_NAMES, feature_matrix, hours_of_day, newest_pressures
from ml.labels import targets_on_record

TARGETS: Final = tuple(f"target_{horizon_h}h" for horizon_h in HORIZONS_H)

DOCUMENTS: Final = pa.schema([("body", pa.string())])
PATIENT_SUMMARIES: Final = pa.schema(
    [
        ("model_version", pa.string()),
        ("day", pa.int64()),
        ("rows", pa.int64()),
        ("summary", pa.list_(pa.float64())),
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
    head = common("quality", predictions["model_version"][0].as_py(), int(newest_us[0]), now_us)
    for horizon_h, risk_name, target_name in zip(HORIZONS_H, RISK_FIELDS, TARGETS, strict=True):
        risk, target = predictions[risk_name].to_numpy(), predictions[target_name].to_numpy()
        for subgroup, rows in crisis_subgroups(crisis).items():
            known = rows & ~np.isnan(target)
            if not known.any():
                continue
            yield {
                **head,
                "horizon_h": horizon_h,
                "stratum": subgroup,
                "complete": is_complete(int(newest_us[0]), horizon_h, now_us),
                "patients": len(np.unique(patient[known])),
                "censored_share": round(1 - float(known.sum() / rows.sum()), 6),
                **live_figures(target[known], risk[known], level[known]),
            }


def summarise_windows(
    batches: Iterator[pa.RecordBatch], references: Mapping[str, drift.Reference], zone: tzinfo
) -> Iterator[pa.RecordBatch]:
    """Return what `ml.drift` needs of each patient (rows as in `add_targets`), by version and UTC day.

    The windows are those of the predictions, from the observations as they are stored now; the risks are those stored.
    """
    for patients in (batch for batch in batches if batch.num_rows):
        predictions, places = flatten(patients.column("predictions"))
        observations, ends = flatten(patients.column("observations"))
        newest_us, statements = predictions["newest_us"].to_numpy(), _statements(observations)
        risks = np.stack([predictions[name].to_numpy(zero_copy_only=False) for name in RISK_FIELDS], axis=1)
        version = np.array(predictions["model_version"].to_pylist())
        rows = [
            row
            for of_patient, known in zip(_slices(places), _slices(ends), strict=True)
            for row in _summaries(
                windows_at(newest_us[of_patient], statements[known]),
                hours_of_day(newest_us[of_patient], zone),
                risks[of_patient],
                (version[of_patient], newest_us[of_patient] // DAY_US),
                references,
            )
        ]
        columns = zip(*rows, strict=True) if rows else [[]] * len(PATIENT_SUMMARIES)
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, PATIENT_SUMMARIES, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=PATIENT_SUMMARIES)


def _summaries(
    features: NDArray[np.float32],
    hour: NDArray[np.float32],
    risks: NDArray[np.float64],
    version_and_day: tuple[NDArray[np.str_], Instants],
    references: Mapping[str, drift.Reference],
) -> Iterator[tuple[str, int, int, list[float]]]:
    """Yield the summary of one patient for each version and day; windows without a reading are none."""
    version, day = version_and_day
    there = ~np.isnan(newest_pressures(features)[0])
    for name, reference in references.items():
        for date in np.unique(day[there & (version == name)]):
            chosen = there & (version == name) & (day == date)
            rows, stratum = (
                drift.summarise(features[chosen], risks[chosen]),
                drift.strata(features[chosen], hour[chosen]),
            )
            yield name, int(date), int(chosen.sum()), drift.count(reference, rows, stratum).tolist()


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


def drift_documents(
    found: Sequence[drift.Drift], version: str, patients: int, rows: int, day: int, now_us: int
) -> Iterator[dict[str, Any]]:
    """Write one document per summary of one version and UTC day (days since the epoch)."""
    head = common("drift", version, day * DAY_US, now_us)
    complete = now_us >= (day + 1) * DAY_US
    for one in found:
        figures = {
            **{"feature": one.summary, "psi": one.psi, "psi_low": one.low, "psi_high": one.high, "drift": one.reading},
            **{"mean": one.mean, "reference_mean": one.reference_mean},
        }
        yield {**head, "complete": complete, "patients": patients, "rows": rows, **figures}


def document_id(document: dict[str, Any]) -> str:
    """Return what is the same for every repetition: version, what was judged, and the day."""
    day, kind = document["@timestamp"][:10], document["kind"]
    if kind == "drift":
        return f"{document['model_version']}|drift|{document['feature']}|{day}"
    beside = {"quality": "", "shadow": f"{document.get('shadow_model_version')}|"}.get(kind, f"{kind}|")
    return f"{document['model_version']}|{beside}{document['horizon_h']}h|{document['stratum']}|{day}"


def documents_table(documents: Iterable[dict[str, Any]]) -> pa.Table:
    """Return documents as rows of `body` (JSON)."""
    return pa.table({"body": [msgspec.json.encode(document).decode() for document in documents]}, schema=DOCUMENTS)


def is_complete(newest_us: int, horizon_h: int, now_us: int) -> bool:
    """Tell whether all that can be an outcome of predictions of that UTC day has happened."""
    return now_us >= (newest_us // DAY_US + 1) * DAY_US + horizon_h * HOUR_US


def common(kind: str, version: str, newest_us: int, now_us: int) -> dict[str, Any]:
    """Return the fields that every document about one version and UTC day begins with."""
    day_us = newest_us // DAY_US * DAY_US
    return {
        "@timestamp": iso_us(day_us),
        "kind": kind,
        "model_version": version,
        "judged_at": iso_us(now_us),
    }
