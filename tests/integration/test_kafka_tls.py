"""Kafka as compose.tls.yaml sets it up: TLS with our authority, and each client with its own password.

The broker is the embedded one's program with the properties that the container's start script would write. Here it
listens on free ports of this machine instead of the name kafka.
"""

from __future__ import annotations

import subprocess
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from conf.errors import UserError
from conf.ports import free_port, is_listening
from conf.settings import Settings, load_settings
from deploy import certificates
from deploy.kafka_rights import grant
from deploy.secrets import CONSUMERS, all_names, hand_out, make_missing
from embedded.java import find_java
from embedded.paths import kafka_jars
from jobs.streaming.source import security_options
from producer.sender import client_security
from producer.topic import create_topic
from tests.unit.deploy.compose import VARIANTS, environment_of, load

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

HEAP = ("-Xms256m", "-Xmx256m")
READY_TIMEOUT_S = 180
PORTS = ("29093", "19092", "19093", "9093")
TOPIC = "tls"
PATIENCE_S = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make secrets and certificates as `secrets` and `certificates` hand them out."""
    folder = tmp_path_factory.mktemp("kafka-tls")
    make_missing(folder / "all", all_names())
    for name in {*CONSUMERS, *certificates.SERVERS}:
        (folder / "give" / name).mkdir(parents=True)
    (folder / "ca").mkdir()
    hand_out(folder / "all", folder / "give")
    places = {"secrets": folder / "all", "hand_out": folder / "give", "authority": folder / "ca"}
    certificates.run(Namespace(directory=folder / "certificates", site_names="", kafka_names="", **places))
    return folder


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Choose a free port for each that the container has."""
    return {port: free_port() for port in PORTS}


def properties(folder: Path, ports: dict[str, int]) -> str:
    """Return what the image's start script makes of its environment: KAFKA_SSL_CLIENT_AUTH becomes ssl.client.auth."""
    told = environment_of(load(*VARIANTS["tls"])["services"]["kafka"])
    given = folder / "give" / "kafka"
    password = (given / told.pop("KAFKA_SSL_KEYSTORE_CREDENTIALS")).read_text()
    names = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): value
        for key, value in told.items()
        if key.startswith("KAFKA_") and key not in ("KAFKA_OPTS", "KAFKA_HEAP_OPTS", "KAFKA_SSL_KEY_CREDENTIALS")
    }
    names["ssl.keystore.location"] = str(given / names.pop("ssl.keystore.filename"))
    names |= {"ssl.keystore.password": password, "ssl.key.password": password, "log.dirs": str(folder / "data")}
    text = "".join(f"{key}={value}\n" for key, value in names.items()).replace("://kafka:", "://localhost:")
    for port in PORTS:
        text = text.replace(f":{port}", f":{ports[port]}")
    return text.replace("://:", "://localhost:")


@pytest.fixture(scope="module")
def broker(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    file, told = folder / "server.properties", environment_of(load(*VARIANTS["tls"])["services"]["kafka"])
    file.write_text(properties(folder, ports))
    file.chmod(0o600)
    logins = told["KAFKA_OPTS"].replace("/etc/kafka/secrets", str(folder / "give" / "kafka"))
    java = [str(find_java()), *HEAP, logins, "-cp", f"{kafka_jars()}/*"]
    tool = [*java, "kafka.tools.StorageTool", "format", "-t", told["CLUSTER_ID"], "-c", str(file)]
    subprocess.run(tool, check=True, capture_output=True, timeout=READY_TIMEOUT_S, cwd=folder)
    with (folder / "kafka.log").open("wb") as log:
        process = subprocess.Popen([*java, "kafka.Kafka", str(file)], stdout=log, stderr=log, cwd=folder)
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while not is_listening(ports["9093"]) and process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.2)
    yield
    process.terminate()
    process.wait(timeout=READY_TIMEOUT_S)


