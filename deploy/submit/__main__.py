"""Submit a job of `jobs/` to Spark: ``python -m deploy.submit JOB``. Called by spark-submit.sh, which prepares first.

This process becomes the job's Python, and pyspark starts the JVM with its own spark-submit from there. The other way
round (spark-submit starts the Python) a Ctrl-C or SIGTERM would end the JVM before the job has finished its batch.

On a local master the workers share this process's source tree. On a cluster the executors get the project's packages as
a zip in their working folder, so nothing has to be installed on them beside Python and conf/requirements.lock. With
``--packed DIR`` the packages of that lock are sent, too, and executors need nothing but Spark and Python.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from conf import cli
from conf.errors import UserError
from conf.settings import load_settings
from deploy.submit import cluster_mode, packed
from deploy.submit.spark import is_local, submit_environment


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


def _checked(packed_dir: Path | None, master: str, root: Path) -> Path | None:
    """Return the folder as absolute path; raise `UserError` where it is of no use or does not fit."""
    if packed_dir is None:
        return None
    if is_local(master):
        raise UserError(f"--packed is for a cluster, but BP_SPARK_MASTER is {master}. Leave --packed out, or set it.")
    packed.check(packed_dir, root)
    return packed_dir.absolute()


def submit(options: argparse.Namespace) -> None:
    """Replace this process by the job, or by the submission of a job that runs elsewhere."""
    root, settings = Path.cwd(), load_settings()
    packed_dir = _checked(options.packed, settings.spark_master, root)
    memory = os.environ.get("SPARK_DRIVER_MEMORY")
    conf = [*([f"spark.driver.memory={memory}"] if memory else []), *options.conf]
    job = [f"jobs.{options.job}", *options.arguments]
    if options.deploy_mode == "cluster":
        command, environment = cluster_mode.submission(
            settings, root, conf, cluster_mode.checked(settings, packed_dir), job
        )
    else:
        command = [sys.executable, "-m", *job]
        environment = submit_environment(os.environ, settings, root, conf, packed_dir)
    if not is_local(settings.spark_master):
        packed.write_package(root, packed.package_path(settings))
    os.execve(command[0], command, environment)  # noqa: S606 - no shell needed


if __name__ == "__main__":
    sys.exit(main())
