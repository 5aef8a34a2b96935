"""The whole way of a message without services: parsed, stored in memory, kept in the window state, folded, scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any

import pyarrow as pa

from conf.settings import Settings
from conf.times import iso_us
from elastic.names import OBSERVATIONS
from elastic.schema import put_templates
from fhir.parse.message import parse_message
from fhir.readings import RETRACTED_STATUS, IntakeRules
from jobs.streaming.early import read_early
from jobs.streaming.source import Message, TopicPlace
from jobs.streaming.store import IngestBatch
from jobs.streaming.window_state import STATE_LENGTH, Statements, pack_messages, unpack_state
from jobs.streaming.windows import Numbers, Scorable, build_windows, fold
from jobs.streaming.withdrawals import add_withdrawn, by_patient, full_alone, read_withdrawn
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.in_process import client_of
from tests.support.ingesting import store_batch

TOPIC = "topic"
INGESTED_AT = "2026-03-02T00:00:00.000Z"
Row = tuple[str, str, float | None, float | None, float | None]  # patient, instant, systolic, diastolic, heart rate


def parse(payload: bytes | None, place: TopicPlace, rules: IntakeRules) -> Message:
    """Return the message of a Kafka record."""
    return Message(place, payload, parse_message(payload, place.received_us, rules))


@dataclass
class Surveillance:
    """What the two queries keep: the documents, and each patient's newest statements."""

    data_dir: Path
    fake: FakeElasticsearch = field(default_factory=FakeElasticsearch)
    entries: dict[str, list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    batches: int = 0

    def __post_init__(self) -> None:
        self.client = client_of(self.fake)
        self.settings = Settings(elasticsearch_url="http://fake:9200", data_dir=self.data_dir, kafka_topic=TOPIC)
        put_templates(self.client)

    def forget(self) -> None:
        """Begin anew, with the templates that are there."""
        self.fake.documents.clear()
        self.fake.searchable.clear()
        self.fake.bulk_ids.clear()
        self.entries.clear()

    def store(
        self,
        messages: Sequence[Message],
        *other_tasks: Sequence[Message],
        rules: IntakeRules = IntakeRules(),  # noqa: B008 - frozen
    ) -> None:
        """Run a micro-batch of the ingest query, as one task or several."""
        batch = IngestBatch(self.settings, rules, self.batches, INGESTED_AT, read_early(self.client))
        store_batch(self.client, messages, batch, *other_tasks)
        self.batches += 1

    def keep(self, messages: Sequence[Message]) -> None:
        """Run what Spark does with the window state in a micro-batch of the score query."""
        packed = pack_messages(list(messages))
        for patient_id, order, entry in zip(*(column.to_pylist() for column in packed.columns), strict=True):
            newest = sorted([*self.entries[patient_id], (order, entry)], reverse=True)
            self.entries[patient_id] = newest[:STATE_LENGTH]

    def state(self) -> pa.RecordBatch:
        """Return the window state as Spark hands it to a task."""
        lists = [[entry for _, entry in newest] for newest in self.entries.values()]
        columns = [pa.array(list(self.entries), pa.string()), pa.array(lists, pa.list_(pa.binary()))]
        return pa.RecordBatch.from_arrays(columns, names=["patient_id", "entries"])

    def statements(self) -> tuple[list[str], Statements, Numbers]:
        """Return the patients by their number, what is known of them, and whose it is, as a task scores them."""
        self.client.indices.refresh(index=OBSERVATIONS, ignore_unavailable=True, allow_no_indices=True)
        documents = read_withdrawn(self.client)
        withdrawn = by_patient(documents), full_alone(documents)
        patient_ids, statements, patients = unpack_state(self.state())
        return patient_ids, *add_withdrawn(statements, patients, patient_ids, *withdrawn)

    def windows(self) -> tuple[list[str], Scorable]:
        """Return the patients by their number, and the windows that are scored."""
        patient_ids, statements, patients = self.statements()
        return patient_ids, build_windows(statements, patients)

    def in_windows(self) -> list[Row]:
        """Return the readings in all windows."""
        patient_ids, statements, patients = self.statements()
        folded, folded_patients = fold(statements, patients)
        names = ("systolic", "diastolic", "heart_rate")
        return sorted(
            (patient_ids[patient], iso_us(int(reading["effective_us"])), *(_known(reading[name]) for name in names))
            for reading, patient in zip(folded, folded_patients.tolist(), strict=True)
        )

    def standing(self) -> list[Row]:
        """Return what stands in the documents, heart rates alone too."""
        stored: Iterable[dict[str, Any]] = self.fake.stored(OBSERVATIONS).values()
        return sorted(
            (
                (document["patient_id"], document["@timestamp"], *map(document.get, _VALUES))
                for document in stored
                if document["status"] != RETRACTED_STATUS
            ),
            key=lambda row: row[:2],
        )

    def refused(self) -> list[dict[str, Any]]:
        """Return the documents of refused entries, by their place in the topic."""
        found = self.fake.stored("blood-pressure-rejected").values()
        return sorted(found, key=lambda document: (document["source_offset"], document.get("source_entry") or 0))


_VALUES = ("systolic", "diastolic", "heart_rate")


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def instant(iso: str) -> int:
    """Return microseconds since the epoch."""
    return round(datetime.fromisoformat(iso).timestamp()) * 1_000_000
