"""Start, stop and ask the embedded Kafka and Elasticsearch of one local directory.

All three may be called again at any time: what runs is reused, what was killed is started again on its data.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from conf.errors import UserError
from conf.files import one_at_a_time
from conf.ports import choose_port
from conf.settings import Settings
from embedded.elasticsearch_node import ElasticsearchNode
from embedded.java import find_java
from embedded.kafka_broker import KafkaBroker
from embedded.node import Node, last_complaint, processes_of, require_unlocked
from embedded.paths import LOCK_FILE, Ports, log_file, make_local_dir, read_ports, require_space, write_ports
from embedded.process import mark_of, terminate
from embedded.realm import refuse_change, remember_accounts
from producer.topic import create_topic

START_TIMEOUT_S = 180.0
POLL_S = 0.25
PROGRESS_EVERY_S = 5.0

Report = Callable[[str], None]
NodeName = Literal["kafka", "elasticsearch"]
LOOPBACK = ("127.0.0.1", "localhost")
DEFAULT_PORTS: dict[NodeName, int] = {"kafka": 9092, "elasticsearch": 9200}


def _silent(line: str) -> None:
    """Say nothing of a progress line."""


@dataclass(frozen=True)
class Options:
    """What to run and where. Port 0: any free port; `topic` is created when given; `only` leaves the other out.

    `elasticsearch_accounts` is a folder of secrets: Elasticsearch then has its security on, with those accounts.
    `java_options` are given to the JVMs of both servers.
    """

    local_dir: Path
    kafka_port: int = 9092
    elasticsearch_port: int = 9200
    kafka_heap: str = "512m"
    elasticsearch_heap: str = "1g"
    only: NodeName | None = None
    topic: str | None = None
    partitions: int = 2
    elasticsearch_accounts: Path | None = None
    java_options: tuple[str, ...] = ()

    def port(self, name: str) -> int:
        """Return the requested port of the node `name`."""
        return self.kafka_port if name == "kafka" else self.elasticsearch_port

    def jvm(self, name: str) -> tuple[str, ...]:
        """Return the Java options of the node `name`: its heap, and what is asked for beside it."""
        heap = self.kafka_heap if name == "kafka" else self.elasticsearch_heap
        return f"-Xms{heap}", f"-Xmx{heap}", *self.java_options


@dataclass(frozen=True)
class Addresses:
    """Where clients find the nodes; None for one that was left out."""

    kafka_bootstrap_servers: str | None
    elasticsearch_url: str | None


@dataclass(frozen=True)
class NodeStatus:
    """What is known of one node; no address means that it was not started."""

    title: str
    address: str | None
    processes: tuple[int, ...]
    healthy: bool

    def __str__(self) -> str:
        """Return one line for people."""
        if self.healthy:
            return f"{self.title}: healthy on {self.address} (process {', '.join(map(str, self.processes))})"
        return f"{self.title}: {'runs but does not answer' if self.processes else 'not running'}"


def local_ports(settings: Settings) -> dict[NodeName, int]:
    """Return the ports of those nodes whose address in the settings is on this machine."""
    addresses: dict[NodeName, str] = {
        "kafka": f"//{settings.kafka_bootstrap_servers.split(',')[0]}",
        "elasticsearch": settings.elasticsearch_url,
    }
    parts = {name: urlsplit(address) for name, address in addresses.items()}
    return {name: part.port or DEFAULT_PORTS[name] for name, part in parts.items() if part.hostname in LOOPBACK}


def start(options: Options, report: Report = _silent) -> Addresses:
    """Start what does not run yet, wait until all of it answers, and create the topic.

    When one of them fails, everything that this call started is ended again. Raises `UserError` for all that people
    can mend: Java, ports, disk, jars, locks, a server that dies.
    """
    local_dir = make_local_dir(options.local_dir)
    with one_at_a_time(local_dir / LOCK_FILE):
        nodes = _nodes(local_dir, options.only)
        started = [node for node in nodes if not processes_of(node)]
        _settle_accounts(nodes, started, local_dir, options.elasticsearch_accounts)
        try:
            ports = _launch_missing(nodes, started, local_dir, options, report)
            _wait_until_healthy(nodes, ports, local_dir, report)
            addresses = {node.name: node.address(ports[node.name]) for node in nodes}
            if options.topic and "kafka" in addresses:
                create_topic(addresses["kafka"], options.topic, options.partitions)
        except BaseException:
            terminate([mark_of(node.home) for node in started])
            raise
    return Addresses(addresses.get("kafka"), addresses.get("elasticsearch"))


def stop(local_dir: Path, *, only: NodeName | None = None, clean: bool = False, report: Report = _silent) -> None:
    """End the nodes and forget their ports; data stays.

    `clean` also removes the files of an Elasticsearch that had to be kept outside of `local_dir`.
    """
    local_dir = make_local_dir(local_dir)
    with one_at_a_time(local_dir / LOCK_FILE):
        nodes = _nodes(local_dir, only)
        running = [node for node in nodes if processes_of(node)]
        terminate([mark_of(node.home) for node in running])
        names = {node.name for node in nodes}
        write_ports(local_dir, {name: port for name, port in read_ports(local_dir).items() if name not in names})
        for node in nodes:
            report(f"{node.title}: {'stopped' if node in running else 'was not running'}")
            if clean and not node.home.is_relative_to(local_dir):
                shutil.rmtree(node.home, ignore_errors=True)


def status(local_dir: Path, *, only: NodeName | None = None) -> list[NodeStatus]:
    """Ask each node with a real request."""
    local_dir = local_dir.resolve()
    ports = read_ports(local_dir)
    found = []
    for node in _nodes(local_dir, only) if local_dir.exists() else []:
        processes, port = tuple(processes_of(node)), ports.get(node.name)
        address = None if port is None else node.address(port)
        is_healthy = bool(processes) and port is not None and node.is_healthy(port)
        found.append(NodeStatus(node.title, address, processes, is_healthy))
    return found


def _nodes(local_dir: Path, only: NodeName | None) -> list[Node]:
    # Elasticsearch first: it takes longer, and Kafka's storage is formatted while it starts
    nodes: list[Node] = [ElasticsearchNode.of(local_dir), KafkaBroker(local_dir)]
    return [node for node in nodes if only in (None, node.name)]


def _settle_accounts(nodes: list[Node], missing: list[Node], local_dir: Path, accounts: Path | None) -> None:
    """Note the accounts of an Elasticsearch that is about to start; one that runs must have them already."""
    for node in nodes:
        if isinstance(node, ElasticsearchNode):
            settle = remember_accounts if node in missing else refuse_change
            settle(local_dir, accounts)


def _launch_missing(nodes: list[Node], missing: list[Node], local_dir: Path, options: Options, report: Report) -> Ports:
    """Check everything first, so that nothing is started when one of the two cannot be; return the port of each."""
    known = read_ports(local_dir)
    ports = {node.name: _port(node, options, known, running=node not in missing) for node in nodes}
    if missing:
        java = find_java()
        for node in missing:
            require_unlocked(node)
            require_space(node.home.parent)
        write_ports(local_dir, {**known, **ports})
        for node in missing:
            why = "" if node.home.is_relative_to(local_dir) else f" (its user cannot reach {local_dir})"
            report(f"{node.title}: starting on {node.address(ports[node.name])}, files in {node.home}{why}")
            node.start(java, ports[node.name], options.jvm(node.name))
    return ports


def _port(node: Node, options: Options, known: Mapping[str, int], *, running: bool) -> int:
    requested, remembered = options.port(node.name), known.get(node.name)
    if not running:
        return choose_port(requested, remembered, title=node.title, option=f"--{node.name}-port")
    if remembered is not None and requested in (0, remembered):
        return remembered
    where = f"on port {remembered}" if remembered else "on a port that has been forgotten"
    raise UserError(f"{node.title} of this directory already runs {where}. Stop it first: python -m embedded stop.")


def _wait_until_healthy(nodes: list[Node], ports: Ports, local_dir: Path, report: Report) -> None:
    waiting, began_s = list(nodes), time.monotonic()
    next_report_s = PROGRESS_EVERY_S
    while waiting:
        elapsed_s = time.monotonic() - began_s
        for node in list(waiting):
            _require_alive(node, local_dir, elapsed_s)
            if node.is_healthy(ports[node.name]):
                report(f"{node.title}: ready on {node.address(ports[node.name])} after {elapsed_s:.1f} s")
                waiting.remove(node)
        if waiting and elapsed_s >= next_report_s:
            report(f"{' and '.join(node.title for node in waiting)}: not ready yet after {elapsed_s:.0f} s")
            next_report_s += PROGRESS_EVERY_S
        time.sleep(POLL_S if waiting else 0)


def _require_alive(node: Node, local_dir: Path, elapsed_s: float) -> None:
    log = log_file(local_dir, node.name)
    if not processes_of(node):
        raise UserError(f"{node.title} ended while starting: {last_complaint(log)} (log: {log}).")
    if elapsed_s > START_TIMEOUT_S:
        raise UserError(f"{node.title} does not answer after {START_TIMEOUT_S:.0f} s. Look into its log: {log}.")
