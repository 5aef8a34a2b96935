"""The embedded Kafka and Elasticsearch as people use them: the command line, real servers, real kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from conf.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, UserError
from embedded.java import find_java
from embedded.node import processes_of
from embedded.paths import PROJECT_ROOT, read_ports
from embedded.services import _nodes
from producer.topic import create_topic

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

TOPIC = "readings"
START = (
    "start",
    "--kafka-port",
    "0",
    "--elasticsearch-port",
    "0",
    "--kafka-heap",
    "384m",
    "--elasticsearch-heap",
    "768m",
)
STOP_LIMIT_S = 30.0  # usually below 8, but others may be at work beside it
JAVA_25 = Path("/usr/lib/jvm/temurin-25-jdk-amd64")
ABSURD_BYTES = 10 * 1024**2


@dataclass(frozen=True)
class Embedded:
    """The command line bound to one local directory."""

    local_dir: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "embedded", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "BP_LOCAL_DIR": str(self.local_dir), "BP_KAFKA_TOPIC": TOPIC}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)
        environment = self.environment
        return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT_ROOT, env=environment, timeout=200)

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{read_ports(self.local_dir)['kafka']}"

    def processes(self) -> list[int]:
        return [pid for node in _nodes(self.local_dir, None) for pid in processes_of(node)]

    def elasticsearch(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{read_ports(self.local_dir)['elasticsearch']}{path}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            content: dict[str, Any] = json.load(answer)
        return content


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Hand out a directory whose pair survives from test to test; each test starts it, which is quick when it runs."""
    embedded = Embedded(tmp_path_factory.mktemp("embedded"))
    yield embedded
    embedded.run("stop", "--clean")


@pytest.fixture
def running(shared: Embedded) -> Embedded:
    """Start the pair."""
    answer = shared.run(*START)
    assert answer.returncode == EXIT_OK, answer.stderr
    return shared


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Embedded]:
    """Hand out an empty directory; whatever was started in it is ended."""
    embedded = Embedded(tmp_path)
    yield embedded
    embedded.run("stop", "--clean")


def send(bootstrap_servers: str, value: bytes) -> None:
    """Write one record to partition 0 and wait for the broker's word."""
    with KafkaProducer(bootstrap_servers=bootstrap_servers, max_request_size=2 * ABSURD_BYTES) as producer:
        producer.send(TOPIC, value, partition=0).get(timeout=30)


def last_offset(bootstrap_servers: str) -> int:
    """End of partition 0."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        return int(consumer.end_offsets([TopicPartition(TOPIC, 0)])[TopicPartition(TOPIC, 0)])
    finally:
        consumer.close()


def test_start_prints_the_addresses_and_status_confirms_them(running: Embedded) -> None:
    started, status = running.run(*START), running.run("status")
    assert f"BP_KAFKA_BOOTSTRAP_SERVERS={running.bootstrap_servers}\n" in started.stdout
    assert status.returncode == EXIT_OK
    assert f"Kafka: healthy on {running.bootstrap_servers}" in status.stdout


def test_second_start_reuses_what_runs(running: Embedded) -> None:
    before = running.processes()
    assert running.run(*START).returncode == EXIT_OK
    assert running.processes() == before


def test_start_on_another_port_than_the_running_one_is_refused(running: Embedded) -> None:
    answer = running.run("start", "--kafka-port", "19091", "--elasticsearch-port", "0")
    assert answer.returncode == EXIT_FAILURE
    assert "already runs on port" in answer.stderr


def test_topic_of_the_settings_exists_and_creating_it_again_changes_nothing(running: Embedded) -> None:
    create_topic(running.bootstrap_servers, TOPIC, 7)
    client = KafkaAdminClient(bootstrap_servers=running.bootstrap_servers)
    (topic,) = client.describe_topics([TOPIC])
    client.close()
    assert len(topic["partitions"]) == 2


def test_absurdly_big_message_is_accepted(running: Embedded) -> None:
    before = last_offset(running.bootstrap_servers)
    send(running.bootstrap_servers, b"x" * ABSURD_BYTES)
    assert last_offset(running.bootstrap_servers) == before + 1


def test_elasticsearch_listens_on_the_loopback_address_only(running: Embedded) -> None:
    (node,) = running.elasticsearch("GET", "/_nodes/_local/http,transport")["nodes"].values()
    bound = [*node["http"]["bound_address"], *node["transport"]["bound_address"]]
    assert bound
    assert all(address.startswith("127.0.0.1:") for address in bound)


def test_killed_pair_starts_again_on_its_ports_with_its_data(running: Embedded) -> None:
    send(running.bootstrap_servers, b"before the kill")
    running.elasticsearch("PUT", "/notes/_doc/1", {"text": "before the kill"})
    ports, offset = read_ports(running.local_dir), last_offset(running.bootstrap_servers)
    for pid in running.processes():
        os.kill(pid, signal.SIGKILL)
    assert running.run("status").returncode == EXIT_FAILURE
    restarted = running.run(*START)
    assert restarted.returncode == EXIT_OK, restarted.stderr
    assert read_ports(running.local_dir) == ports
    assert last_offset(running.bootstrap_servers) == offset
    assert running.elasticsearch("GET", "/notes/_doc/1")["_source"] == {"text": "before the kill"}


def test_stop_is_quick_and_leaves_neither_process_nor_state(running: Embedded) -> None:
    began_s = time.monotonic()
    assert running.run("stop").returncode == EXIT_OK
    assert time.monotonic() - began_s < STOP_LIMIT_S
    assert running.processes() == []
    assert read_ports(running.local_dir) == {}


def test_stopped_pair_starts_again_with_its_data(running: Embedded) -> None:
    running.elasticsearch("PUT", "/notes/_doc/2?refresh=true", {"text": "before the stop"})
    assert running.run("stop").returncode == EXIT_OK
    assert running.run(*START).returncode == EXIT_OK
    assert running.elasticsearch("GET", "/notes/_doc/2")["_source"] == {"text": "before the stop"}


def test_two_pairs_run_side_by_side(running: Embedded, services: Any) -> None:
    assert services.kafka_bootstrap_servers != running.bootstrap_servers
    assert running.run("status").returncode == EXIT_OK
    assert running.elasticsearch("GET", "/_cluster/health")["number_of_nodes"] == 1


def test_server_that_dies_while_starting_says_why_and_takes_the_other_one_with_it(fresh: Embedded) -> None:
    answer = fresh.run(*START, "--kafka-heap", "1m")
    assert answer.returncode == EXIT_FAILURE
    assert "error: Kafka ended while starting: " in answer.stderr
    assert "heap" in answer.stderr
    assert f"log: {fresh.local_dir / 'logs' / 'kafka.log'}" in answer.stderr
    assert fresh.processes() == []


def test_interrupted_start_leaves_nothing_behind(fresh: Embedded) -> None:
    command = fresh.command(*START)
    with subprocess.Popen(  # a shell's background job would inherit an ignored SIGINT
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
        env=fresh.environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as start:
        assert start.stdout
        assert "starting" in start.stdout.readline()
        start.send_signal(signal.SIGINT)
        assert start.wait(timeout=60) == EXIT_INTERRUPTED
    assert fresh.processes() == []


@pytest.mark.skipif(not JAVA_25.exists(), reason="needs a Java 25 to refuse")
def test_real_java_of_a_wrong_version_is_named() -> None:
    with pytest.raises(UserError, match=f"only Java 25 in {JAVA_25}"):
        find_java({"JAVA_HOME": str(JAVA_25)}, places=())
