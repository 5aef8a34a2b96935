"""What pyspark's spark-submit is told of a job: options and environment, made of our settings.

On a local master the workers share this process's source tree; on a cluster the executors get the project's packages in
their working folder, and with ``--packed`` an environment, too (`deploy.submit.packed`).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from conf.errors import UserError
from conf.settings import Settings
from deploy.submit.jars import JARS_DIR
from deploy.submit.packed import EXECUTOR_PYTHON, PACKAGE_NAME, archive_argument, package_path

DEFAULTS_FILE = Path("conf/spark-defaults.conf")
CLASS_ARCHIVE = Path(".local/spark-classes.jsa")  # see deploy/submit/class_archive.py
QUIET_ARCHIVE = "-Xlog:cds=off -Xlog:cds+dynamic=off"  # one that does not fit is no news
LOG_CONFIGURATION = Path("conf/log4j2.properties")
# On the class path of a local master, instead of conf/: Java takes no archive of classes where a folder holds anything.
EMPTY_CONF_DIR = Path(".local/spark-conf")
LOCAL_RETRIES = 3  # local mode fails a job at a task's first failure unless told otherwise; a cluster tries 4 times
LOOPBACK = "127.0.0.1"
# Hadoop's file contexts start the commands readlink and chmod some thirty times a micro-batch, its file systems seven
# times. Both put a file in place by one rename, and on a local disk nothing else needs Spark's second checksum.
LOCAL_CHECKPOINTS = (
    "spark.sql.streaming.checkpointFileManagerClass="
    "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager",
    "spark.sql.streaming.checkpoint.fileChecksum.enabled=false",
)


def with_retries(master: str) -> str:
    """Let local mode try a failed task again, as clusters do: ``local[*]`` becomes ``local[*,3]``."""
    return re.sub(r"^local\[([*\d]+)\]$", rf"local[\1,{LOCAL_RETRIES}]", master)


def is_local(master: str) -> bool:
    """Tell whether driver and executors are one process."""
    return master == "local" or master.startswith("local[")


def stays_on_this_machine(master: str) -> bool:
    """Tell whether nothing of this master lives on another machine: all may be bound to the loopback address."""
    return master.startswith("local") or urlsplit(master).hostname in ("localhost", LOOPBACK)


def submit_arguments(settings: Settings, root: Path, conf: Iterable[str], packed_dir: Path | None = None) -> list[str]:
    """Return the options for spark-submit; `conf` are ``key=value`` pairs that win over conf/spark-defaults.conf."""
    pairs = [*_master_conf(settings.spark_master, root), *conf]
    return [
        *("--master", with_retries(settings.spark_master)),
        *("--properties-file", str(root / DEFAULTS_FILE)),
        *("--jars", ",".join(str(jar) for jar in sorted((root / JARS_DIR / "spark").glob("*.jar")))),
        *([] if is_local(settings.spark_master) else ["--files", str(package_path(settings))]),
        *([] if packed_dir is None else ["--archives", archive_argument(packed_dir)]),
        *(part for pair in pairs for part in ("--conf", pair)),
    ]


def _master_conf(master: str, root: Path) -> list[str]:
    """Return the Spark settings that depend on where the executors are."""
    addresses = [f"spark.driver.host={LOOPBACK}", f"spark.driver.bindAddress={LOOPBACK}"]
    packages = f"spark.executorEnv.PYTHONPATH={PACKAGE_NAME}"
    return [
        *(addresses if stays_on_this_machine(master) else ()),
        *((*LOCAL_CHECKPOINTS, _local_java(root)) if is_local(master) else (packages,)),
    ]


def _local_java(root: Path) -> str:
    """Return the setting of the JVM of a local master: its log, and the archive of classes where there is one."""
    log = f'"-Dlog4j2.configurationFile={(root / LOG_CONFIGURATION).as_uri()}"'
    archive = root / CLASS_ARCHIVE
    classes = f' "-XX:SharedArchiveFile={archive}" {QUIET_ARCHIVE}' if archive.exists() else ""
    return f"spark.driver.defaultJavaOptions={log}{classes}"


def submit_environment(
    environment: Mapping[str, str],
    settings: Settings,
    root: Path,
    conf: Iterable[str],
    packed_dir: Path | None = None,
) -> dict[str, str]:
    """Return the environment of the job: spark-submit's options, this Python, this source tree, our log4j2 file.

    On a cluster the executors' Python is the packed one, else a given ``PYSPARK_PYTHON``, else this one's path.
    """
    master = settings.spark_master
    defaults = {
        **({"SPARK_LOCAL_IP": LOOPBACK} if stays_on_this_machine(master) else {}),
        **({} if is_local(master) else {"PYSPARK_PYTHON": sys.executable}),
        "PYTHONHASHSEED": "0",  # Python's hash of a text must be the same in all workers
        "OMP_NUM_THREADS": "1",  # of numpy and xgboost in the driver: more would wait, busily, for the tasks' cores
    }
    fixed = {
        "PYSPARK_SUBMIT_ARGS": shlex.join([*submit_arguments(settings, root, conf, packed_dir), "pyspark-shell"]),
        **{"PYTHONPATH": str(root), "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_CONF_DIR": str(root / "conf")},
        **(
            {"PYSPARK_PYTHON": sys.executable, "SPARK_CONF_DIR": str(root / EMPTY_CONF_DIR)} if is_local(master) else {}
        ),
        **({} if packed_dir is None else {"PYSPARK_PYTHON": EXECUTOR_PYTHON}),
    }
    # A SPARK_HOME of another installation would make pyspark start that one's Spark with this one's Python.
    inherited = {key: value for key, value in environment.items() if key != "SPARK_HOME"}
    return {**defaults, **inherited, **fixed}


def spark_home() -> Path:
    """Return the folder of the Spark that came with pyspark."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise UserError("pyspark is missing. Prepare this machine with: ./spark-submit.sh setup")
    return Path(found.origin).parent
