"""One pipeline of a test: a topic and folders of its own, the real stream, and what Elasticsearch holds afterwards."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xgboost
from elasticsearch import Elasticsearch
from kafka import KafkaProducer
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from conf.clinical import HORIZONS_H
from conf.settings import METRICS_FILE, Settings
from elastic.client import connect
from elastic.names import ALL_INDICES, LATEST, OBSERVATIONS, PREDICTIONS, REJECTED
from elastic.schema import put_templates
from embedded.services import Addresses
from jobs.stream import run
from jobs.streaming.archive import FOLDER
from jobs.streaming.checkpoint import guarded
from jobs.streaming.queries import QUERIES
from jobs.streaming.stopping import StopGate
from ml.calibration import UNCALIBRATED
from ml.features import FEATURE_NAMES
from ml.inputs import INPUT_NAMES, booster_inputs
from ml.registry.bundles import publish, save_bundle
from producer.topic import create_topic
from tests.support.bundles import flat_linear
from tests.support.clock import RECENTLY, at
from tests.support.factories import observation, payload

Document = dict[str, Any]
PARTITIONS = 2
WRITTEN_AT = (
    "received_at",
    "ingested_at",
    "scored_at",
    "replaced_scored_at",
    "withdrawn_at",
)  # what differs between two runs that do the same


@dataclass(frozen=True)
class Surroundings:
    """The topic that a stream reads and the Elasticsearch that it fills."""

    settings: Settings

    def send(self, *payloads: bytes | None, key: str = "p-1", partition: int | None = None) -> None:
        """Send messages in this order, by default keyed by one patient."""
        self.send_all(((key, payload) for payload in payloads), partition)

    def send_all(self, messages: Iterable[tuple[str, bytes | None]], partition: int | None = None) -> None:
        """Send messages, given as (key, payload), in this order."""
        with KafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap_servers, max_request_size=2**24) as producer:
            sent = [
                producer.send(self.settings.kafka_topic, value=payload, key=key.encode(), partition=partition)
                for key, payload in messages
            ]
            for future in sent:
                future.get(timeout=30)

    @property
    def client(self) -> Elasticsearch:
        """Return the client of the test's Elasticsearch."""
        return connect(self.settings)

    def observations(self) -> dict[str, Document]:
        """Return all stored observations by id."""
        return self._documents(OBSERVATIONS)

    def predictions(self) -> dict[str, Document]:
        """Return all predictions by id."""
        return self._documents(PREDICTIONS)

    def latest(self) -> dict[str, Document]:
        """Return the latest prediction of each patient, by patient."""
        return self._documents(LATEST)

    def rejected(self) -> dict[str, Document]:
        """Return all rejected entries by id."""
        return self._documents(REJECTED)

    def everything(self) -> dict[str, dict[str, Document]]:
        """Return all documents of all indices, without the times at which they were written."""
        families = (OBSERVATIONS, PREDICTIONS, LATEST, REJECTED)
        return {family: _without_times(self._documents(family)) for family in families}

    def _documents(self, index: str) -> dict[str, Document]:
        self.client.indices.refresh(index=index, ignore_unavailable=True)
        found = self.client.search(index=index, size=10_000, ignore_unavailable=True)
        return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


