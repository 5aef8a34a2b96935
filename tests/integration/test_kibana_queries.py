"""Every panel and control of the dashboards has something to show of what the real pipeline, monitor and site wrote.

The strongest proof of the dashboards without a Kibana: their layers, translated to what Kibana would ask (see
`tests.kibana_queries`), run on the real Elasticsearch. How a browser draws the answers is not proved.
"""

from __future__ import annotations

import json
import random
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import NamedTuple

import numpy as np
import pytest
from elasticsearch import ApiError, Elasticsearch
from pyspark.sql import SparkSession

from embedded.services import Addresses
from jobs.indices import LATEST, OBSERVATIONS
from jobs.monitor import monitor
from kibana.importer import SAVED_OBJECTS
from ml import drift
from ml.features import FEATURE_NAMES
from producer.faults import USUAL_FAULTS
from producer.forms import USUAL_FORMS
from producer.position import Identity
from producer.run import Options, Run
from producer.sender import Sender
from tests.factories import observation, payload
from tests.integration.pipeline import Document, Pipeline, build_settings, delete_documents, publish_model
from tests.kibana_queries import DataQuery, queries, read_objects
from tests.lens import Row, emptiness, table
from webapp import answering
from webapp.alerts import Reason
from webapp.answering import Acknowledgement, NoOpenAlert, Person
from webapp.search.alert_events import ALERT_EVENTS
from webapp.search.client import Search

pytestmark = pytest.mark.integration

SIMULATED = 24
FRAGILE = 12  # patients who meet a crisis every few hours, so that the monitor can judge calibration
INTERVAL = timedelta(minutes=30)
SLICE = timedelta(hours=4, minutes=15)
SLICES = 8
SILENT = timedelta(minutes=70)  # nobody has measured since then, so that data lost after a high risk raise an alert
BATCH = 320  # messages of a micro-batch: about a slice, and each patient is scored once in it
EVEN_AT = 160.0  # mmHg
IN_CRISIS = "fragile-0"  # at the end
CRISIS = 186  # mmHg
SEED = 7
DAYS = 3
SECOND_US = 1_000_000
PAUSE = timedelta(minutes=30)
ANSWERED = 8  # patients, those at the highest risk
QUICK = {"index.refresh_interval": "50ms"}

TEXT = SAVED_OBJECTS.read_text(encoding="utf-8")


def of_names(text: str, now: datetime) -> dict[str, DataQuery]:
    """The requests of all panels and controls by name."""
    return {one.name: one for one in queries(read_objects(text), now)}


KINDS = ("dashboard", "index-pattern")
EXISTS = {"exists": {"field": "systolic"}}
NAMES = list(of_names(TEXT, datetime.now(UTC)))


