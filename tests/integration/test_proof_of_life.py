"""Each of the seven links is killed in turn: who is outside is told which one within a minute, and a screen says it.

Everything is real and started once: Kafka, Elasticsearch, the stream, the alert service, the site and the canary, each
a process of its own, and outside a receiver of webhooks.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml

from alerts.chain import Part
from alerts.channels.webhook import verify
from alerts.rules import RULES_FILE
from conf.ports import choose_port
from conf.retry import wait_until
from conf.settings import Settings
from elastic.client import connect
from elastic.names import ALERTS, LATEST
from embedded import services
from embedded.elasticsearch_node import ElasticsearchNode
from embedded.kafka_broker import KafkaBroker
from embedded.node import Node, processes_of
from tests.conftest import ELASTICSEARCH_HEAP, KAFKA_HEAP, QUICK_COMPILER
from tests.integration.job import PROJECT, Job
from tests.integration.pipeline import environment, publish_model
from tests.support.http_server import Answering, serving
from webapp.create_users import open_store
from webapp.security import accounts, sessions, totp
from webapp.store import users

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

CANARY_S, GRACE_S = 5, 7
WITHIN_S = 60.0  # somebody outside is told
BACK_S = 90.0  # until all is well again: a stream takes its time to start
SECRET = "w" * 48
Document = dict[str, Any]


@dataclass
class Outside:
    """What the receiver outside has taken: heartbeats, and messages about the canary, with when they came."""

    url: str = ""
    beats: list[tuple[float, Document]] = field(default_factory=list)
    canary: list[Document] = field(default_factory=list)
    alerts: list[Document] = field(default_factory=list)

    def paged(self) -> set[str]:
        """Return of which parts of the system, and patients, people were told."""
        return {it["subject"] for body in self.alerts for it in body["alerts"]}

    def tells(self, *dead: Part, since_s: float) -> bool:
        """Tell whether a heartbeat since then names these links as dead and no others; none: that all is well."""
        return any(at >= since_s and body["dead"] == list(dead) for at, body in self.beats)


@contextmanager
def outside() -> Iterator[Outside]:
    made = Outside()

    class Handler(Answering):
        def do_POST(self) -> None:  # noqa: N802 - the name that the server calls
            body = self.read()
            assert verify(SECRET.encode(), dict(self.headers), body, datetime.now(UTC))
            told = json.loads(body)
            if self.path == "/alive":
                made.beats.append((time.monotonic(), told))
            else:
                {"/canary": made.canary, "/pager": made.alerts}[self.path].append(told)
            self.send(204)

    with serving(Handler) as made.url:
        yield made


class House:
    """All parts of the system, each of which can be killed and started again."""

    def __init__(self, folder: Path, receiver: Outside, stack: ExitStack) -> None:
        self.receiver, self._folder, self._stack = receiver, folder, stack
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._nodes = services.Options(
            folder / "services",
            kafka_port=0,
            elasticsearch_port=0,
            kafka_heap=KAFKA_HEAP,
            elasticsearch_heap=ELASTICSEARCH_HEAP,
            topic="proof-of-life",
            java_options=(QUICK_COMPILER,),
        )
        stack.callback(services.stop, self._nodes.local_dir, clean=True)
        found = services.start(self._nodes)
        self.settings = Settings(
            kafka_bootstrap_servers=str(found.kafka_bootstrap_servers),
            kafka_topic="proof-of-life",
            elasticsearch_url=str(found.elasticsearch_url),
            trigger_seconds=0.5,
            canary_seconds=CANARY_S,
            local_dir=folder / "local",
            data_dir=folder / "data",
            model_dir=folder / "models",
            checkpoint_dir=folder / "checkpoints",
            alert_rules=_rules(folder, receiver),
            secret_key="s" * 48,
            webhook_hosts="127.0.0.1",
            webhook_secret=SECRET,
            web_port=choose_port(0, None, title="The site", option="--web-port"),
        )
        ports = (urlsplit(f"//{found.kafka_bootstrap_servers}").port, urlsplit(str(found.elasticsearch_url)).port)
        self._nodes = replace(self._nodes, kafka_port=int(ports[0] or 0), elasticsearch_port=int(ports[1] or 0))
        self.session = _signed_in(self.settings)
        publish_model(self.settings.model_dir)

    def start_stream(self) -> None:
        """Start the stream."""
        job = self._stack.enter_context(Job(self.settings).running())
        self._processes["stream"] = job.popen

    def start(self, name: str, module: str) -> None:
        """Start a part that is a process of ours."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=PROJECT,
                env={"PATH": os.environ["PATH"], **environment(self.settings), **_secrets(self.settings)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._stack.callback(self.kill, name)

    def kill(self, name: str) -> None:
        """Send ``kill -9`` to a part and all that belongs to it."""
        process = self._processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_node(self, node: Node) -> None:
        """Do the same to Kafka or Elasticsearch."""
        for pid in processes_of(node):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not processes_of(node), 10, 0.1)

    def start_nodes(self) -> None:
        """Start what was killed of Kafka and Elasticsearch on its port, with its data."""
        services.start(self._nodes)

    def page(self, path: str) -> str:
        """Return a page of the site, as words."""
        request = Request(
            f"http://127.0.0.1:{self.settings.web_port}{path}",
            headers={"Cookie": f"{sessions.LOOPBACK_COOKIE}={self.session}", "Accept": "text/html"},
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return " ".join(re.sub(r"<[^>]+>", " ", answer.read().decode()).split())

    def ready(self) -> Mapping[str, Document]:
        """Return what ``/readyz`` says of each link."""
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self.settings.web_port}/readyz", timeout=5) as answer:
            return {it["part"]: it for it in json.load(answer)["links"]}
        return {}

    def is_well(self, since_s: float) -> bool:
        """Tell whether a heartbeat since then says that every link is alive, by a sign since then."""
        return any(
            at >= since_s and all(it["state"] == "alive" and it["age_s"] <= at - since_s for it in body["links"])
            for at, body in self.receiver.beats
        )

    def wait_until_well(self) -> None:
        """Wait until outside is told that all is well again."""
        began_s = time.monotonic()
        assert wait_until(lambda: self.is_well(began_s), BACK_S, 0.2), self.receiver.beats[-1:]


