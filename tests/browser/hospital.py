"""What the pages show: simulated patients of the producer and a few of known course, through the real stream."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from pyspark.sql import SparkSession

from elastic.client import Search
from elastic.names import ALL_INDICES
from embedded.services import Addresses
from jobs.monitor import monitor
from jobs.wards import load
from producer.faults import USUAL_FAULTS
from producer.forms import USUAL_FORMS
from producer.position import Identity
from producer.run import Options, Run
from producer.sender import Sender
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model
from tests.support.bundles import drift_reference
from tests.support.factories import observation, payload

INTERVAL = timedelta(minutes=15)
HISTORY = timedelta(hours=30)
PATIENTS = 24
SCREENSHOTS = os.environ.get("BP_TEST_SCREENSHOTS") == "1"
BATCH = 75 if SCREENSHOTS else 480  # messages of a micro-batch: the smaller, the more predictions of the past
EVEN_AT = 166.0  # mmHg
SEED = 4
BEHIND = timedelta(minutes=13)  # how much of the simulation is left to be sent while somebody looks at the board
SLICE = timedelta(minutes=30 if SCREENSHOTS else 60)
SECOND_US = 1_000_000


@dataclass(frozen=True)
class Course:
    """A patient of known course: the pressures begin, end and go straight between them."""

    id: str
    begin: tuple[int, int]
    end: tuple[int, int]
    readings: int = 80
    silent: timedelta = timedelta(minutes=1)

    def messages(self, now: datetime) -> Iterator[tuple[datetime, str, bytes]]:
        """Yield the readings as (time, key, message)."""
        newest = (now - self.silent).replace(microsecond=0)
        for number in range(self.readings):
            share = number / max(1, self.readings - 1)
            systolic, diastolic = (
                round(begin + share * (end - begin)) for begin, end in zip(self.begin, self.end, strict=True)
            )
            at = newest - (self.readings - 1 - number) * INTERVAL
            yield at, self.id, message(self.id, at, systolic, diastolic)


RISING = Course("P-0412", (138, 84), (176, 101))
RISING_TOO = Course("P-0415", (141, 82), (174, 98))
CALM = Course("P-0077", (124, 78), (122, 76))
SILENT = Course("P-0301", (150, 92), (172, 99), silent=timedelta(minutes=52))
WAITING = Course("P-0900", (131, 80), (133, 82), readings=3)
COURSES = (RISING, RISING_TOO, CALM, SILENT, WAITING)


def message(patient_id: str, at: datetime, systolic: int, diastolic: int) -> bytes:
    """Return a reading of a cuff as a FHIR Observation."""
    subject = {"reference": f"Patient/{patient_id}"}
    reading = observation(systolic=systolic, diastolic=diastolic, heart_rate=60 + systolic // 10)
    return payload(
        reading | {"subject": subject, "effectiveDateTime": at.isoformat(), "id": f"{patient_id}-{at:%d%H%M%S}"}
    )


class Hospital:
    """The pipeline with its patients; `simulate` and `measure` send, and return once the stream has written."""

    def __init__(self, services: Addresses, spark: SparkSession, folder: Path) -> None:
        self.settings = build_settings(services, folder, min_readings=10, max_offsets_per_trigger=BATCH)
        self.pipeline = Pipeline(self.settings, spark)
        publish_model(self.settings.model_dir, even_at=EVEN_AT, files={"drift.json": drift_reference()})
        delete_documents(self.pipeline.client)

    @cached_property
    def opened_at(self) -> datetime:
        """Return when the patients came."""
        return datetime.now(UTC)

    def open(self) -> None:
        """Send the histories of all patients, hour by hour, and let the monitor judge the model."""
        courses = sorted(message for course in COURSES for message in course.messages(self.opened_at))
        ends = [self.opened_at - BEHIND - hours * SLICE for hours in reversed(range(HISTORY // SLICE))]
        for begin, end in pairwise([datetime.min.replace(tzinfo=UTC), *ends, self.opened_at]):
            self.pipeline.send_all((key, sent) for at, key, sent in courses if begin < at <= end)
            if end != self.opened_at:
                self._produce(end)
        self.pipeline.drain()
        register = [
            {"patient_id": course.id, "ward": "AB"[place % 2], "bed": f"{place + 1}"}
            for place, course in enumerate(COURSES)
        ]
        load(Search(self.pipeline.client), register, self.opened_at)
        monitor(self.pipeline.spark, self.settings, days=3, now=self.opened_at)

    def simulate(self, until: datetime) -> None:
        """Let the producer send the readings up to then; it goes on where it ended before."""
        self._produce(until)
        self.pipeline.drain()

    def _produce(self, until: datetime) -> None:
        now_us = round(until.timestamp() * SECOND_US)
        interval_us, history_us = (round(span.total_seconds() * SECOND_US) for span in (INTERVAL, HISTORY))
        identity = Identity(
            SEED, PATIENTS, interval_us, 2.0, self.settings.kafka_topic, dict(USUAL_FORMS), dict(USUAL_FAULTS)
        )
        options = Options(identity, history_us, speed=1.0, limit_s=0.0)
        run = Run(options, Sender(self.settings), self.settings.local_dir, lambda: now_us, threading.Event())
        run.loop()
        run.finish()

    def measure(self, patient_id: str, systolic: int, diastolic: int) -> None:
        """Take one more reading now; searches see it on return."""
        self.pipeline.send(message(patient_id, datetime.now(UTC), systolic, diastolic), key=patient_id)
        self.pipeline.drain()
        self.pipeline.client.indices.refresh(index=ALL_INDICES)
