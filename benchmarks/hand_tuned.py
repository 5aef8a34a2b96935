"""What the stream is measured against: one hand-tuned Python process that does the same work without Spark.

confluent-kafka, msgspec, numpy ring buffers, batched `inplace_predict`, bulk requests sent by a thread pool. It writes
the same three documents per reading under the same ids. What it does not do is what the stream is for: no checks beyond
well-formed readings, no rejects, no corrections, no late readings, no archive, and after a crash its windows are gone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from elasticsearch import Elasticsearch

from conf.clinical import alert_level, mean_arterial_pressure, pressure_category
from conf.times import iso_us
from elastic.bulk import Operation, write
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, instant_id, monthly_index
from ml.features import WINDOW_LENGTH, Windows, feature_matrix, hours_of_day
from ml.prediction import Predictor
from ml.registry.bundles import current_version, load_bundle

BATCH = 10_000


class _Quantity(msgspec.Struct):
    value: float


class _Coding(msgspec.Struct):
    code: str


class _Code(msgspec.Struct):
    coding: list[_Coding]


class _Component(msgspec.Struct):
    code: _Code
    quantity: _Quantity = msgspec.field(name="valueQuantity")


class _Subject(msgspec.Struct):
    reference: str


class _Device(msgspec.Struct):
    reference: str


class _Observation(msgspec.Struct):
    id: str
    status: str
    subject: _Subject
    device: _Device
    effective: datetime = msgspec.field(name="effectiveDateTime")
    component: list[_Component]


_DECODER = msgspec.json.Decoder(_Observation)


class Rings:
    """The last 30 readings of every patient as numpy arrays that grow with the number of patients."""

    def __init__(self) -> None:
        self._row_of: dict[str, int] = {}
        self._values = np.full((1024, 3, WINDOW_LENGTH), np.nan, dtype=np.float32)
        self._times = np.zeros((1024, WINDOW_LENGTH), dtype=np.int64)

    def rows(self, patient_ids: list[str]) -> np.ndarray:
        """Return the row of each patient; new ones get one."""
        rows = np.array([self._row_of.setdefault(patient_id, len(self._row_of)) for patient_id in patient_ids])
        while len(self._row_of) > len(self._times):
            self._values = np.concatenate([self._values, np.full_like(self._values, np.nan)])
            self._times = np.concatenate([self._times, np.zeros_like(self._times)])
        return rows

    def push(self, rows: np.ndarray, times_us: np.ndarray, values: np.ndarray) -> Windows:
        """Append one reading to each of the (distinct) rows and return their windows."""
        self._values[rows] = np.roll(self._values[rows], -1, axis=2)
        self._times[rows] = np.roll(self._times[rows], -1, axis=1)
        self._values[rows, :, -1] = values
        self._times[rows, -1] = times_us
        window = self._values[rows]
        return Windows(self._times[rows], window[:, 0], window[:, 1], window[:, 2])


def main() -> None:
    """Drain the topic and print how many readings were done in how many seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap-servers", "topic", "elasticsearch-url", "model-dir"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    started = time.monotonic()
    model_dir = Path(options.model_dir)
    predictor = Predictor(load_bundle(model_dir, current_version(model_dir) or ""))
    client = Elasticsearch(options.elasticsearch_url, request_timeout=60)
    rings, done = Rings(), 0
    sending: list[Future[list[bool]]] = []
    with ThreadPoolExecutor(2) as senders:
        for messages in _messages(options.bootstrap_servers, options.topic):
            operations = _process(messages, rings, predictor, options.topic)
            sending = [*sending[-2:], senders.submit(write, client, operations)]
            sending[0].result()
            done += len(messages)
        for future in sending:
            future.result()
    sys.stdout.write(f"{done} {time.monotonic() - started:.3f}\n")