def _rules(folder: Path, receiver: Outside) -> Path:
    """Write the usual rules with a heartbeat, somebody who is told of the canary, and somebody of the system."""
    rules = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    rules["system"]["link_seconds"] = GRACE_S
    pager = {"webhook": f"{receiver.url}/pager", "language": "en"}
    rules["notifications"] = {
        "time_zone": "Europe/Paris",
        "heartbeat": {"webhook": f"{receiver.url}/alive", "every_seconds": CANARY_S},
        "recipients": {"watch": {"webhook": f"{receiver.url}/canary", "canary": True}, "pager": pager},
        "routes": [{"chain": [{"after_minutes": 0, "tell": ["pager"]}]}],
        "group_minutes": 0,
    }
    file = folder / "alerts.yaml"
    file.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return file


def _secrets(settings: Settings) -> dict[str, str]:
    named = {"BP_SECRET_KEY": settings.secret_key, "BP_WEBHOOK_SECRET": settings.webhook_secret}
    return {name: secret.get_secret_value() for name, secret in named.items() if secret}


def _signed_in(settings: Settings) -> str:
    """Return the session of an administrator, whose second factor counts as set up."""
    store, now = open_store(settings), datetime.now(UTC)
    record = accounts.make_passwords(settings, 4).make_record("quatre lampes bleues dorment")
    users.add(store, name="admin", role="admin", language="en", password=record, secret_expires_at=None, now=now)
    admin = users.find(store, "admin")
    assert admin
    users.begin_totp(store, admin.id, totp.new_secret(accounts.make_seals(settings)))
    users.use_totp_step(store, admin.id, 1)
    return sessions.begin(store, admin, ip="127.0.0.1", agent="test", now=now)


