"""What the score query does with the window state of the patients that a micro-batch touched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
from elasticsearch import Elasticsearch
from pyspark import Broadcast

from conf.settings import Settings
from elastic.bulk import Operation, fetch, write
from elastic.client import connect
from elastic.names import LATEST, PREDICTIONS, fit_id, monthly_index
from fhir.precedence import StatementKind
from jobs.streaming.entries import Entries, unpack_state
from jobs.streaming.folding import Rows
from jobs.streaming.outcome import milliseconds, outcome_row
from jobs.streaming.predictions import Scored, long_enough, score, with_lineage
from jobs.streaming.windows import Scorable, build_windows
from ml.prediction import Bundle, Predictor

_predictors: dict[str, Predictor] = {}  # this worker's, by model version: at most one


@dataclass(frozen=True, slots=True)
class Batch:
    """The micro-batch at hand, the same for all of its partitions."""

    settings: Settings
    bundle: Broadcast[Bundle]
    scored_at: str


def score_partition(rows: Iterator[pa.RecordBatch], batch: Batch) -> Iterator[pa.RecordBatch]:
    """Arrow batches of (patient_id, entries) -> predictions in Elasticsearch; one row with the counts comes back."""
    counts: Counter[str] = Counter()
    client = connect(batch.settings)
    predictor = _predictor(batch.bundle)
    for state in rows:
        counts.update(_score_state(client, state, predictor, batch))
    yield outcome_row(counts)


def _predictor(broadcast: Broadcast[Bundle]) -> Predictor:
    bundle = broadcast.value
    if bundle.version not in _predictors:
        _predictors.clear()
        _predictors[bundle.version] = Predictor(bundle)
    return _predictors[bundle.version]


def _score_state(client: Elasticsearch, state: pa.RecordBatch, predictor: Predictor, batch: Batch) -> Counter[str]:
    started = time.monotonic()
    patient_ids, entries, rows = unpack_state(state)
    scorable = build_windows(entries, rows)
    ready = scorable.take(long_enough(scorable, batch.settings.min_readings))
    folded = time.monotonic()
    scored, repaired = score(ready, patient_ids, predictor, batch.scored_at)
    predicted = time.monotonic()
    predictions = _with_lineage(client, scored)
    write(client, [*_operations(predictions), *_withdrawals(entries, rows, ready, patient_ids)])
    return Counter(
        patients=len(patient_ids),
        predictions=len(scored),
        refused=len(patient_ids) - len(scored),
        rescored_late=sum(one.prediction.replaced_risk_6h is not None for one in predictions),
        horizon_repairs=repaired,
        fold_ms=milliseconds(folded - started),
        predict_ms=milliseconds(predicted - folded),
        write_ms=milliseconds(time.monotonic() - predicted),
    )


def _with_lineage(client: Elasticsearch, scored: Sequence[Scored]) -> list[Scored]:
    """Give the predictions that a late message disturbed their lineage; the others cost nothing here."""
    disturbed = [(monthly_index(PREDICTIONS, one.effective_us), one.id) for one in scored if one.disturbed]
    stored = fetch(client, disturbed)
    return [
        one._replace(prediction=with_lineage(one.prediction, stored.get(one.id))) if one.disturbed else one
        for one in scored
    ]


def _operations(scored: Sequence[Scored]) -> list[Operation]:
    """Each prediction goes to its instant and to its patient's latest document."""
    operations = []
    for one in scored:
        body = msgspec.json.encode(one.prediction)
        operations.append(Operation("index", monthly_index(PREDICTIONS, one.effective_us), one.id, body))
        operations.append(Operation("index", LATEST, fit_id(one.prediction.patient_id), body))
    return operations


def _withdrawals(entries: Entries, rows: Rows, ready: Scorable, patient_ids: Sequence[str]) -> list[Operation]:
    """Delete the latest prediction of a patient whom retractions have left with too few readings."""
    retracted = np.unique(rows[entries["kind"] == StatementKind.RETRACTION])
    too_few = np.setdiff1d(retracted, ready.rows)
    return [Operation("delete", LATEST, fit_id(patient_ids[row])) for row in too_few]
