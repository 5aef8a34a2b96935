"""What the integration and the browser tests share: Kafka, Elasticsearch and Spark, started once for a whole run.

Imports stay inside the fixtures, so that unit tests do not wait for Spark's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from embedded.services import Addresses

PROJECT = Path(__file__).parents[1]
ON_AN_ENGINE = "BP_TEST_CONTAINERS" in os.environ
collect_ignore = [] if ON_AN_ENGINE else ["containers"]
TEST_CONF = ("spark.ui.enabled=false", "spark.task.maxFailures=1")

BROWSER = "tests/browser/"
INTEGRATION = "tests/integration/test_"
SECURED = (f"{INTEGRATION}accounts.py", f"{INTEGRATION}containers.py")
LONGEST_FIRST = (
    BROWSER,
    *(f"{INTEGRATION}{name}.py" for name in ("retrain", "demo", "proof_of_life", "notifications_live")),
    *SECURED,
    *(f"{INTEGRATION}{name}.py" for name in ("crash", "cluster", "embedded", "guarantee", "stream", "parity")),
)
KAFKA_HEAP = "384m"
ELASTICSEARCH_HEAP = "768m"

# JVMs live for seconds here: the quick compiler alone takes half of their processor time (22 s instead of 44 s
# for a job of a few hundred messages, counted over its processes).
QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
os.environ.setdefault("JDK_JAVA_OPTIONS", f"{QUICK_COMPILER} -XX:+UseSerialGC")


class ByFileAndWard(LoadFileScheduling):  # type: ignore[misc]
    """One process gets a whole file. One gets all browser tests: integration tests would empty the ward they share.

    And one gets all tests that need an Elasticsearch with its security on, so that only one is set up.
    """

    def _split_scope(self, nodeid: str) -> str:
        together = ((BROWSER,), SECURED)
        return next((files[0] for files in together if nodeid.startswith(files)), super()._split_scope(nodeid))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody ask for more of the fuzz than the suite has the time for (`tests.fuzz`)."""
    parser.addoption("--fuzz", type=int, metavar="N", help="ask N examples in tests/fuzz")


def pytest_report_header() -> list[str]:
    """Say what is left out, and why."""
    return [] if ON_AN_ENGINE else ["left out: tests/containers, which take a container engine and an hour"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, which ``--dist loadfile`` hands out in this order: short ones at the end even out."""

    def place(item: pytest.Item) -> int:
        return next((at for at, path in enumerate(LONGEST_FIRST) if item.nodeid.startswith(path)), len(LONGEST_FIRST))

    items.sort(key=place)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileAndWard | None:
    """Return what ``--dist loadfile`` gives tests to processes by."""
    return ByFileAndWard(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Yield the addresses (`kafka_bootstrap_servers`, `elasticsearch_url`) of a pair on free ports; end it at last."""
    from embedded.services import Options, start, stop

    local_dir = tmp_path_factory.mktemp("services")
    options = Options(
        local_dir,
        kafka_port=0,
        elasticsearch_port=0,
        kafka_heap=KAFKA_HEAP,
        elasticsearch_heap=ELASTICSEARCH_HEAP,
        java_options=(QUICK_COMPILER,),
    )
    try:
        yield start(options)
    finally:
        stop(local_dir, clean=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Yield a Spark session with the project's own configuration, as `./spark-submit.sh` gives it to a job."""
    from conf.settings import Settings
    from deploy.submit.spark import submit_environment
    from embedded.java import find_java
    from jobs.stream import build_session

    settings = Settings(spark_master="local[2]", local_dir=tmp_path_factory.mktemp("spark"))
    os.environ.update(submit_environment({"JAVA_HOME": str(find_java().parents[1])}, settings, PROJECT, TEST_CONF))
    session = build_session(settings)
    yield session
    session.stop()
