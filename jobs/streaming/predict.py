"""The work of the score query: the window state of the patients that a micro-batch touched becomes predictions."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
from elasticsearch import Elasticsearch

from conf.settings import Settings
from conf.times import iso, iso_us, present_until_us
from elastic.bulk import Operation, Refusal, fetch, try_write
from elastic.client import connect
from elastic.names import LATEST, PREDICTIONS, fit_id, monthly_index
from fhir.faults import internal_error, tell
from jobs.streaming.predictions import Scored, long_enough, score, with_lineage
from jobs.streaming.progress import counts_row, milliseconds
from jobs.streaming.rejects import write_rejects
from jobs.streaming.shadow import add_scores, without_scores
from jobs.streaming.source import Message, uncollected
from jobs.streaming.sparing import spare
from jobs.streaming.window_state import Statements, pack_messages, unpack_state
from jobs.streaming.windows import Numbers, Scorable, build_windows, several_versions, takes_back
from jobs.streaming.withdrawals import add_withdrawn
from ml.prediction import Bundle, Predictor

if TYPE_CHECKING:
    from pyspark import Broadcast

log = logging.getLogger(__name__)

_predictors: dict[str, Predictor] = {}  # this worker's, by model version: at most that in service and a challenger


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """The micro-batch to score, the same for all of its partitions.

    `scored_us` is the time now; `withdrawn` and `if_full` are as by `by_patient` and `full_alone` of
    `jobs.streaming.withdrawals`; `challenger` scores beside `bundle`, where there is one.
    """

    settings: Settings
    bundle: Broadcast[Bundle]
    scored_us: int
    withdrawn: Mapping[str, bytes] = field(default_factory=dict)
    if_full: Set[str] = frozenset()
    challenger: Broadcast[Bundle] | None = None


def score_partition(rows: Iterator[pa.RecordBatch], batch: ScoreBatch) -> Iterator[pa.RecordBatch]:
    """Write the predictions of Arrow batches of window states; yield one row with the counts of what was done."""
    counts: Counter[str] = Counter()
    client = connect(batch.settings)
    predictor = _predictor(batch.bundle.value)
    with uncollected():
        for state in rows:
            for scored in spare(lambda part: _score_state(client, part, predictor, batch), state, _leave_out):
                counts.update(scored)
    yield counts_row(counts)


def _leave_out(_: pa.RecordBatch, error: Exception) -> Counter[str]:
    """Count a patient whose statements make our code raise: without a new prediction, but in nobody's way."""
    tell(error)
    return Counter(patients=1, failed=1)


def pack_or_refuse(messages: list[Message], settings: Settings) -> Iterator[pa.RecordBatch]:
    """Yield the packed statements of one Arrow batch of messages; refuse one that makes our code raise."""

    def refuse(alone: list[Message], error: Exception) -> pa.RecordBatch:
        rejects = [(message, internal_error(error)) for message in alone]
        write_rejects(connect(settings), rejects, settings.kafka_topic, iso(datetime.now(UTC)))
        return pack_messages([])

    return spare(pack_messages, messages, refuse)


def _predictor(bundle: Bundle, beside: str | None = None) -> Predictor:
    """Return this worker's predictor of a version; keep none but it and that of the version `beside` it."""
    if bundle.version not in _predictors:
        for version in _predictors.keys() - {beside}:
            del _predictors[version]
        _predictors[bundle.version] = Predictor(bundle)
    return _predictors[bundle.version]


def _add_shadow(scored: list[Scored], ready: Scorable, batch: ScoreBatch) -> tuple[list[Scored], int]:
    """Let the challenger score the same windows; where it fails, return the predictions without it and a 1 to count."""
    if batch.challenger is None or not scored:
        return scored, 0
    try:
        predictor = _predictor(batch.challenger.value, beside=batch.bundle.value.version)
        return add_scores(scored, ready, predictor, batch.settings.zone), 0
    except Exception as error:
        tell(error)
        return scored, 1