@contextmanager
def scoring_stopped(house: House) -> Iterator[Callable[[], None]]:
    """Let the predictions find no place, as on a full disk; what is yielded says so again, for a disk that has room."""
    client = connect(house.settings)
    block = "index.blocks.read_only_allow_delete"

    def stop() -> None:
        client.indices.put_settings(index=LATEST, settings={block: True})

    stop()
    try:
        yield stop
    finally:
        client.indices.put_settings(index=LATEST, settings={block: None})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with outside() as receiver, ExitStack() as stack:
        made = House(tmp_path_factory.mktemp("house"), receiver, stack)
        made.start_stream()
        made.start("site", "webapp")
        made.start("alerts", "alerts")
        made.start("producer", "producer.canary")
        made.wait_until_well()
        yield made


def told(house: House, *dead: Part, since_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until outside is told that these links, and no others, are dead."""

    def is_told() -> bool:
        meanwhile()
        return house.receiver.tells(*dead, since_s=since_s)

    assert wait_until(is_told, WITHIN_S, 0.5), house.receiver.beats[-3:]


def shown(house: House, words: str) -> None:
    """Wait until the system page says so."""
    assert wait_until(lambda: words in house.page("/admin/system"), WITHIN_S, 0.5), house.page("/admin/system")


def test_each_link_that_dies_is_told_within_a_minute_and_shown(house: House) -> None:
    local_dir = house.settings.local_dir.parent / "services"

    began_s = time.monotonic()  # 1. the sender
    house.kill("producer")
    told(house, Part.PRODUCER, since_s=began_s)
    shown(house, "no sign of life of “Sender of the canary”")
    assert house.ready()["producer"]["state"] == "dead"
    assert wait_until(lambda: "link-producer" in house.receiver.paged(), WITHIN_S, 0.5), house.receiver.alerts
    house.start("producer", "producer.canary")
    house.wait_until_well()

    began_s = time.monotonic()  # 2. the scoring
    with scoring_stopped(house) as stop:
        told(house, Part.SCORING, since_s=began_s, meanwhile=stop)
        shown(house, "no sign of life of “Scoring”")
    house.wait_until_well()

    began_s = time.monotonic()  # 3. the site, whose pages are gone with it
    house.kill("site")
    told(house, Part.SITE, since_s=began_s)
    assert house.ready() == {}
    house.start("site", "webapp")
    house.wait_until_well()

    began_s = time.monotonic()  # 4. Kafka
    house.kill_node(KafkaBroker(local_dir))
    told(house, Part.KAFKA, since_s=began_s)
    shown(house, "no sign of life of “Kafka”")
    house.start_nodes()
    house.wait_until_well()

    began_s = time.monotonic()  # 5. Elasticsearch
    house.kill_node(ElasticsearchNode.of(local_dir))
    told(house, Part.ELASTICSEARCH, since_s=began_s)
    shown(house, "no sign of life of “Elasticsearch”")
    house.start_nodes()
    house.wait_until_well()

    began_s = time.monotonic()  # 6. the stream
    house.kill("stream")
    told(house, Part.STREAM, since_s=began_s)
    shown(house, "no sign of life of “Stream”")
    house.start_stream()
    house.wait_until_well()

    house.kill("alerts")  # 7. the alert service: nothing comes any more
    beats = len(house.receiver.beats)
    shown(house, "no sign of life of “Alert service”")
    assert len(house.receiver.beats) == beats
    house.start("alerts", "alerts")
    house.wait_until_well()


def test_each_round_of_the_canary_was_an_alert_of_its_own_that_ended(house: House) -> None:
    client = connect(house.settings)
    client.indices.refresh(index=ALERTS)
    query = {"bool": {"filter": [{"prefix": {"patient_id": "canary-"}}, {"term": {"kind": "measured"}}]}}
    found = [hit["_source"] for hit in client.search(index=ALERTS, query=query, size=500)["hits"]["hits"]]
    ended = [it for it in found if not it["is_open"]]
    assert len(ended) >= 10
    assert len(found) - len(ended) <= 1
    assert {it["answer"]["by"] for it in ended if "answer" in it} == {"canary"}
    keys = [it["alert"] for body in house.receiver.canary for it in body["alerts"]]
    assert len(set(keys)) >= len(ended) / 2
    assert "canary-1" not in json.dumps(house.receiver.canary)
    assert all(subject.startswith(("link-", "stream-")) for subject in house.receiver.paged())