def _messages(bootstrap_servers: str, topic: str) -> Iterator[list[tuple[int, int, _Observation]]]:
    """Read the topic from its beginning to its present end in batches of (partition, offset, observation)."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "hand-tuned", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    left = sum(consumer.get_watermark_offsets(TopicPartition(topic, partition))[1] for partition in partitions)
    while left > 0:
        records = consumer.consume(min(BATCH, left), timeout=10)
        left -= len(records)
        yield [(record.partition(), record.offset(), _DECODER.decode(record.value())) for record in records]
    consumer.close()


def _process(
    messages: list[tuple[int, int, _Observation]], rings: Rings, predictor: Predictor, topic: str
) -> list[Operation]:
    patients = [message[2].subject.reference.removeprefix("Patient/") for message in messages]
    times_us = [round(message[2].effective.timestamp() * 1_000_000) for message in messages]
    values = np.array([[part.quantity.value for part in message[2].component] for message in messages], np.float32)
    rows = rings.rows(patients)
    operations = []
    for batch in _distinct(rows):
        windows = rings.push(rows[batch], np.array(times_us)[batch], values[batch])
        hours = hours_of_day(windows.effective_us[:, -1], UTC)
        risks = np.round(predictor.risks(feature_matrix(windows), hours).values, 6).tolist()
        filled = windows.filled.sum(axis=1).tolist()
        for position, risk, readings in zip(batch.tolist(), risks, filled, strict=True):
            operations += _documents(
                messages[position], patients[position], times_us[position], risk, readings, predictor.version, topic
            )
    return operations


def _distinct(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Split positions so that no patient occurs twice in one part, order kept."""
    left = np.arange(len(rows))
    while len(left):
        _, first = np.unique(rows[left], return_index=True)
        chosen = np.sort(first)
        yield left[chosen]
        left = np.delete(left, chosen)


About = tuple[str, int, list[float], dict[str, int]]  # patient, time in microseconds, values, partition and offset


def _documents(
    message: tuple[int, int, _Observation],
    patient_id: str,
    time_us: int,
    risk: list[float],
    readings: int,
    version: str,
    topic: str,
) -> list[Operation]:
    partition, offset, observation = message
    values = [part.quantity.value for part in observation.component]
    about = patient_id, time_us, values, {"source_partition": partition, "source_offset": offset}
    stored = reading_document(about, observation.id, observation.status, observation.device.reference, topic)
    id_, body = (
        instant_id(patient_id, time_us),
        msgspec.json.encode(prediction_document(about, risk, readings, version)),
    )
    return [
        Operation("index", monthly_index(OBSERVATIONS, time_us), id_, msgspec.json.encode(stored)),
        Operation("index", monthly_index(PREDICTIONS, time_us), id_, body),
        Operation("index", LATEST, patient_id, body),
    ]


def _common(about: About) -> dict[str, Any]:
    patient_id, time_us, (systolic, diastolic, heart_rate), place = about
    return {
        "@timestamp": iso_us(time_us),
        "patient_id": patient_id,
        **{"systolic": systolic, "diastolic": diastolic, "heart_rate": heart_rate},
        **place,
    }


def reading_document(about: About, observation_id: str, status: str, device: str, topic: str) -> dict[str, Any]:
    """Return the document of a reading, with what the stream writes."""
    common = _common(about)
    systolic, diastolic = common["systolic"], common["diastolic"]
    return common | {
        "mean_arterial_pressure": mean_arterial_pressure(systolic, diastolic),
        "pulse_pressure": systolic - diastolic,
        "category": pressure_category(systolic, diastolic),
        "observation_id": observation_id,
        "status": status,
        "device_id": device,
        "flags": [],
        "utc_offset_minutes": 0,
        "source_topic": topic,
        "ingested_at": iso_us(time.time_ns() // 1000),
    }


def prediction_document(about: About, risk: list[float], readings: int, version: str) -> dict[str, Any]:
    """Return the document of a prediction; `risk` are those of the three horizons."""
    return _common(about) | {
        "critical_risk_1h": risk[0],
        "critical_risk_6h": risk[1],
        "critical_risk_24h": risk[2],
        "alert_level": alert_level(risk[1]),
        "window_readings": readings,
        "window_hours": 7.25,
        "window_largest_gap_hours": 0.25,
        "window_heart_rates": readings,
        "window_late_readings": 0,
        "model_version": version,
        "scored_at": iso_us(time.time_ns() // 1000),
    }


if __name__ == "__main__":
    main()
