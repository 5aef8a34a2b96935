"""The job as tutorials write it: one process, kafka-python, and for each reading its own prediction and three calls.

What the original of this project did, with its faults mended: the same windows, models and documents as the others. It
stops after so many readings of the topic, since all of them would take hours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from kafka import KafkaConsumer

from benchmarks.hand_tuned import prediction_document, reading_document
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, instant_id, monthly_index
from ml.features import WINDOW_LENGTH, Windows, feature_matrix, hours_of_day
from ml.prediction import Predictor
from ml.registry.bundles import current_version, load_bundle

Window = list[tuple[int, list[float]]]  # (effective time in microseconds, [systolic, diastolic, heart rate])
Documents = list[tuple[str, str, dict[str, Any]]]  # (index, id, document)


def main() -> None:
    """Read, predict and write, one reading after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap-servers", "topic", "elasticsearch-url", "model-dir"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--readings", type=int, required=True)
    options = parser.parse_args()
    model_dir = Path(options.model_dir)
    predictor = Predictor(load_bundle(model_dir, current_version(model_dir) or ""))
    client = Elasticsearch(options.elasticsearch_url, request_timeout=60)
    windows: dict[str, Window] = {}
    consumer = KafkaConsumer(options.topic, bootstrap_servers=options.bootstrap_servers, auto_offset_reset="earliest")
    for done, record in enumerate(consumer, 1):
        observation = json.loads(record.value)
        window = windows.setdefault(patient_of(observation), [])
        place = {"source_partition": record.partition, "source_offset": record.offset}
        for index, id_, document in work_off(observation, window, predictor, options.topic, place):
            client.index(index=index, id=id_, document=document)
        if done == options.readings:
            break
    consumer.close()


def patient_of(observation: dict[str, Any]) -> str:
    """Return whose reading an Observation is."""
    reference: str = observation["subject"]["reference"]
    return reference.removeprefix("Patient/")


def work_off(
    observation: dict[str, Any], window: Window, predictor: Predictor, topic: str, place: dict[str, int]
) -> Documents:
    """Add a reading to the window of its patient, predict, and return what is to be written."""
    patient_id = patient_of(observation)
    time_us = round(datetime.fromisoformat(observation["effectiveDateTime"]).timestamp() * 1_000_000)
    values = [component["valueQuantity"]["value"] for component in observation["component"]]
    window.append((time_us, values))
    del window[:-WINDOW_LENGTH]
    about = patient_id, time_us, values, place
    device = observation["device"]["reference"]
    stored = reading_document(about, observation["id"], observation["status"], device, topic)
    predicted = prediction_document(about, _predict(window, predictor), len(window), predictor.version)
    id_ = instant_id(patient_id, time_us)
    return [
        (monthly_index(OBSERVATIONS, time_us), id_, stored),
        (monthly_index(PREDICTIONS, time_us), id_, predicted),
        (LATEST, patient_id, predicted),
    ]


def _predict(window: Sequence[tuple[int, list[float]]], predictor: Predictor) -> list[float]:
    times_us = np.zeros((1, WINDOW_LENGTH), dtype=np.int64)
    values = np.full((1, 3, WINDOW_LENGTH), np.nan, dtype=np.float32)
    times_us[0, -len(window) :] = [time_us for time_us, _ in window]
    values[0, :, -len(window) :] = np.array([measured for _, measured in window]).T
    features = feature_matrix(Windows(times_us, values[:, 0], values[:, 1], values[:, 2]))
    risks = predictor.risks(features, hours_of_day(times_us[:, -1], UTC)).values
    return [round(risk, 6) for risk in risks[0].tolist()]


if __name__ == "__main__":
    main()
