"""From the device to the eye: ``python -m benchmarks.latency [--rate N] [--seconds S] [--screens N] [--crises N]``.

Starts a Kafka and Elasticsearch of its own, the stream, the alert service, the canary and the site as users do. Quiet
patients send at a steady rate and now and then somebody in a crisis, while screens poll the board as a browser does.
Prints for each stage when the crises had come through it, counted from Kafka's time of their message.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from confluent_kafka import Message, Producer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.board_watch import Watch
from benchmarks.own_services import cpu_seconds, own_services, running
from benchmarks.site import serving, sign_in
from benchmarks.throughput import publish_full_size_model
from benchmarks.topic import observation
from conf import cli
from conf.errors import UserError
from conf.ports import free_port
from conf.retry import wait_until
from conf.settings import METRICS_FILE, Settings
from demo.figures import read_metrics
from elastic.client import Search, connect
from elastic.names import ALERT_EVENTS, OBSERVATIONS, PREDICTIONS
from elastic.schema import create_standing_indices, put_templates
from elastic.search.queries import all_of, term, terms
from embedded.services import Addresses
from producer.topic import create_topic

TOPIC: Final = "latency"
PARTITIONS: Final = 2
HEAP: Final = "1g"
INTERVAL_S: Final = 900  # each patient measures every quarter of an hour
QUIET: Final = (115, 70, 70)  # systolic, diastolic (mmHg), heart rate
TICK_S: Final = 0.05
START_S: Final = 180.0
LAST_S: Final = 20.0  # after the last crisis: time to come through
CAME_THROUGH: Final = 0.97  # of what was sent: with less, the pipeline did not keep up and the times mean little
STAGES: Final = ("read by the stream", "can be searched", "scored", "alert written", "on the board")
console = Console(width=120)

Samples = dict[str, list[float]]


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.latency", __doc__)
    parser.add_argument("--rate", type=int, default=1_111, help="readings a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="of measuring (%(default)s)")
    parser.add_argument(
        "--warm-up",
        type=float,
        default=300,
        metavar="S",
        help="before it (%(default)s): until then the compilers of two JVMs take half a core",
    )
    parser.add_argument("--screens", type=int, default=10, help="that poll the board (%(default)s)")
    parser.add_argument("--crises", type=int, default=60, help="that are sent meanwhile, evenly (%(default)s)")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Start everything, send, watch, and print."""
    with own_services(elasticsearch_heap=HEAP) as (folder, addresses), ExitStack() as parts:
        settings = latency_settings(folder, addresses)
        prepare(settings)
        service = parts.enter_context(running(["alerts"], settings))
        parts.enter_context(running(["producer.canary"], settings))
        parts.enter_context(running(["deploy.submit", "stream"], settings))
        parts.enter_context(serving(settings))
        feed = Feed(settings, options.rate)
        parts.enter_context(feed.flowing())
        wait_for_stream(settings)
        search, began_s = Search(connect(settings)), time.monotonic()
        watch = Watch(search, settings.web_port, sign_in(settings, options.screens))
        parts.enter_context(watch.looking())
        time.sleep(options.warm_up)
        used_s = cpu_seconds(service.pid)
        send_crises(feed, watch, options)
        used = (cpu_seconds(service.pid) - used_s) / (time.monotonic() - began_s - options.warm_up)
        report(samples(search, watch), watch, used)
        require_kept_up(search, feed)


def latency_settings(folder: Path, addresses: Addresses) -> Settings:
    """Return settings under which each reading is scored, as after a patient's first hours."""
    own: dict[str, Any] = {name: folder / name for name in ("local_dir", "data_dir", "model_dir", "checkpoint_dir")}
    own |= {name: str(getattr(addresses, name)) for name in ("kafka_bootstrap_servers", "elasticsearch_url")}
    return Settings(kafka_topic=TOPIC, min_readings=1, web_port=free_port(), secret_key=SecretStr("k" * 48), **own)


def prepare(settings: Settings) -> None:
    """Make the topic, a model of real size, templates and indices."""
    create_topic(settings.kafka_bootstrap_servers, TOPIC, PARTITIONS)
    publish_full_size_model(settings.model_dir)
    put_templates(connect(settings))
    create_standing_indices(connect(settings))


def wait_for_stream(settings: Settings) -> None:
    """Wait until both queries have worked off a micro-batch; raise `UserError` if they do not."""

    def is_at_work() -> bool:
        queries = read_metrics(settings.local_dir / METRICS_FILE).get("queries", {})
        return bool(queries) and all(query["batches"] for query in queries.values())

    if not wait_until(is_at_work, START_S, every_s=0.5):
        raise UserError(f"The stream did not begin within {START_S:g} s. Look into its log in {settings.local_dir}.")


