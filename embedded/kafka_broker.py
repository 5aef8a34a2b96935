"""One Kafka broker in KRaft mode, which is its own controller."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from conf.errors import UserError
from conf.ports import HOST, free_port, is_listening
from embedded.paths import kafka_jars, log_file
from embedded.process import SHORT_LIVED, launch, mark_of
from producer.topic import MAX_MESSAGE_BYTES

RETENTION_HOURS = 720
REQUEST_TIMEOUT_MS = 5000
FORMAT_TIMEOUT_S = 60

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs={data}
log.retention.hours={retention_hours}
message.max.bytes={max_message_bytes}
replica.fetch.max.bytes={max_message_bytes}
socket.request.max.bytes=104857600
auto.create.topics.enable=false
num.partitions=2
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""

LOG4J2_PROPERTIES = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c{1})%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
"""


@dataclass(frozen=True)
class KafkaBroker:
    """The broker whose files are in ``<local_dir>/kafka``."""

    local_dir: Path
    name: str = "kafka"
    title: str = "Kafka"

    @property
    def home(self) -> Path:
        """Return the directory with its configuration and data."""
        return self.local_dir / "kafka"

    @property
    def data(self) -> Path:
        """Return the directory with the logs of the partitions."""
        return self.home / "data"

    @property
    def lock(self) -> Path:
        """Return the file that the broker locks while it uses its data."""
        return self.data / ".lock"

    def start(self, java: Path, port: int, jvm: Sequence[str]) -> None:
        """Write the configuration, format the storage the first time, and start the broker."""
        jars = kafka_jars()
        self.home.mkdir(exist_ok=True)
        properties = self._write_configuration(port)
        run = [str(java), *jvm, "-XX:+ExitOnOutOfMemoryError", mark_of(self.home)]
        logging = f"-Dlog4j2.configurationFile={(self.home / 'log4j2.properties').as_uri()}"
        run += [logging, "-cp", f"{jars}/*"]
        if not (self.data / "meta.properties").exists():
            self._format(java, jars, properties)
        log = log_file(self.local_dir, self.name)
        command = [*run, "kafka.Kafka", str(properties)]
        launch(command, log=log, cwd=self.home, environment={}, account=None)

    def is_healthy(self, port: int) -> bool:
        """Tell whether the broker is a live member of its own cluster, by its own answer."""
        if not is_listening(port):
            return False
        try:
            client = KafkaAdminClient(bootstrap_servers=self.address(port), bootstrap_timeout_ms=REQUEST_TIMEOUT_MS)
            try:
                return bool(client.describe_cluster()["brokers"])
            finally:
                client.close()
        except KafkaError:
            return False

    def address(self, port: int) -> str:
        """Return the bootstrap server for clients."""
        return f"{HOST}:{port}"

    def _write_configuration(self, port: int) -> Path:
        (self.home / "log4j2.properties").write_text(LOG4J2_PROPERTIES, encoding="utf-8")
        properties = self.home / "server.properties"
        text = SERVER_PROPERTIES.format(
            host=HOST,
            port=port,
            controller_port=free_port(other_than=port),
            data=self.data,
            retention_hours=RETENTION_HOURS,
            max_message_bytes=MAX_MESSAGE_BYTES,
        )
        properties.write_text(text, encoding="utf-8")
        return properties

    def _format(self, java: Path, jars: Path, properties: Path) -> None:
        tool = [str(java), *SHORT_LIVED, "-cp", f"{jars}/*", "kafka.tools.StorageTool"]
        command = [*tool, "format", "--standalone", "--ignore-formatted", "-t", new_cluster_id(), "-c", str(properties)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, cwd=self.home)
        if answer.returncode != 0:
            reason = (answer.stderr or answer.stdout).strip().splitlines()[-1:]
            raise UserError(f"The storage of Kafka in {self.data} cannot be prepared: {' '.join(reason)}. Remove it.")


def new_cluster_id(number: int | None = None) -> str:
    """Return a random Kafka Uuid (or that of `number`) without a dash in front: the tool takes that for an option."""
    drawn = uuid.uuid4().int if number is None else number
    below_dash = drawn & ~(1 << 127)  # the first of the base64 letters is then one of A to f
    return base64.urlsafe_b64encode(below_dash.to_bytes(16, "big")).decode().rstrip("=")
