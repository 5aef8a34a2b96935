"""Submit a job of `jobs/` to Spark. Called by spark-submit.sh, which has prepared the machine.

This process becomes the job's Python, and pyspark starts the JVM with its own spark-submit from there. The other way
round (spark-submit starts the Python) a Ctrl-C or SIGTERM would end the JVM before the job has finished its batch.

On a local master the workers share this process's source tree. On a cluster the executors get the project's packages as
a zip in their working folder, so nothing has to be installed on them beside Python and conf/requirements.lock. With
``--packed DIR`` the packages of that lock are sent, too, and executors need nothing but Spark and Python. The zip
is not a ``--py-files``, which the driver would import from, too: there the sources and their data files are read.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from conf import cli
from conf.errors import UserError
from conf.files import beside
from conf.settings import Settings, load_settings
from deploy.submit import cluster_mode, packed
from deploy.submit.jars import JARS_DIR

PACKAGES = ("conf", "fhir", "elastic", "ml", "producer", "jobs")
PACKAGED_SUFFIXES = (".py", ".json")
PACKAGE_NAME = "blood-pressure-surveillance.zip"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # fixed: the same sources always give the same bytes
DEFAULTS_FILE = Path("conf/spark-defaults.conf")
LOCAL_RETRIES = 3  # local mode fails a job at a task's first failure unless told otherwise; a cluster tries 4 times
LOOPBACK = "127.0.0.1"


def with_retries(master: str) -> str:
    """Let local mode try a failed task again, as clusters do: ``local[*]`` becomes ``local[*,3]``."""
    return re.sub(r"^local\[([*\d]+)\]$", rf"local[\1,{LOCAL_RETRIES}]", master)


def is_local(master: str) -> bool:
    """Tell whether driver and executors are one process."""
    return master == "local" or master.startswith("local[")


def stays_on_this_machine(master: str) -> bool:
    """Tell whether nothing of this master lives on another machine: all may be bound to the loopback address."""
    return master.startswith("local") or urlsplit(master).hostname in ("localhost", LOOPBACK)


def write_package(root: Path, target: Path) -> None:
    """Zip the project's packages into `target`, byte for byte the same for the same sources."""
    files = (path for package in PACKAGES for path in (root / package).rglob("*") if path.suffix in PACKAGED_SUFFIXES)
    with beside(target) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path.relative_to(root).as_posix(), ZIP_DATE), path.read_bytes())


def submit_arguments(settings: Settings, root: Path, conf: Iterable[str], packed_dir: Path | None = None) -> list[str]:
    """Return the options for spark-submit; `conf` are ``key=value`` pairs that win over conf/spark-defaults.conf."""
    pairs = [*_master_conf(settings.spark_master), *conf]
    return [
        *("--master", with_retries(settings.spark_master)),
        *("--properties-file", str(root / DEFAULTS_FILE)),
        *("--jars", ",".join(str(jar) for jar in sorted((root / JARS_DIR / "spark").glob("*.jar")))),
        *([] if is_local(settings.spark_master) else ["--files", str(package_path(settings))]),
        *([] if packed_dir is None else ["--archives", packed.archive_argument(packed_dir)]),
        *(part for pair in pairs for part in ("--conf", pair)),
    ]


def _master_conf(master: str) -> list[str]:
    """Return the Spark settings that depend on where the executors are."""
    addresses = [f"spark.driver.host={LOOPBACK}", f"spark.driver.bindAddress={LOOPBACK}"]
    packages = [f"spark.executorEnv.PYTHONPATH={PACKAGE_NAME}"]
    return (addresses if stays_on_this_machine(master) else []) + ([] if is_local(master) else packages)


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
    }
    fixed = {
        "PYSPARK_SUBMIT_ARGS": shlex.join([*submit_arguments(settings, root, conf, packed_dir), "pyspark-shell"]),
        **{"PYTHONPATH": str(root), "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_CONF_DIR": str(root / "conf")},
        **({"PYSPARK_PYTHON": sys.executable} if is_local(master) else {}),
        **({} if packed_dir is None else {"PYSPARK_PYTHON": packed.EXECUTOR_PYTHON}),
    }
    # A SPARK_HOME of another installation would make pyspark start that one's Spark with this one's Python.
    inherited = {key: value for key, value in environment.items() if key != "SPARK_HOME"}
    return {**defaults, **inherited, **fixed}


def package_path(settings: Settings) -> Path:
    """Return where the zip for the executors is written."""
    return settings.local_dir.absolute() / PACKAGE_NAME


def _checked(packed_dir: Path | None, master: str, root: Path) -> Path | None:
    if packed_dir is None:
        return None
    if is_local(master):
        raise UserError(f"--packed is for a cluster, but BP_SPARK_MASTER is {master}. Leave --packed out, or set it.")
    packed.check(packed_dir, root)
    return packed_dir.absolute()


def on_a_node(
    settings: Settings, root: Path, conf: Iterable[str], packed_dir: Path, job: Iterable[str]
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of a submission with its driver on a node of YARN; `job`: a module, its words."""
    module, *arguments = job
    script = root.joinpath(*module.split(".")).with_suffix(".py")
    settings_file = settings.local_dir / cluster_mode.SETTINGS_FILE
    options = submit_arguments(settings, root, conf, packed_dir)
    command = cluster_mode.command(
        options, package_path(settings), packed_dir, settings_file, [str(script), *arguments]
    )
    cluster_mode.write_settings(settings, settings_file)
    return command, cluster_mode.environment(os.environ, root)


def main() -> int:
    """Parse the command line and submit; return the exit code where that fails."""
    parser = cli.parser("./spark-submit.sh", __doc__)
    parser.add_argument(
        "--conf", action="append", default=[], metavar="KEY=VALUE", help="a Spark setting, may be repeated"
    )
    parser.add_argument(
        "--packed", type=Path, metavar="DIR", help="send the executors the environment that `pack` has put there"
    )
    parser.add_argument(
        "--deploy-mode", choices=("client", "cluster"), default="client", help="cluster: YARN runs the driver, too"
    )
    parser.add_argument("job")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return cli.run(parser, submit)


def submit(options: argparse.Namespace) -> None:
    """Replace this process by the job, or by the submission of a job that runs elsewhere."""
    root, settings = Path.cwd(), load_settings()
    packed_dir = _checked(options.packed, settings.spark_master, root)
    memory = os.environ.get("SPARK_DRIVER_MEMORY")
    conf = [*([f"spark.driver.memory={memory}"] if memory else []), *options.conf]
    job = [f"jobs.{options.job}", *options.arguments]
    if options.deploy_mode == "cluster":
        command, environment = on_a_node(settings, root, conf, cluster_mode.checked(settings, packed_dir), job)
    else:
        command = [sys.executable, "-m", *job]
        environment = submit_environment(os.environ, settings, root, conf, packed_dir)
    if not is_local(settings.spark_master):
        write_package(root, package_path(settings))
    os.execve(command[0], command, environment)  # noqa: S606 - no shell needed


if __name__ == "__main__":
    sys.exit(main())
