"""What the containers run, run without them: commands, environments and accounts of compose.yaml, security on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import EXIT_OK
from conf.ports import free_port
from elastic.names import ALERTS, LATEST, MODEL_MONITORING, OBSERVATIONS, PREDICTIONS
from producer.topic import create_topic
from tests.integration.containers import Containers, fill_secrets, image_environment
from tests.integration.pipeline import PARTITIONS, publish_model
from tests.integration.secured import Secured
from tests.support.fake_kibana import running as fake_kibana

pytestmark = pytest.mark.integration

PATIENTS = 12
PATIENCE_S = 120


@pytest.fixture(scope="module")
def containers(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Containers:
    """Return the services with a topic of their own, and a model as `first-model` leaves one."""
    volumes = tmp_path_factory.mktemp("volumes")
    fill_secrets(secured.secrets, volumes)
    publish_model(volumes / "models")
    secured.empty()
    topic = f"{secured.base.kafka_topic}-containers"
    create_topic(secured.base.kafka_bootstrap_servers, topic, PARTITIONS)
    addresses = {
        "kafka:19092": secured.base.kafka_bootstrap_servers,
        "http://elasticsearch:9200": secured.base.elasticsearch_url,
    }
    own = {"BP_KAFKA_TOPIC": topic, "DEMO_PATIENTS": str(PATIENTS)}
    return Containers(volumes, addresses, own)


@pytest.fixture(scope="module")
def streamed(containers: Containers, secured: Secured) -> str:
    """Return what the stream said when it had read all that the producer sent."""
    sent = containers.run("producer", "--limit-seconds", "1")
    assert sent.returncode == EXIT_OK, sent.stderr
    done = containers.run("stream", "--available-now")
    assert done.returncode == EXIT_OK, done.stderr
    secured.client().indices.refresh(index=[OBSERVATIONS, PREDICTIONS, LATEST])
    return done.stderr


def wait_for(holds: Callable[[], bool], said: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, said()
        time.sleep(0.1)


def test_the_image_tells_where_the_folders_are() -> None:
    assert {"BP_LOCAL_DIR", "BP_MODEL_DIR", "SPARK_LOCAL_DIRS", "TMPDIR"} <= set(image_environment())


def test_producer_and_stream_fill_the_indices(streamed: str, secured: Secured) -> None:
    client = secured.client()
    assert streamed
    assert client.count(index=LATEST)["count"] == PATIENTS
    assert client.count(index=OBSERVATIONS)["count"] > client.count(index=PREDICTIONS)["count"] >= PATIENTS


def test_the_streams_health_check_reads_what_the_stream_has_left(streamed: str, containers: Containers) -> None:
    assert streamed
    assert containers.check("stream").returncode == EXIT_OK


def test_the_alert_service_is_healthy_while_it_works_and_ends_when_told(
    streamed: str, containers: Containers, secured: Secured
) -> None:
    assert streamed
    assert containers.check("alerts").returncode != EXIT_OK
    with containers.running("alerts") as service:
        wait_for(lambda: containers.check("alerts").returncode == EXIT_OK, lambda: containers.said("alerts"))
        wait_for(lambda: secured.client().count(index=ALERTS)["count"] > 0, lambda: containers.said("alerts"))
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE_S) == EXIT_OK, containers.said("alerts")
    assert "WARNING" not in containers.said("alerts")


def test_the_site_is_healthy_and_ready_and_ends_when_told(streamed: str, containers: Containers) -> None:
    here = {"BP_WEB_HOST": "127.0.0.1", "BP_WEB_PORT": str(free_port())}
    assert streamed
    assert containers.check("webapp", **here).returncode != EXIT_OK
    with containers.running("webapp", **here) as site:
        wait_for(lambda: containers.check("webapp", **here).returncode == EXIT_OK, lambda: containers.said("webapp"))
        site.send_signal(signal.SIGTERM)
        assert site.wait(PATIENCE_S) == EXIT_OK, containers.said("webapp")


@pytest.mark.parametrize("service", ["monitor", "prune"])
def test_a_batch_service_ends_well(streamed: str, containers: Containers, service: str) -> None:
    assert streamed
    done = containers.run(service)
    assert done.returncode == EXIT_OK, done.stderr


def test_the_loop_runs_the_monitor_and_ends_when_told(streamed: str, containers: Containers, secured: Secured) -> None:
    assert streamed
    with containers.running("loop") as loop:
        wait_for(lambda: "ended with 0" in containers.said("loop"), lambda: containers.said("loop"))
        loop.send_signal(signal.SIGTERM)
        assert loop.wait(PATIENCE_S) == EXIT_OK, containers.said("loop")
    client = secured.client()
    client.indices.refresh(index=MODEL_MONITORING)
    assert client.count(index=MODEL_MONITORING)["count"] > 0


def test_the_dashboards_are_imported(containers: Containers, secured: Secured) -> None:
    with fake_kibana() as kibana:
        name = "bp_kibana_import"
        kibana.account = (name, (secured.secrets / name).read_text().strip())
        done = containers.run("kibana-import", BP_KIBANA_URL=kibana.url)
        assert done.returncode == EXIT_OK, done.stderr
        assert kibana.objects


def test_a_service_does_not_see_the_secrets_of_another(containers: Containers) -> None:
    elsewhere = containers.volumes / "secrets-stream" / "bp_site"
    assert not elsewhere.exists()
    done = containers.run("prune", BP_ELASTICSEARCH_PASSWORD=f"@{elsewhere}")
    assert done.returncode != EXIT_OK
    assert "cannot be read" in done.stderr


def test_volumes_are_where_the_services_write(streamed: str, containers: Containers) -> None:
    assert streamed
    for volume, expected in {"archive": "**/*.csv", "checkpoints": "*", "stream": "metrics.json"}.items():
        assert [*Path(containers.volumes / volume).glob(expected)], volume