def settings_of(service: str, folder: Path, ports: dict[str, int], **changes: str) -> Settings:
    """Return the settings of a service of the TLS variant, for the broker here."""
    told = environment_of(load(*VARIANTS["tls"])["services"][service])
    secrets = folder / "all" if service == "setup" else folder / "give" / service
    told = {
        key: value.replace("/secrets/", f"{secrets}/").replace("/ca/", f"{folder}/ca/") for key, value in told.items()
    }
    told = {key: value for key, value in told.items() if "KAFKA" in key}
    told |= {"BP_KAFKA_BOOTSTRAP_SERVERS": f"localhost:{ports['19093']}", "BP_KAFKA_TOPIC": TOPIC, **changes}
    return load_settings(told, folder / "no.env")


def make_topic(settings: Settings, topic: str = TOPIC) -> bool:
    return create_topic(settings.kafka_bootstrap_servers, topic, 1, 1, client_security(settings))


@pytest.fixture(scope="module")
def prepared(request: pytest.FixtureRequest, folder: Path, ports: dict[str, int]) -> None:
    """Make the topic and give the rights, as set-up does at each start."""
    request.getfixturevalue("broker")
    setup = settings_of("setup", folder, ports)
    assert make_topic(setup)
    grant(setup)
    grant(setup)


def sent_by(service: str, folder: Path, ports: dict[str, int], topic: str = TOPIC, **changes: str) -> bool:
    """Tell whether Kafka takes a message of a service."""
    settings = settings_of(service, folder, ports, **{"BP_KAFKA_TOPIC": topic, **changes})
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, **client_security(settings))
    try:
        producer.send(topic, b"{}").get(PATIENCE_S)
    except KafkaError:
        return False
    finally:
        producer.close(timeout=PATIENCE_S)
    return True


def read_by(service: str, folder: Path, ports: dict[str, int]) -> bool:
    """Tell whether a service gets a message."""
    settings = settings_of(service, folder, ports)
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, **client_security(settings))
    place = TopicPartition(TOPIC, 0)
    consumer.assign([place])
    consumer.seek_to_beginning()
    try:
        return bool(consumer.poll(PATIENCE_S * 1000))
    except KafkaError:
        return False
    finally:
        consumer.close()


@pytest.mark.usefixtures("prepared")
def test_set_up_producer_and_stream_each_sign_in_and_see_the_same_messages(
    folder: Path, ports: dict[str, int], spark: SparkSession
) -> None:
    assert sent_by("producer", folder, ports)
    stream = settings_of("stream", folder, ports)
    options = {
        "kafka.bootstrap.servers": stream.kafka_bootstrap_servers,
        "subscribe": TOPIC,
        **security_options(stream),
    }
    assert [bytes(row.value) for row in spark.read.format("kafka").options(**options).load().collect()] == [b"{}"]


@pytest.mark.usefixtures("prepared")
def test_each_account_may_do_its_own_and_nothing_else(folder: Path, ports: dict[str, int]) -> None:
    may_write = [name for name in ("producer", "canary", "stream", "alerts") if sent_by(name, folder, ports)]
    assert may_write == ["producer", "canary"]
    may_read = [name for name in ("producer", "canary", "stream", "alerts") if read_by(name, folder, ports)]
    assert may_read == ["stream", "alerts"]
    for name in ("producer", "canary", "stream"):
        with pytest.raises(UserError, match="cannot be created"):
            make_topic(settings_of(name, folder, ports), "another")
    assert make_topic(settings_of("alerts", folder, ports), "nurses")
    assert sent_by("alerts", folder, ports, "nurses")
    with pytest.raises(UserError, match="does not take the rights"):
        grant(settings_of("producer", folder, ports))


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    "changes",
    [
        {"BP_KAFKA_PASSWORD": "a password of nobody, long as it is"},
        {"BP_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
    ],
    ids=["wrong password", "in clear"],
)
def test_nobody_else_gets_in(folder: Path, ports: dict[str, int], changes: dict[str, str]) -> None:
    with pytest.raises(UserError):
        make_topic(settings_of("setup", folder, ports, **changes))


@pytest.mark.usefixtures("prepared")
def test_senders_outside_get_the_address_that_is_for_them(folder: Path, ports: dict[str, int]) -> None:
    assert sent_by("producer", folder, ports, BP_KAFKA_BOOTSTRAP_SERVERS=f"localhost:{ports['9093']}")