def _score_state(client: Elasticsearch, state: pa.RecordBatch, predictor: Predictor, batch: ScoreBatch) -> Counter[str]:
    started = time.monotonic()
    patient_ids, statements, patients = unpack_state(state)
    statements, patients = add_withdrawn(statements, patients, patient_ids, batch.withdrawn, batch.if_full)
    scorable = build_windows(statements, patients, present_until_us(batch.scored_us))
    ready = scorable.take(long_enough(scorable, batch.settings.min_readings))
    folded = time.monotonic()
    scored, repaired = score(ready, patient_ids, predictor, iso_us(batch.scored_us), batch.settings.zone)
    predicted = time.monotonic()
    scored, shadow_failed = _add_shadow(scored, ready, batch)
    shadowed = time.monotonic()
    predictions = _with_lineage(client, scored)
    unwritten = _write(client, [*_operations(predictions), *_withdrawals(statements, patients, ready, patient_ids)])
    return Counter(
        patients=len(patient_ids),
        predictions=len(scored),
        refused=len(patient_ids) - len(scored),
        rescored_late=sum(scoring.prediction.replaced_risk_6h is not None for scoring in predictions),
        horizon_repairs=repaired,
        unwritten=unwritten,
        shadow_failed=shadow_failed,
        fold_ms=milliseconds(folded - started),
        predict_ms=milliseconds(predicted - folded),
        shadow_ms=milliseconds(shadowed - predicted),
        write_ms=milliseconds(time.monotonic() - shadowed),
    )


def _with_lineage(client: Elasticsearch, scored: Sequence[Scored]) -> list[Scored]:
    """Give the predictions that a late message disturbed their lineage; the others cost nothing here."""
    disturbed = [
        (monthly_index(PREDICTIONS, scoring.effective_us), scoring.id) for scoring in scored if scoring.disturbed
    ]
    stored = fetch(client, disturbed)
    return [
        scoring._replace(prediction=with_lineage(scoring.prediction, stored.get(scoring.id)))
        if scoring.disturbed
        else scoring
        for scoring in scored
    ]


def _write(client: Elasticsearch, operations: Sequence[Operation]) -> int:
    """Write predictions and latest; return how many predictions their month does not take, which stops nobody's else.

    Raises `DocumentRefusedError` where latest takes none: then the board would show what is no longer so.
    """
    refusals = [effect for effect in try_write(client, operations) if isinstance(effect, Refusal)]
    unwritten = Counter(refusal.index_name for refusal in refusals)
    for refusal in refusals:
        if refusal.index_name == LATEST and refusal.of_index:
            raise refusal.error()
    for index_name, number in unwritten.items():
        log.error("%s does not take %d predictions", index_name, number)
    return unwritten.total() - unwritten[LATEST]


def _operations(scored: Sequence[Scored]) -> list[Operation]:
    """Return the writes of each prediction: to its instant, and to its patient's latest document."""
    operations = []
    for scoring in scored:
        body = msgspec.json.encode(scoring.prediction)
        operations.append(Operation("index", monthly_index(PREDICTIONS, scoring.effective_us), scoring.id, body))
        if scoring.prediction.shadow_model_version is not None:
            body = msgspec.json.encode(without_scores(scoring.prediction))
        operations.append(Operation("index", LATEST, fit_id(scoring.prediction.patient_id), body))
    return operations


def _withdrawals(
    statements: Statements, patients: Numbers, ready: Scorable, patient_ids: Sequence[str]
) -> list[Operation]:
    """Return the deletions of the latest predictions of patients who are left with too few readings."""
    revised = np.concatenate([patients[takes_back(statements)], several_versions(statements, patients)])
    too_few = np.setdiff1d(revised, ready.patients)
    return [Operation("delete", LATEST, fit_id(patient_ids[number])) for number in too_few]
