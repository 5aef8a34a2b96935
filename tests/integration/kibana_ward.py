"""A ward for the dashboards: what the real pipeline, monitor, alert service and site have written, and who looks."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from elasticsearch import ApiError, Elasticsearch
from pyspark.sql import SparkSession

from alerts.answering import Acknowledgement, Person, acknowledge, give_feedback
from alerts.model import AnswerReason
from alerts.rules import RULES_FILE
from elastic.client import Search
from elastic.names import ALERT_EVENTS, ALL_INDICES, LATEST
from elastic.search.alerts import open_of_patients
from embedded.services import Addresses
from jobs.monitor import monitor
from jobs.wards import load
from ml import drift
from ml.trained_range import TrainedRange
from producer.faults import USUAL_FAULTS
from producer.forms import USUAL_FORMS
from producer.position import Identity
from producer.run import Options, Run
from producer.sender import Sender
from tests.integration.pipeline import (
    Document,
    Pipeline,
    build_settings,
    delete_documents,
    environment,
    publish_model,
)
from tests.support.bundles import drift_reference
from tests.support.factories import observation, payload
from tests.support.kibana_queries import DataQuery
from tests.support.lens import Row, emptiness, table

SIMULATED = 24
FRAGILE = 12  # patients who meet a crisis every few hours, so that the monitor can judge calibration
INTERVAL = timedelta(minutes=30)
OFTENER = TrainedRange(10, 15.0, 15.0, 4.0, 0.0)  # than anybody here measures: the model was trained on others
SLICE = timedelta(hours=4, minutes=15)
SLICES = 8
SILENT = timedelta(minutes=70)  # nobody has measured since then, so that data lost after a high risk raise an alert
BATCH = 320  # messages of a micro-batch: about a slice, and each patient is scored once in it
EVEN_AT = 160.0  # mmHg
IN_CRISIS = "fragile-0"  # at the end
CRISIS = 186  # mmHg
AHEAD = timedelta(hours=3)  # of a clock: such a crisis asks for attention
SEED = 7
DAYS = 3
SECOND_US = 1_000_000
PAUSE = timedelta(minutes=30)
ANSWERED = 8  # patients, those at the highest risk
QUICK = {"index.refresh_interval": "50ms"}


class Ward(NamedTuple):
    """What was written, and when somebody looks at the dashboards."""

    client: Elasticsearch
    now: datetime

    def ask(self, query: DataQuery) -> list[Row]:
        """Return the table of a panel."""
        return table(query.columns, dict(self.client.search(index=query.index, body=query.body)))

    def faults(self, query: DataQuery) -> list[str]:
        """Return what a panel lacks; a request that Elasticsearch refuses is a fault too."""
        try:
            return emptiness(query.columns, self.ask(query))
        except ApiError as error:
            return [str(error)]

    def latest(self) -> list[Document]:
        """Return the newest prediction of every patient, the highest risk first."""
        found = self.client.search(index=LATEST, size=SIMULATED + FRAGILE, sort=[{"critical_risk_6h": "desc"}])
        return [hit["_source"] for hit in found["hits"]["hits"]]


def open_ward(services: Addresses, spark: SparkSession, folder: Path) -> Ward:
    """Send histories with forms and faults and a late reading, run monitor and alert service, and answer alerts."""
    rules = impatient_rules(folder / "alerts.yaml")
    pipeline = Pipeline(build_settings(services, folder, max_offsets_per_trigger=BATCH, alert_rules=rules), spark)
    delete_documents(pipeline.client)
    files = {"drift.json": drift_reference()}
    publish_model(pipeline.settings.model_dir, even_at=EVEN_AT, files=files, trained=OFTENER)
    send_histories(pipeline, datetime.now(UTC) - SILENT)
    pipeline.drain()
    refresh(pipeline)
    send_late(pipeline, Ward(pipeline.client, datetime.now(UTC)).latest()[-1])
    pipeline.drain()
    found = Ward(pipeline.client, datetime.now(UTC))
    with patch.object(drift, "LEAST_PATIENTS", SIMULATED):  # an index of drift asks for more patients than are here
        monitor(spark, pipeline.settings, days=DAYS, now=found.now)
    found.client.indices.create(index=ALERT_EVENTS, settings=QUICK)  # each answer waits until it can be seen
    register = [{"patient_id": patient["patient_id"], "ward": f"{n % 3}"} for n, patient in enumerate(found.latest())]
    load(Search(found.client), register, found.now)
    keep_alerts(pipeline)
    answer_alerts(found)
    keep_alerts(pipeline)
    refresh(pipeline)
    return found


def impatient_rules(file: Path) -> Path:
    """Write rules by which an alert is overdue at once, as it would be in a ward that nobody looks at."""
    file.write_text(re.sub(r"CRITICAL: 5\b", "CRITICAL: 0.001", RULES_FILE.read_text(encoding="utf-8")))
    return file


def keep_alerts(pipeline: Pipeline) -> None:
    """Let the alert service come up to what is stored."""
    refresh(pipeline)
    command = [sys.executable, "-m", "alerts", "--once"]
    subprocess.run(command, env={**os.environ, **environment(pipeline.settings)}, check=True)


def refresh(pipeline: Pipeline) -> None:
    pipeline.client.indices.refresh(index=ALL_INDICES)


def send_histories(pipeline: Pipeline, until: datetime) -> None:
    """Send slice by slice what the producer sends and what the fragile patients measure, and a crisis of the future."""
    chance = random.Random(SEED)  # noqa: S311 - a simulation
    for number in reversed(range(SLICES)):
        end = until - number * SLICE
        pipeline.send_all(fragile(end, chance))
        produce(pipeline, end)
    ahead = message(IN_CRISIS, datetime.now(UTC) + AHEAD, CRISIS)
    pipeline.send_all([message(IN_CRISIS, until, CRISIS), ahead])


def produce(pipeline: Pipeline, until: datetime) -> None:
    """Send what the producer sends by then, going on from the last slice."""
    interval_us, slice_us = (round(span.total_seconds() * SECOND_US) for span in (INTERVAL, SLICE))
    until_us = round(until.timestamp() * SECOND_US)
    topic = pipeline.settings.kafka_topic
    identity = Identity(SEED, SIMULATED, interval_us, 4.0, topic, dict(USUAL_FORMS), dict(USUAL_FAULTS))
    options = Options(identity, slice_us, speed=1.0, limit_s=0.0)
    run = Run(options, Sender(pipeline.settings), pipeline.settings.local_dir, lambda: until_us, threading.Event())
    run.loop()
    run.finish()


def fragile(end: datetime, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Return a slice of readings up to `end`."""
    for number in reversed(range(1, SLICE // INTERVAL + 1)):
        for patient in range(FRAGILE):
            yield message(f"fragile-{patient}", end - number * INTERVAL, round(chance.gauss(165, 15)))


def message(patient_id: str, at: datetime, systolic: int) -> tuple[str, bytes]:
    own = {"subject": {"reference": f"Patient/{patient_id}"}, "effectiveDateTime": at.isoformat()}
    reading = observation(systolic=systolic, diastolic=92, id=f"{patient_id}-{at:%d%H%M}")
    return patient_id, payload(reading | own)


def send_late(pipeline: Pipeline, newest: Document) -> None:
    """Send a high reading of a patient at low risk that comes after a later one was scored."""
    at = datetime.fromisoformat(newest["@timestamp"]) - timedelta(minutes=7)
    pipeline.send_all([message(newest["patient_id"], at, CRISIS)])


def answer_alerts(ward: Ward) -> None:
    """Answer the alerts of patients in danger, for different reasons; call every second one useless."""
    search, person = Search(ward.client), Person("anne", "clinician")
    useful, reasons = cycle((True, False)), cycle(AnswerReason)
    in_danger = [prediction["patient_id"] for prediction in ward.latest()[:ANSWERED]]
    for alerts in open_of_patients(search, [IN_CRISIS, *in_danger]).values():
        ids = [alert["alert_id"] for alert in alerts]
        acknowledge(search, ids, Acknowledgement(next(reasons), "", PAUSE), person, ward.now)
        for id_ in ids:
            give_feedback(search, [id_], next(useful), person, ward.now)
