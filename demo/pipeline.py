"""Bring the parts up in order, watch them, and take them down again."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from conf.cli import duration_us
from conf.errors import UserError
from conf.settings import METRICS_FILE, Settings
from conf.times import SECOND_US
from demo import monitor, site
from demo.display import step
from demo.figures import (
    ALERTS_SUCCESS,
    OPEN_ALERTS,
    STREAM_SUCCESS,
    Figures,
    count_levels,
    read_metrics,
    read_step,
    read_trouble,
    to_figures,
)
from demo.lock import note_part
from demo.processes import PROJECT_ROOT, Child, early_end, require_running, start_child, stop_children, wait_for_end
from deploy.first_model import TRAINING
from elastic.client import connect
from elastic.names import ALERTS, LATEST
from embedded import services
from embedded.services import NodeName, local_ports
from ml.registry.bundles import current_version

PARTITIONS = 2
REFRESH_S = 1.0
ASK_TIMEOUT_S = 2.0
# Together below 10 s. The stream takes up to 6 s to finish its micro-batch, for which it needs the services; those are
# told to end 4 s later than the parts, and are killed 5 s after that.
PATIENCE_S = 8.0
HEAD_START_S = 4.0
MONITOR_WAITS_S = 20.0  # after the past has gone by: time for the last micro-batch, and for the first look at the site
SUBMIT = str(PROJECT_ROOT / "spark-submit.sh")


@dataclass
class Demo:
    """What is up at the moment, so that it can be taken down whatever happens."""

    options: Namespace
    settings: Settings
    console: Console
    lock_fd: int
    children: list[Child] = field(default_factory=list)
    jobs: list[Child] = field(default_factory=list)  # those that end by themselves

    @property
    def log_dir(self) -> Path:
        """Return the folder where each part writes its output."""
        return self.settings.local_dir / "logs"

    @property
    def metrics_file(self) -> Path:
        """Return the file in which the stream tells of itself."""
        return self.settings.local_dir / METRICS_FILE

    def start(
        self,
        name: str,
        *command: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        is_lasting: bool = True,
    ) -> Child:
        """Start one part with the addresses of the running services, and what it alone must be told.

        A part that ends by itself ends the demo, unless it is not lasting.
        """
        told = {
            **os.environ,
            "BP_KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "BP_ELASTICSEARCH_URL": self.settings.elasticsearch_url,
            **environment,
        }
        child = start_child(name, command, self.log_dir, told, self.lock_fd)
        (self.children if is_lasting else self.jobs).append(child)
        note_part(self.lock_fd, child.process.pid)
        return child


def bring_up(demo: Demo) -> None:
    """Start services, alerts, site, first model, stream, producer: each step visible, each only when it is needed."""
    demo.settings = site.choose_address(demo.settings, demo.options.web_port)
    with step(demo.console, "Kafka and Elasticsearch") as report:
        demo.settings = start_services(demo.settings, _ports(demo), report)
    own_site = {"BP_WEB_PORT": str(demo.settings.web_port)}  # which it asks whether it lives
    demo.start("alerts", sys.executable, "-m", "alerts", environment=own_site)
    with step(demo.console, f"Site at {site.address(demo.settings)}"):
        passwords = _start_site(demo)
    for line in site.greeting(demo.settings, passwords):
        demo.console.print(line, markup=False)
    if current_version(demo.settings.model_dir) is None:
        with step(demo.console, "First model (simulated patients, a minute or two)") as report:
            _train(demo, report)
    demo.metrics_file.unlink(missing_ok=True)  # the figures of an earlier run
    demo.start("stream", SUBMIT, "stream")
    options = demo.options
    arguments = [f"--{name}={getattr(options, name)}" for name in ("patients", "interval", "speed", "history", "seed")]
    demo.start("producer", sys.executable, "-m", "producer", *arguments)
    demo.start("canary", sys.executable, "-m", "producer.canary")


def start_services(settings: Settings, ports: Mapping[NodeName, int], report: Callable[[str], None]) -> Settings:
    """Start the embedded services among `ports` (0 = any free port); return the settings with their addresses."""
    if not ports:
        return settings
    options = services.Options(
        local_dir=settings.local_dir,
        kafka_port=ports.get("kafka", 0),
        elasticsearch_port=ports.get("elasticsearch", 0),
        only=next(iter(ports)) if len(ports) == 1 else None,
        topic=settings.kafka_topic,
        partitions=PARTITIONS,
    )
    found = asdict(services.start(options, report=report))
    return settings.model_copy(update={name: address for name, address in found.items() if address})


def _start_site(demo: Demo) -> Mapping[str, str]:
    """Start the site; return the passwords of users that were made for it."""
    settings, environment = site.with_secrets(demo.settings)
    passwords = site.add_first_users(settings, datetime.now(UTC))
    port = settings.web_port
    child = demo.start("site", sys.executable, "-m", "webapp", environment={**environment, "BP_WEB_PORT": str(port)})
    site.wait_until_ready(child, port)
    return passwords


def _ports(demo: Demo) -> dict[NodeName, int]:
    chosen: dict[NodeName, int | None] = {
        "kafka": demo.options.kafka_port,
        "elasticsearch": demo.options.elasticsearch_port,
    }
    usual = local_ports(demo.settings)
    return {name: port if (asked := chosen[name]) is None else asked for name, port in usual.items()}


def _start_monitor(demo: Demo) -> Child:
    """Start the job on one core and with less right to it than the stream, whose work comes first."""
    command = ("nice", SUBMIT, "monitor", "--days", str(monitor.DAYS))
    return demo.start("monitor", *command, environment={"BP_SPARK_MASTER": "local[1]"}, is_lasting=False)


def _train(demo: Demo, report: Callable[[str], None]) -> None:
    child = demo.start("retrain", SUBMIT, *TRAINING)
    began_s = time.monotonic()
    while child.process.poll() is None:
        doing = read_step(child.log) or "starting Spark"
        report(f"{time.monotonic() - began_s:.0f} s, {doing}")  # a narrow terminal cuts the end, and time must go by
        time.sleep(REFRESH_S)
    if child.process.returncode != 0:
        raise early_end(child)
    demo.children.remove(child)
    if current_version(demo.settings.model_dir) is None:
        raise UserError(f"The first model did not pass its checks, see {demo.log_dir / 'retrain.log'}. Train another.")


def watch(demo: Demo, ends_after_s: float | None) -> Iterator[tuple[Figures, float]]:
    """Show the figures until the time is over; yield each with the seconds since the start."""
    began_s, figures = time.monotonic(), Figures()
    monitoring = monitor.Monitor(lambda: _start_monitor(demo), due_s=past_takes_s(demo.options) + MONITOR_WAITS_S)
    client = connect(demo.settings).options(request_timeout=ASK_TIMEOUT_S)
    while ends_after_s is None or time.monotonic() - began_s < ends_after_s:
        require_running(demo.children)
        patients, alerts = (
            count_levels(client, LATEST, "alert_level"),
            count_levels(client, ALERTS, "level", OPEN_ALERTS),
        )
        figures = to_figures(
            read_metrics(demo.metrics_file),
            figures.patients_by_level if patients is None else patients,
            figures.alerts_by_level if alerts is None else alerts,
            trouble_of(demo.log_dir) or monitoring.trouble,
        )
        elapsed_s = time.monotonic() - began_s
        monitoring.step(figures, elapsed_s)
        yield figures, elapsed_s
        time.sleep(REFRESH_S)


def trouble_of(log_dir: Path) -> str | None:
    """Return what the stream, or else the alert service, complains of at the moment."""
    stream, alerts = log_dir / "stream.log", log_dir / "alerts.log"
    return read_trouble(stream, STREAM_SUCCESS) or read_trouble(alerts, ALERTS_SUCCESS)


def past_takes_s(options: Namespace) -> float:
    """Return how long the past takes to go by, in seconds."""
    return duration_us(options.history) / SECOND_US / options.speed if options.speed > 1 else 0.0


def take_down(demo: Demo) -> None:
    """Stop every part and the services within 10 s; further signals do not interrupt it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    stopping = threading.Thread(target=stop_children, args=([*demo.children, *demo.jobs], PATIENCE_S))
    stopping.start()
    wait_for_end([*demo.children, *demo.jobs], HEAD_START_S)
    if local_ports(demo.settings):
        services.stop(demo.settings.local_dir)
    stopping.join()