class Feed:
    """Readings of quiet patients at a steady rate, in a thread of its own, and of others on demand."""

    def __init__(self, settings: Settings, rate: int) -> None:
        servers = settings.kafka_bootstrap_servers
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 5, "log_level": 0})
        self._rate = rate
        self._ended = threading.Event()
        self._number = count(1)
        self.sent = 0

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Send while the context lasts."""
        thread = threading.Thread(target=self._flow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self._producer.flush(10)

    def send(
        self, patient_id: str, values: tuple[int, int, int], on_sent: Callable[[float], None] | None = None
    ) -> None:
        """Send a reading of this moment; `on_sent` is told Kafka's time of the message in seconds since the epoch."""

        def delivered(_error: object, message: Message) -> None:
            if on_sent:
                on_sent(message.timestamp()[1] / 1000)

        number = next(self._number)
        value = observation(patient_id, f"o-{number}", datetime.now(UTC), values)
        self._producer.produce(TOPIC, value, patient_id.encode(), on_delivery=delivered)
        self.sent += 1

    def _flow(self) -> None:
        """Send patient after patient, catching up on what a slow moment has left behind."""
        began_s, patients = time.monotonic(), self._rate * INTERVAL_S
        for number in count():
            while number >= (time.monotonic() - began_s) * self._rate:
                self._producer.poll(0)
                if self._ended.wait(TICK_S):
                    return
            self.send(f"p{number % patients:07d}", QUIET)


def send_crises(feed: Feed, watch: Watch, options: argparse.Namespace) -> None:
    """Send crises at moments that have nothing to do with those of the stream and the screens."""
    chance = random.Random(1)  # noqa: S311 - of a measurement
    pause_s = options.seconds / options.crises
    for number in range(options.crises):
        time.sleep(pause_s * chance.uniform(0.5, 1.5))
        patient_id = f"crisis-{number:04d}"
        feed.send(patient_id, (190 + number % 40, 112, 88), watch.expect(patient_id))
    time.sleep(LAST_S)


def samples(search: Search, watch: Watch) -> Samples:
    """Return for each stage the seconds from the sending of each crisis until it had come through."""
    sent = {id_: datetime.fromtimestamp(at_s, UTC) for id_, at_s in watch.sent_at_s.items()}
    found: Samples = {stage: [] for stage in STAGES}
    written = (
        ("read by the stream", OBSERVATIONS, "ingested_at"),
        ("scored", PREDICTIONS, "scored_at"),
        ("alert written", ALERT_EVENTS, "written_at"),
    )
    for stage, index, field in written:
        raised = (term("event", "raised"), term("kind", "measured")) if index == ALERT_EVENTS else ()
        body = {"size": len(sent), "query": all_of(terms("patient_id", sent), *raised)}
        for document in search.page(index, body).documents:
            passed = datetime.fromisoformat(document[field]) - sent[document["patient_id"]]
            found[stage].append(passed / timedelta(seconds=1))
    found["can be searched"] = [at_s - watch.sent_at_s[id_] for id_, at_s in watch.searchable_at_s.items()]
    found["on the board"] = [at_s - watch.sent_at_s[id_] for (id_, _), at_s in watch.shown_at_s.items()]
    return found


def report(found: Samples, watch: Watch, used: float) -> None:
    """Print the percentiles of each stage, and what the alert service took."""
    table = Table("", "seen", "p50, s", "p95, s", "largest, s", title="from the sending of a crisis until it was")
    for stage, seconds in found.items():
        if len(seconds) > 1:
            cuts = quantiles(seconds, n=20)
            table.add_row(stage, f"{len(seconds)}", f"{cuts[9]:.2f}", f"{cuts[18]:.2f}", f"{max(seconds):.2f}")
        else:
            table.add_row(stage, f"{len(seconds)}", "-", "-", "-")
    console.print(table)
    due = len(watch.sent_at_s) * watch.screens
    console.print(f"{len(watch.sent_at_s)} crises on {watch.screens} screens: {len(watch.shown_at_s)} of {due} seen")
    console.print(f"the alert service used {used:.1%} of a core")


def require_kept_up(search: Search, feed: Feed) -> None:
    """Raise `UserError` if the stream has fallen behind, since the times would then be those of a queue."""
    stored = search.count(OBSERVATIONS, {"match_all": {}})
    console.print(f"{feed.sent:,} readings sent, {stored:,} stored")
    if stored < CAME_THROUGH * feed.sent:
        raise UserError("The stream has fallen behind, so these are times of a queue. Try a lower --rate.")


if __name__ == "__main__":
    sys.exit(main())