def plain(name: str) -> str:
    """Without accents, which pytest shows as numbers."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


class Ward(NamedTuple):
    """What was written, and when somebody looks at the dashboards."""

    client: Elasticsearch
    now: datetime

    def ask(self, query: DataQuery) -> list[Row]:
        """The table of a panel."""
        return table(query.columns, dict(self.client.search(index=query.index, body=query.body)))

    def faults(self, query: DataQuery) -> list[str]:
        """What a panel lacks; a request that Elasticsearch refuses is a fault too."""
        try:
            return emptiness(query.columns, self.ask(query))
        except ApiError as error:
            return [str(error)]

    def all_faults(self, text: str) -> dict[str, list[str]]:
        """The faults of all panels of saved objects, by name, of those that have some."""
        found = {name: self.faults(query) for name, query in of_names(text, self.now).items()}
        return {name: faults for name, faults in found.items() if faults}

    def latest(self) -> list[Document]:
        """The newest prediction of every patient, the highest risk first."""
        found = self.client.search(index=LATEST, size=SIMULATED + FRAGILE, sort=[{"critical_risk_6h": "desc"}])
        return [hit["_source"] for hit in found["hits"]["hits"]]


@pytest.fixture(scope="module")
def ward(services: Addresses, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """1. Histories with forms and faults. 2. A late reading. 3. The monitor. 4. Answers to the alerts."""
    folder = tmp_path_factory.mktemp("kibana")
    pipeline = Pipeline(build_settings(services, folder, max_offsets_per_trigger=BATCH), spark)
    delete_documents(pipeline.client)
    publish_model(pipeline.settings.model_dir, even_at=EVEN_AT, files={"drift.json": drift_reference()})
    send_histories(pipeline, datetime.now(UTC) - SILENT)
    pipeline.drain()
    refresh(pipeline)
    send_late(pipeline, Ward(pipeline.client, datetime.now(UTC)).latest()[-1])
    pipeline.drain()
    found = Ward(pipeline.client, datetime.now(UTC))
    monitor(spark, pipeline.settings, days=DAYS, now=found.now)
    refresh(pipeline)
    answer_alerts(found)
    refresh(pipeline)
    return found


def refresh(pipeline: Pipeline) -> None:
    pipeline.client.indices.refresh(index="blood-pressure-*")


def send_histories(pipeline: Pipeline, until: datetime) -> None:
    """Slice by slice what the producer sends and what the fragile patients measure."""
    chance = random.Random(SEED)  # noqa: S311 - a simulation
    for number in reversed(range(SLICES)):
        end = until - number * SLICE
        pipeline.send_all(fragile(end, chance))
        produce(pipeline, end)
    pipeline.send_all([message(IN_CRISIS, until, CRISIS)])


def produce(pipeline: Pipeline, until: datetime) -> None:
    """What the producer sends by then, going on from the last slice."""
    interval_us, slice_us = (round(span.total_seconds() * SECOND_US) for span in (INTERVAL, SLICE))
    until_us = round(until.timestamp() * SECOND_US)
    topic = pipeline.settings.kafka_topic
    identity = Identity(SEED, SIMULATED, interval_us, 4.0, topic, dict(USUAL_FORMS), dict(USUAL_FAULTS))
    options = Options(identity, slice_us, speed=1.0, limit_s=0.0)
    run = Run(options, Sender(pipeline.settings), pipeline.settings.local_dir, lambda: until_us, threading.Event())
    run.loop()
    run.finish()


def fragile(end: datetime, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """A slice of readings up to `end`."""
    for number in reversed(range(1, SLICE // INTERVAL + 1)):
        for patient in range(FRAGILE):
            yield message(f"fragile-{patient}", end - number * INTERVAL, round(chance.gauss(165, 15)))


def message(patient_id: str, at: datetime, systolic: int) -> tuple[str, bytes]:
    own = {"subject": {"reference": f"Patient/{patient_id}"}, "effectiveDateTime": at.isoformat()}
    reading = observation(systolic=systolic, diastolic=92, id=f"{patient_id}-{at:%d%H%M}")
    return patient_id, payload(reading | own)


def send_late(pipeline: Pipeline, newest: Document) -> None:
    """A high reading of a patient at low risk that comes after a later one was scored."""
    at = datetime.fromisoformat(newest["@timestamp"]) - timedelta(minutes=7)
    pipeline.send_all([message(newest["patient_id"], at, CRISIS)])


def answer_alerts(ward: Ward) -> None:
    """Somebody answers the alerts of patients in danger, for different reasons; every second one was useless."""
    ward.client.indices.create(index=ALERT_EVENTS, settings=QUICK)  # each answer waits until it can be seen
    search, person = Search(ward.client), Person("anne", "clinician")
    useful, reasons = cycle((True, False)), cycle(Reason)
    in_danger = [one["patient_id"] for one in ward.latest()[:ANSWERED]]
    for patient_id in dict.fromkeys([IN_CRISIS, *in_danger]):
        given = Acknowledgement(next(reasons), "", PAUSE)
        with suppress(NoOpenAlert):
            for one in answering.acknowledge_all(search, patient_id, given, person, ward.now, INTERVAL):
                answering.give_feedback(search, one.winner["alert_id"], next(useful), person, ward.now)


def drift_reference() -> bytes:
    rows = np.random.default_rng(1).normal(135, 15, (500, len(FEATURE_NAMES))).astype(np.float32)
    return json.dumps(drift.to_json(drift.make_reference(rows))).encode()


@pytest.mark.parametrize("name", NAMES, ids=plain)
def test_a_panel_or_control_has_something_to_show(ward: Ward, name: str) -> None:
    assert ward.faults(of_names(TEXT, ward.now)[name]) == []


def test_every_dashboard_and_every_data_view_is_asked_for(ward: Ward) -> None:
    found = of_names(TEXT, ward.now).values()
    titles = {kind: {one["attributes"]["title"] for one in read_objects(TEXT) if one["type"] == kind} for kind in KINDS}
    assert {one.name.partition(":")[0] for one in found} == titles["dashboard"]
    assert {one.index for one in found} == titles["index-pattern"]
    assert len(found) == len(list(queries(read_objects(TEXT), ward.now)))


def test_a_table_shows_the_figures_of_the_documents(ward: Ward) -> None:
    """What the translation counts and finds is what a plain computation on all documents finds."""
    latest, asked = ward.latest(), of_names(TEXT, ward.now)
    (counted,) = ward.ask(asked["Vue du service: Patients suivis (1)"])
    assert list(counted.values()) == [len(latest)]
    levels = ward.ask(asked["Vue du service: Patients par niveau (1)"])
    of_levels = Counter(one["alert_level"] for one in latest)
    assert sorted(list(row.values())[-1] for row in levels) == sorted(of_levels.values())
    (newest,) = ward.ask(asked["Patient: Systolique (1)"])
    found = ward.client.search(index=OBSERVATIONS, size=1, sort=[{"@timestamp": "desc"}], query=EXISTS)
    assert list(newest.values()) == [found["hits"]["hits"][0]["_source"]["systolic"]]


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("critical_risk_6h", "critical_risk_7h", "Patient: Risque à 6 h (1)"),
        ("CRITICAL", "CRITIQUE", "Prédictions et alertes: Patients à risque critique (1)"),
        ("blood-pressure-rejected", "blood-pressure-refused", "Santé de la chaîne: Motifs de refus (1)"),
        ("patient_id", "patient", "Vue du service: Patient (control)"),
        ("now-24h", "now-1s", "Vue du service: Mesures (1)"),
    ],
)
def test_what_finds_nothing_is_reported(ward: Ward, right: str, wrong: str, expected: str) -> None:
    """Defects planted in the saved objects: a field, a value, an index, the field of a control, the time shown."""
    assert expected in ward.all_faults(TEXT.replace(right, wrong))
