"""The job as tutorials write it: one process, kafka-python, and for each reading its own prediction and three calls.

What the original of this project did, with its faults mended: the same windows, models and documents as the others. It
stops after so many readings of the topic, since all of them would take hours.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
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

Window = deque[tuple[int, list[float]]]  # (effective time in microseconds, [systolic, diastolic, heart rate])


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
        place = {"source_partition": record.partition, "source_offset": record.offset}
        _store(client, json.loads(record.value), place, windows, predictor, options.topic)
        if done == options.readings:
            break
    consumer.close()


def _store(
    client: Elasticsearch,
    observation: dict[str, Any],
    place: dict[str, int],
    windows: dict[str, Window],
    predictor: Predictor,
    topic: str,
) -> None:
    patient_id = observation["subject"]["reference"].removeprefix("Patient/")
    time_us = round(datetime.fromisoformat(observation["effectiveDateTime"]).timestamp() * 1_000_000)
    values = [component["valueQuantity"]["value"] for component in observation["component"]]
    window = windows.setdefault(patient_id, deque(maxlen=WINDOW_LENGTH))
    window.append((time_us, values))
    risk = _predict(window, predictor)
    about = patient_id, time_us, values, place
    stored = reading_document(
        about, observation["id"], observation["status"], observation["device"]["reference"], topic
    )
    predicted = prediction_document(about, risk, len(window), predictor.version)
    id_ = instant_id(patient_id, time_us)
    client.index(index=monthly_index(OBSERVATIONS, time_us), id=id_, document=stored)
    client.index(index=monthly_index(PREDICTIONS, time_us), id=id_, document=predicted)
    client.index(index=LATEST, id=patient_id, document=predicted)


def _predict(window: Window, predictor: Predictor) -> list[float]:
    times_us = np.zeros((1, WINDOW_LENGTH), dtype=np.int64)
    values = np.full((1, 3, WINDOW_LENGTH), np.nan, dtype=np.float32)
    times_us[0, -len(window) :] = [time_us for time_us, _ in window]
    values[0, :, -len(window) :] = np.array([measured for _, measured in window]).T
    features = feature_matrix(Windows(times_us, values[:, 0], values[:, 1], values[:, 2]))
    risks = predictor.risks(features, hours_of_day(times_us[:, -1], UTC)).values
    return [round(risk, 6) for risk in risks[0].tolist()]


if __name__ == "__main__":
    main()
