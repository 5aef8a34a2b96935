"""The same readings give the same feature rows in the stream and in a batch, bit for bit.

Once from the resources themselves, against a batch that neither parser nor state take part in. Once from simulated
patients with everything that goes wrong on the way, against the batch that reads what has been stored. There, the rare
sequences in which document and window differ (docs/architecture.md) do not occur: retractions name the patient and come
after their reading, and corrections stay at their instant. Instants are whole seconds.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from conf.times import HOUR_US, to_us
from elastic.names import ALL_INDICES
from fhir.precedence import StatementKind
from fhir.reasons import Reason
from jobs.streaming.queries import intake_rules, keep_newest, packed_statements
from jobs.streaming.source import read_topic
from jobs.streaming.window_state import STATEMENT, Statements, observation_number, unpack_state
from jobs.streaming.windows import build_windows
from jobs.training.history import history_rows, observations_from_elasticsearch
from jobs.training.replay import unpack
from ml.features import feature_matrix
from ml.storage import from_arrow
from producer.faults import USUAL_FAULTS
from producer.feed import open_outbox
from producer.forms import FORMS
from producer.position import Identity
from tests.integration.pipeline import Pipeline
from tests.support.clock import RECENTLY
from tests.support.factories import heart_rate_observation, observation, payload

pytestmark = pytest.mark.integration

PATIENTS = 40
READINGS = 45
BATCHES = 4
SIMULATED_PATIENTS = 1_000
TICKS = 44
QUARTER_US = HOUR_US // 4
Rows = dict[str, bytes]


def simulated(seed: int) -> list[tuple[str, dict[str, Any]]]:
    """Return many patients' Observations with separate heart rates, resends, corrections, retractions, out of order."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    sent = []
    for patient in range(PATIENTS):
        for number in range(READINGS):
            sent += [(f"p-{patient}", resource) for resource in _of_one_reading(chance, patient, number)]
    chance.shuffle(sent)
    return sent


def _of_one_reading(chance: random.Random, patient: int, number: int) -> list[dict[str, Any]]:
    when = (RECENTLY + timedelta(minutes=15 * number, seconds=patient)).isoformat()
    common: dict[str, Any] = {"subject": {"reference": f"Patient/p-{patient}"}, "effectiveDateTime": when}
    systolic, diastolic = chance.randint(100, 200), chance.randint(60, 90)
    rate = None if chance.random() < 0.3 else chance.randint(50, 100)
    reading = observation(systolic=systolic, diastolic=diastolic, heart_rate=rate, id=f"bp-{number}", **common)
    messages = [reading]
    if rate is None and chance.random() < 0.5:
        messages.append(heart_rate_observation(chance.randint(50, 100), id=f"hr-{number}", **common))
    if chance.random() < 0.05:
        messages.append(reading)
    if chance.random() < 0.03:
        messages.append(observation(systolic=130, id=f"bp-{number}", status="corrected", **common))
    if chance.random() < 0.03:
        messages.append(reading | {"status": "entered-in-error"})
    return messages


def streamed(pipeline: Pipeline) -> Rows:
    """Return feature rows as the score query sees them, the last state of each patient."""
    rows: Rows = {}

    def collect(state: DataFrame, _: int) -> None:
        for batch in state.toArrow().to_batches():
            ids, entries, patient_rows = unpack_state(batch)
            scorable = build_windows(entries, patient_rows)
            rows.update(_rows(scorable.patients, feature_matrix(scorable.windows), ids))

    messages = read_topic(pipeline.spark, pipeline.settings)
    entries = packed_statements(messages, intake_rules(pipeline.settings), pipeline.settings)
    writer = keep_newest(entries).writeStream.outputMode("update").foreachBatch(collect)
    folder = str(pipeline.settings.checkpoint_dir / "parity")
    writer.option("checkpointLocation", folder).trigger(availableNow=True).start().awaitTermination()
    return rows


def in_a_batch(sent: list[tuple[str, dict[str, Any]]]) -> Rows:
    """Return the feature rows of all readings at once, from the resources themselves: without parser and state."""
    ids = sorted({patient for patient, _ in sent})
    groups = [
        [_entry(offset, resource) for offset, (owner, resource) in enumerate(sent) if owner == id_] for id_ in ids
    ]
    entries = np.array([entry for group in groups for entry in group], dtype=STATEMENT)
    scorable = build_windows(entries, np.repeat(np.arange(len(ids)), [len(group) for group in groups]))
    return _rows(scorable.patients, feature_matrix(scorable.windows), ids)