@dataclass(frozen=True)
class Pipeline(Surroundings):
    """A stream in a Spark session of the tests."""

    spark: SparkSession

    def drain(self) -> None:
        """Run the stream until it has read what the topic holds, going on from its checkpoint."""
        with guarded(self.settings, QUERIES) as is_new_checkpoint:
            put_templates(self.client)
            run(self.spark, self.settings, StopGate(), is_new_checkpoint=is_new_checkpoint, available_now=True)

    def metrics(self) -> dict[str, Any]:
        """Return what the last run told of itself."""
        return dict(json.loads((self.settings.local_dir / METRICS_FILE).read_text()))

    def archived(self) -> list[dict[str, str]]:
        """Return the lines of the CSV archive in order of effective time, without the time of ingestion."""
        files = sorted((self.settings.data_dir / FOLDER).glob("day=*/*.csv"))
        rows = [row for path in files for row in csv.DictReader(path.read_text().splitlines())]
        without_time = [{name: value for name, value in row.items() if name not in WRITTEN_AT} for row in rows]
        return sorted(without_time, key=lambda row: (row["@timestamp"], int(row["source_offset"])))

    def forget_last_commit(self) -> None:
        """Take the last commit out of both checkpoints; their offset logs make the queries run that batch again."""
        for query in QUERIES:
            commits = self.settings.checkpoint_dir / query / "commits"
            newest = max((path for path in commits.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
            newest.unlink()
            (commits / f".{newest.name}.crc").unlink(missing_ok=True)


def _without_times(documents: dict[str, Document]) -> dict[str, Document]:
    return {id_: _without_time(document) for id_, document in documents.items()}


def _without_time(document: Document) -> Document:
    """Return a document without the times of writing, its own and those of the messages merged into it."""
    kept = {name: value for name, value in document.items() if name not in WRITTEN_AT}
    return kept | ({"merged": [_without_time(message) for message in kept["merged"]]} if "merged" in kept else {})


def reading(minute: float, systolic: float | None = 128, name: str | None = None, **overrides: Any) -> bytes:
    """Return a valid Observation of patient p-1 at `minute`."""
    more = {"id": name or f"bp-{minute}", "effectiveDateTime": at(minute)}
    return payload(observation(systolic=systolic, **(more | overrides)))


def build_settings(services: Addresses, folder: Path, **changes: Any) -> Settings:
    """Return settings of a pipeline of its own in `folder`, its topic created."""
    topic = f"test-{uuid4().hex[:8]}"
    create_topic(str(services.kafka_bootstrap_servers), topic, PARTITIONS)
    own: dict[str, Any] = {
        "kafka_bootstrap_servers": services.kafka_bootstrap_servers,
        "kafka_topic": topic,
        "elasticsearch_url": services.elasticsearch_url,
        "trigger_seconds": 0.2,
        "min_readings": 3,
        "local_dir": folder / "local",
        "data_dir": folder / "data",
        "model_dir": folder / "models",
        "checkpoint_dir": folder / "checkpoints",
    }
    return Settings(**(own | changes))


def environment(settings: Settings) -> dict[str, str]:
    """Return the settings as environment variables, for a process of its own."""
    values = settings.model_dump(exclude_none=True, exclude_defaults=True)
    return {f"BP_{name.upper()}": str(value) for name, value in values.items()}


def publish_model(
    model_dir: Path, seed: int = 0, created_at: Any = RECENTLY, even_at: float = 150.0, **more: Any
) -> str:
    """Publish a small model that is trained on noise but rises with the higher of the two newest systolic pressures.

    `even_at` (mmHg) is where a crisis becomes as likely as not, less one for each hour of the horizon.
    """
    boosters, golden = train_boosters(seed, even_at)
    version = save_bundle(
        model_dir,
        boosters,
        flat_linear(),
        UNCALIBRATED,
        {},
        golden_features=golden,
        golden_hours=np.full(len(golden), 12, np.float32),
        created_at=created_at,
        parent=None,
        **more,
    )
    publish(model_dir, version, by="tests", why="a test needs a model", at=created_at)
    return version


@cache
def train_boosters(seed: int, even_at: float) -> tuple[dict[int, xgboost.Booster], NDArray[np.float32]]:
    """Return the boosters of `publish_model` by horizon in hours, and rows to know them by; they are only read."""
    random = np.random.default_rng(seed)
    features = random.normal(130, 20, (2_000, len(FEATURE_NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.2] = np.nan
    two_newest = features[:, [FEATURE_NAMES.index(name) for name in ("systolic_lag00", "systolic_lag01")]]
    highest = np.nan_to_num(np.fmax(*two_newest.T), nan=130.0)
    inputs = booster_inputs(features, np.full(len(features), 12, np.float32))
    others = [place for place, name in enumerate(INPUT_NAMES) if name not in ("systolic", "systolic_previous")]
    inputs[:, others] = 0  # no tree asks for them: they look otherwise in the short windows of tests
    boosters = {}
    for horizon_h in HORIZONS_H:
        risk = 1 / (1 + np.exp(-(highest - even_at + horizon_h) / 8))
        label = (random.random(len(highest)) < risk).astype(np.float32)
        parameters = {"objective": "reg:logistic", "max_depth": 3, "nthread": 1, "seed": seed}
        data = xgboost.DMatrix(inputs, label, base_margin=np.zeros(len(features)))
        boosters[horizon_h] = xgboost.train(parameters, data, num_boost_round=20)
    return boosters, features[:3]


def delete_documents(client: Elasticsearch) -> None:
    """Empty Elasticsearch of all documents of the project."""
    names = list(client.indices.get(index=ALL_INDICES, expand_wildcards="all"))
    if names:
        client.indices.delete(index=names)
