from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from embedded.services import Addresses, Options, start, stop
from fhir.parse.effective_time import parse_instant
from producer.feed import Feed, patient_id
from producer.position import load_position
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Simulation
from producer.topic import create_topic
from tests.conftest import KAFKA_HEAP, QUICK_COMPILER

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PATIENTS = 12
TIMEOUT_S = 60
LIVE_READINGS_S = 2  # enough for a dozen readings to become due while nobody takes them
ARGUMENTS = (
    *("--patients", str(PATIENTS), "--interval", "1m", "--history", "3h", "--seed", "4"),
    *("--forms", "components=1"),  # one message a reading
)

Reading = tuple[str, int, float]


@dataclass(frozen=True)
class Station:
    """A producer with a topic and a local directory of its own."""

    bootstrap: str
    local_dir: Path
    topic: str = field(default_factory=lambda: f"producer-{uuid.uuid4().hex}")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BP_")},
            "BP_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "BP_KAFKA_TOPIC": self.topic,
            "BP_LOCAL_DIR": str(self.local_dir),
        }
        command = [sys.executable, "-m", "producer", *ARGUMENTS, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Return exit code and log of a run that ends by itself."""
        with self.start(*arguments) as process:
            _, log = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, log

    def received(self) -> list[Reading]:
        """Return (patient, time, shown systolic) of every message, in the order of the partitions; each can be read."""
        readings = []
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, consumer_timeout_ms=10_000)
        partitions = [TopicPartition(self.topic, number) for number in consumer.partitions_for_topic(self.topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        expected = sum(consumer.end_offsets(partitions).values())
        for record in consumer:
            reading = shown_by(record.value)
            assert record.key.decode() == reading[0]
            assert reading[1] <= record.timestamp * 1000
            readings.append(reading)
            if len(readings) == expected:
                break
        consumer.close()
        return readings

    def expected(self) -> list[Reading]:
        """Return what the simulation holds from its first tick up to the stored position."""
        position = load_position(self.local_dir)
        assert position is not None
        plan = Plan(position.identity.seed, position.epoch_us, position.identity.interval_us)
        feed, readings = Feed(Simulation(draw_patients(PATIENTS, plan.seed), plan), plan.epoch_us), []
        while (due := feed.next(position.sent_before_us)) is not None:
            rows = zip(due.patient.tolist(), due.effective_us.tolist(), due.systolic.tolist(), strict=True)
            readings += [(patient_id(plan.seed, index), time, float(systolic)) for index, time, systolic in rows]
        return readings


def shown_by(payload: bytes) -> Reading:
    """Return patient, time and systolic of a plain message, an artefact's impossible values too."""
    observation = json.loads(payload)
    time_us = parse_instant(observation["effectiveDateTime"]).us
    systolic = observation["component"][0]["valueQuantity"]["value"]
    return observation["subject"]["reference"].removeprefix("Patient/"), time_us, float(systolic)


@pytest.fixture
def station(services: Addresses, tmp_path: Path) -> Station:
    assert services.kafka_bootstrap_servers is not None
    made = Station(services.kafka_bootstrap_servers, tmp_path)
    create_topic(made.bootstrap, made.topic, partitions=2)
    return made


def test_history_arrives_complete_and_once(station: Station) -> None:
    code, log = station.run("--limit-seconds", "0")
    assert code == 0, log
    received = station.received()
    assert len(received) > 0.7 * PATIENTS * 180
    assert sorted(received) == sorted(station.expected())


def test_a_second_start_goes_on_without_gap_or_repetition(station: Station) -> None:
    """1. A run. 2. Another with the same arguments. 3. Together they are one uninterrupted stream."""
    assert station.run("--limit-seconds", "0")[0] == 0
    first = len(station.received())
    code, log = station.run("--limit-seconds", "6")
    assert code == 0, log
    assert "where the last run ended" in log
    assert len(station.received()) > first
    assert sorted(station.received()) == sorted(station.expected())


def test_a_stop_request_in_the_middle_ends_cleanly_and_the_rest_follows(station: Station) -> None:
    """1. Stop a fast run as soon as it has begun. 2. It exits 0. 3. The next run adds exactly what is missing."""
    with station.start("--speed", "1000000") as process:
        assert process.stderr is not None
        assert "Starting afresh" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, log
    assert " 0 failed" in log
    assert station.run("--speed", "1000000", "--limit-seconds", "0")[0] == 0
    assert sorted(station.received()) == sorted(station.expected())


def test_other_arguments_begin_a_new_stream_and_say_so(station: Station) -> None:
    assert station.run("--limit-seconds", "0")[0] == 0
    code, log = station.run("--limit-seconds", "0", "--seed", "5")
    assert code == 0, log
    assert "belongs to other arguments" in log


def test_a_broker_that_dies_loses_no_reading(tmp_path: Path) -> None:
    """1. The broker goes in mid-stream. 2. A stop then reports the failure. 3. With the broker back all arrives."""
    options = Options(
        tmp_path / "kafka", kafka_port=0, kafka_heap=KAFKA_HEAP, only="kafka", java_options=(QUICK_COMPILER,)
    )
    live = ("--interval", "1s", "--history", "1h")
    try:
        bootstrap = start(options).kafka_bootstrap_servers or ""
        station = Station(bootstrap, tmp_path / "producer")
        create_topic(bootstrap, station.topic, partitions=2)
        with station.start(*live) as process:
            assert process.stderr is not None
            assert any("(live)" in line for line in process.stderr)
            stop(options.local_dir)
            time.sleep(LIVE_READINGS_S)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 1
        assert "were not acknowledged by Kafka" in log
        start(replace(options, kafka_port=int(bootstrap.rpartition(":")[2])))
        assert station.run(*live, "--limit-seconds", "0")[0] == 0
        assert set(station.received()) == set(station.expected())
    finally:
        stop(options.local_dir)


def test_a_second_producer_on_one_directory_is_refused_in_one_sentence(station: Station) -> None:
    with station.start("--speed", "2") as first:
        assert first.stderr is not None
        assert "Starting afresh" in first.stderr.readline()
        code, log = station.run("--limit-seconds", "0")
        first.send_signal(signal.SIGTERM)
        assert first.wait(TIMEOUT_S) == 0
    assert code == 1
    assert log.startswith(f"error: A producer already runs on {station.local_dir} (process {first.pid}).")
    assert log.count("\n") == 1


def test_a_set_rate_is_held_as_an_open_loop_and_reported(station: Station, tmp_path: Path) -> None:
    """60 s of history a second at this rate: it lasts for the whole of the run."""
    code, log = station.run(
        "--rate", "200", "--history", "12h", "--limit-seconds", "5", "--report", str(tmp_path / "r")
    )
    assert code == 0, log
    report = json.loads((tmp_path / "r").read_text())
    assert report["sent"]["messages"] == len(station.received())
    assert report["pace"]["asked"] == 200
    assert report["pace"]["reached"] == pytest.approx(200, rel=0.1)


def test_a_missing_topic_is_named_in_one_sentence(services: Addresses, tmp_path: Path) -> None:
    station = Station(services.kafka_bootstrap_servers or "", tmp_path)
    code, log = station.run("--limit-seconds", "0")
    assert code == 1
    assert log.startswith(f"error: The topic {station.topic} cannot be used")
    assert log.count("\n") == 1


def test_without_kafka_one_sentence_says_so(tmp_path: Path) -> None:
    code, log = Station("127.0.0.1:1", tmp_path).run("--limit-seconds", "0")
    assert code == 1
    assert log.startswith("error: No Kafka at 127.0.0.1:1")
    assert log.count("\n") == 1
