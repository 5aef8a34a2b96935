"""Become an executor on Kubernetes: ``python -m deploy.submit.executor``, so that the driver's image serves both.

Spark tells the pods that it asks for what to do by variables, and by one word for the start script of its own images.
This does what that script does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from conf import cli
from deploy.submit.spark import spark_home

BACKEND: Final = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
JAVA_OPTION: Final = "SPARK_JAVA_OPT_"  # and a number: the options in their order
OPTIONS: Final = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}


def command(environment: Mapping[str, str], root: Path) -> list[str]:
    """Return the command line of the executor's JVM; its log is configured as the driver's."""
    numbers = sorted(int(name.removeprefix(JAVA_OPTION)) for name in environment if name.startswith(JAVA_OPTION))
    memory = environment["SPARK_EXECUTOR_MEMORY"]
    return [
        "java",
        *(environment[f"{JAVA_OPTION}{number}"] for number in numbers),
        *(f"-Xms{memory}", f"-Xmx{memory}"),
        *("-cp", f"{root / 'conf'}:{spark_home() / 'jars'}/*"),
        BACKEND,
        *(word for option, name in OPTIONS.items() for word in (option, environment[name])),
    ]


def start() -> None:
    """Replace this process by the executor, which works where it may write: Spark puts there what it is sent."""
    words = command(os.environ, Path.cwd())
    os.chdir(os.environ["SPARK_LOCAL_DIRS"].split(",")[0])
    os.execvpe(words[0], words, {**os.environ, "SPARK_HOME": str(spark_home())})  # noqa: S606 - no shell needed


def main(arguments: list[str] | None = None) -> int:
    """Start it; return the exit code where that fails."""
    parser = cli.parser("python -m deploy.submit.executor", __doc__)
    parser.add_argument("role", choices=["executor"], help="what Spark wants of its images")
    return cli.run(parser, lambda _: start(), arguments)


if __name__ == "__main__":
    sys.exit(main())
