"""The job on a cluster: a master and two workers, each with its executor, that know nothing of the project.

Not ``local-cluster``: its workers live in the driver and hand its PYTHONPATH on, so that a module that does not reach
the executors would be found all the same.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest

from conf.submit import PACKAGE_NAME
from embedded.java import find_java
from embedded.ports import free_port
from embedded.services import Addresses
from jobs.indices import LATEST
from jobs.sinks import connect
from tests.integration.job import Job, in_folder
from tests.integration.mixed import PATIENTS, mixture
from tests.integration.pipeline import build_settings, delete_documents, publish_model

pytestmark = pytest.mark.integration

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SPARK_DEPLOY = "org.apache.spark.deploy"
END_PATIENCE_S = 20
WORKERS = 2


@dataclass(frozen=True)
class Cluster:
    """Its address for drivers, and the folder below which executors work."""

    url: str
    work: Path

    def executor_folders(self) -> list[Path]:
        """The working directories of all executors there have been."""
        return list(self.work.glob("worker-*/app-*/*"))


@contextmanager
def started(folder: Path, name: str, *arguments: str) -> Iterator[None]:
    """A server of the cluster, in a folder of its own and without anything of our environment."""
    home = folder / name
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "JAVA_HOME": str(find_java().parents[1]), "SPARK_DAEMON_MEMORY": "192m"}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "scratch")}
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen([SPARK_CLASS, *arguments], cwd=home, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        server.terminate()  # a worker ends its executors
        server.wait(END_PATIENCE_S)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One executor of one core on each worker."""
    port, work = free_port(), tmp_path / "work"
    url = f"spark://127.0.0.1:{port}"
    place, no_page = ("--host", "127.0.0.1"), ("--webui-port", "0")
    with ExitStack() as stack:
        master = (f"{SPARK_DEPLOY}.master.Master", *place, "--port", str(port), *no_page)
        stack.enter_context(started(tmp_path, "master", *master))
        for number in range(WORKERS):
            size = ("--cores", "1", "--memory", "1g", "--work-dir", str(work / f"worker-{number}"))
            worker = (f"{SPARK_DEPLOY}.worker.Worker", *place, *no_page, *size, url)
            stack.enter_context(started(tmp_path, f"worker-{number}", *worker))
        yield Cluster(url, work)


def test_cluster_whose_executors_hold_nothing_of_the_project_writes_what_one_process_writes(
    services: Addresses, cluster: Cluster, tmp_path: Path
) -> None:
    # 1. one process
    settings = build_settings(services, tmp_path / "one", max_offsets_per_trigger=1_000, spark_master="local[2]")
    one = Job(settings)
    publish_model(settings.model_dir)
    one.send_all(mixture().messages)
    delete_documents(connect(settings))
    one.drain()
    expected = one.outcome()
    assert len(expected.documents[LATEST]) == PATIENTS
    # 2. the cluster, on the same topic
    delete_documents(connect(settings))
    many = in_folder(one, tmp_path / "many", spark_master=cluster.url)
    many.drain()
    assert many.outcome() == expected
    # 3. both executors worked, and had nothing but what was sent to them
    folders = cluster.executor_folders()
    assert len({folder.parents[1] for folder in folders}) == WORKERS
    for folder in folders:
        kinds = {path.suffix for path in folder.rglob("*") if path.is_file()} - {".jar", ".crc", ""}
        assert (folder / PACKAGE_NAME).is_file()
        assert kinds == {".zip"}