def _entry(offset: int, resource: dict[str, Any]) -> tuple[Any, ...]:
    time_us = round(datetime.fromisoformat(resource["effectiveDateTime"]).timestamp() * 1_000_000)
    named = observation_number(resource["id"])
    if resource["status"] == "entered-in-error":
        return time_us, offset, named, np.nan, np.nan, np.nan, 0, StatementKind.RETRACTION, 0
    if "component" not in resource:
        return (
            time_us,
            offset,
            named,
            np.nan,
            np.nan,
            resource["valueQuantity"]["value"],
            0,
            StatementKind.HEART_RATE,
            0,
        )
    values = [part["valueQuantity"]["value"] for part in resource["component"]]
    systolic, diastolic, rate = [*values, np.nan][:3]
    return (
        time_us,
        offset,
        named,
        systolic,
        diastolic,
        rate,
        0,
        StatementKind.PRESSURE,
        resource["status"] == "corrected",
    )


def _rows(present: NDArray[np.intp], features: NDArray[np.float32], ids: list[str]) -> Rows:
    return {ids[row]: features[position].tobytes() for position, row in enumerate(present)}


def test_stream_and_batch_give_equal_feature_rows(pipeline: Pipeline) -> None:
    """State of 60 entries against all entries: equal as long as no more fold away than the state has room for."""
    sent = simulated(seed=3)
    settings = pipeline.settings.model_copy(update={"max_offsets_per_trigger": len(sent) // BATCHES})
    pipeline.send(*(payload(resource) for _, resource in sent), partition=0)

    from_stream, from_batch = streamed(Pipeline(settings, pipeline.spark)), in_a_batch(sent)

    assert len(from_batch) == PATIENTS
    assert from_stream == from_batch


def sent_by_simulated_patients(topic: str) -> list[tuple[str, bytes | None]]:
    """Return (key, message) in the order of sending: every form that the intake accepts, usual faults doubled."""
    faults = {name: 2 * share for name, share in USUAL_FAULTS.items()}
    forms = dict.fromkeys(FORMS, 1 / len(FORMS))
    identity = Identity(9, SIMULATED_PATIENTS, QUARTER_US, 10.0, topic, forms, faults)
    epoch_us = round(RECENTLY.timestamp()) * 1_000_000
    outbox = open_outbox(identity, epoch_us, epoch_us)
    until_us = epoch_us + TICKS * QUARTER_US
    return [
        (message.key.decode(), message.value) for due in iter(lambda: outbox.next(until_us), None) for message in due
    ]


def test_stream_and_stored_observations_give_equal_feature_rows_whatever_went_wrong(pipeline: Pipeline) -> None:
    """1,000 simulated patients: the state of the stream against the batch that reads Elasticsearch."""
    sent = sent_by_simulated_patients(pipeline.settings.kafka_topic)
    settings = pipeline.settings.model_copy(update={"max_offsets_per_trigger": len(sent) // BATCHES})
    pipeline.send_all(sent)
    stream = Pipeline(settings, pipeline.spark)
    stream.drain()
    stream.client.indices.refresh(index=ALL_INDICES)

    from_stream = streamed(stream)

    observations = observations_from_elasticsearch(stream.spark, settings, to_us(datetime.now(UTC)))
    observations = observations.orderBy("patient_id", "effective_us").cache()
    ids, entries, patients = unpack(observations.toArrow())
    scorable = build_windows(entries, patients)
    assert len(ids) == SIMULATED_PATIENTS
    assert from_stream == _rows(scorable.patients, feature_matrix(scorable.windows), ids)
    refused = stream.metrics()["queries"]["ingest"]["rejected_by_reason"]
    assert {Reason.DUPLICATE, Reason.STATUS_ENTERED_IN_ERROR, Reason.MALFORMED_JSON} <= set(refused)

    training = last_training_rows(observations)  # without patients whose last row looks into the held-out block
    undisturbed = {ids[number] for number in _arrived_in_order_at_last(entries, patients)} & set(training)
    assert len(undisturbed) > SIMULATED_PATIENTS / 4
    assert {name: training[name] for name in undisturbed} == {name: from_stream[name] for name in undisturbed}


def _arrived_in_order_at_last(entries: Statements, patients: NDArray[np.intp]) -> list[int]:
    """Return the patients whose newest Observation is a reading and arrived last: their window is still the same."""
    begins = np.flatnonzero(np.diff(patients, prepend=-1))
    newest = entries[np.append(begins[1:], len(entries)) - 1]
    came_last = newest["offset"] == np.maximum.reduceat(entries["offset"], begins)
    as_sent = (newest["kind"] == StatementKind.PRESSURE) & (newest["corrected"] == 0)
    return [int(number) for number in np.flatnonzero(came_last & as_sent)]


def last_training_rows(observations: DataFrame) -> Rows:
    """Return the features of each patient's newest row, as retraining would read it."""
    data = from_arrow(
        history_rows(observations, min_readings=10, zone=UTC).orderBy("patient_id", "effective_time").toArrow()
    )
    rows = zip(data.patient_id.tolist(), data.features, strict=True)
    return {name: features.tobytes() for name, features in rows}  # of one patient's rows the last one stays
