"""The job on a cluster: a master and two workers, each with its executor, on which nothing is installed but Python.

They know neither the project nor its packages: both come with the job, as `deploy.pack` has packed them. Not
``local-cluster``: its workers live in the driver and hand its PYTHONPATH on, so that a module that does not reach the
executors would be found all the same.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from conf.ports import free_port
from deploy.pack import pack
from deploy.submit.packed import ENVIRONMENT_NAME, PACKAGE_NAME, PACKED_DIR, python_version
from elastic.client import connect
from elastic.names import LATEST
from embedded.java import find_java
from embedded.services import Addresses
from tests.integration.job import PROJECT, Job, in_folder
from tests.integration.mixed import PATIENTS, mixture
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model

pytestmark = pytest.mark.integration

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SPARK_DEPLOY = "org.apache.spark.deploy"
END_PATIENCE_S = 60
WORKERS = 2
BARE_PATH = "/usr/bin:/bin"


def bare_python() -> Path:
    """Return a Python without packages for the workers: the system's, if it has our version, else that of our venv."""
    system, ours = (Path(folder) / "bin" / f"python{python_version()}" for folder in ("/usr", sys.base_prefix))
    return system if system.exists() else ours


@dataclass(frozen=True)
class Cluster:
    """Its address for drivers, and the folder below which executors work."""

    url: str
    work: Path

    def executor_folders(self) -> list[Path]:
        """Return the working directories of all executors there have been."""
        return list(self.work.glob("worker-*/app-*/*"))


@contextmanager
def started(folder: Path, name: str, *arguments: str) -> Iterator[None]:
    """Run a server of the cluster, in a folder of its own and without anything of our environment."""
    home = folder / name
    home.mkdir()
    environment = {"PATH": BARE_PATH, "JAVA_HOME": str(find_java().parents[1]), "SPARK_DAEMON_MEMORY": "192m"}
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
    """Run a master and workers: one executor of one core on each."""
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
    shutil.rmtree(work)  # half a gigabyte for each executor


@pytest.fixture(scope="session")
def packed() -> Path:
    """Return what the executors are sent; packed once as long as the lock stays the same."""
    folder = PROJECT / PACKED_DIR.with_name("packed-for-tests")
    pack(PROJECT, folder, bare_python())
    return folder


@pytest.mark.timeout(600)  # the first time, the environment is packed
def test_a_cluster_with_nothing_but_python_writes_what_one_process_writes(
    services: Addresses, spark: SparkSession, packed: Path, cluster: Cluster, tmp_path: Path
) -> None:
    assert has_no_packages(bare_python()), "this test needs workers whose Python has no packages"
    # 1. one process: that of the tests
    settings = build_settings(services, tmp_path / "one", max_offsets_per_trigger=1_000, spark_master="local[2]")
    single = Job(settings)
    publish_model(settings.model_dir)
    single.send_all(mixture().messages)
    delete_documents(connect(settings))
    Pipeline(settings, spark).drain()
    expected = single.outcome()
    assert len(expected.documents[LATEST]) == PATIENTS
    # 2. the cluster, on the same topic
    delete_documents(connect(settings))
    many = Job(in_folder(single, tmp_path / "many", spark_master=cluster.url).settings, ("--packed", str(packed)))
    many.drain()
    assert many.outcome() == expected
    # 3. both executors worked, and had nothing but what was sent to them
    folders = cluster.executor_folders()
    assert len({folder.parents[1] for folder in folders}) == WORKERS
    for folder in folders:
        assert sent_to(folder) == {PACKAGE_NAME}
        assert imported_there(folder) >= {"numpy", "pyarrow", "xgboost", "elasticsearch"}


def has_no_packages(python: Path) -> bool:
    """Tell whether a job can only run with what is sent along."""
    tried = subprocess.run([python, "-c", "import numpy"], env={"PATH": BARE_PATH}, capture_output=True, check=False)
    return b"ModuleNotFoundError" in tried.stderr


def sent_to(executor: Path) -> set[str]:
    """Return the files in an executor's folder that are neither of Spark nor of the packed environment."""
    of_spark = {".jar", ".crc", ""}
    return {path.name for path in executor.iterdir() if path.is_file() and path.suffix not in of_spark}


def imported_there(executor: Path) -> set[str]:
    """Return the packages that an executor's Python has compiled, thus imported, in its own folder."""
    site_packages = executor / ENVIRONMENT_NAME / "lib" / f"python{python_version()}" / "site-packages"
    return {path.parents[1].name for path in site_packages.glob("*/__pycache__/__init__.*.pyc")}
