"""YARN's cluster mode: the driver, too, runs on a node, from nothing but what is sent with it.

Driver and executors use the packed environment and the project's zip, unpacked. The settings travel as a file of the
job, because what stands on spark-submit's command line is shown on YARN's pages.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from conf.errors import UserError
from conf.files import write_whole
from conf.settings import PREFIX, Settings
from deploy.submit.packed import EXECUTOR_PYTHON, archive_argument, package_path
from deploy.submit.spark import spark_home, submit_arguments

PROJECT_NAME = "project"  # the folder that the zip is unpacked to, in the working directory of each container
SETTINGS_FILE = "cluster.env"
SETTINGS_NAME = ".env"  # where the driver looks for settings
SHARED_DIRS = ("checkpoint_dir", "data_dir", "local_dir", "model_dir")


def checked(settings: Settings, packed_dir: Path | None) -> Path:
    """Return the packed folder; raise `UserError` if the driver could not run on a node or would lose what it keeps."""
    if settings.spark_master != "yarn":
        raise UserError(
            f"--deploy-mode cluster is for BP_SPARK_MASTER=yarn, not for {settings.spark_master}: a standalone cluster "
            "has no such mode for Python, and on Kubernetes the driver is a Deployment. Leave it out."
        )
    if packed_dir is None:
        raise UserError("--deploy-mode cluster needs --packed DIR, see ./spark-submit.sh pack.")
    unset = [f"{PREFIX}{name.upper()}" for name in SHARED_DIRS if name not in settings.model_fields_set]
    if unset:
        raise UserError(
            f"With --deploy-mode cluster the driver may run on any node. Set {', '.join(unset)} to folders that all "
            "nodes share, or a driver that starts on another node begins anew."
        )
    return packed_dir


def settings_text(settings: Settings) -> str:
    """Return the settings, folders as absolute paths and without what is the default, as an ``.env`` file."""
    lines = []
    for name, value in settings.model_dump(exclude_none=True, exclude_defaults=True).items():
        plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        quoted = plain.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"{PREFIX}{name.upper()}='{quoted}'\n")
    return "".join(lines)


def submission(
    settings: Settings, root: Path, conf: Iterable[str], packed_dir: Path, job: Iterable[str]
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of spark-submit for a job (its module and arguments), and write its settings."""
    module, *arguments = job
    settings_file = settings.local_dir / SETTINGS_FILE
    write_whole(settings_file, settings_text(settings), 0o600)  # secrets are among them
    archives = f"{archive_argument(packed_dir)},{package_path(settings)}#{PROJECT_NAME}"
    paths = (f"spark.{role}.PYTHONPATH={PROJECT_NAME}" for role in ("executorEnv", "yarn.appMasterEnv"))
    command = [
        str(spark_home() / "bin" / "spark-submit"),
        *("--deploy-mode", "cluster", *submit_arguments(settings, root, conf, packed_dir)),
        *("--files", f"{settings_file}#{SETTINGS_NAME}", "--archives", archives),  # of an option, the last one counts
        *(part for path in paths for part in ("--conf", path)),
        *(str(root.joinpath(*module.split(".")).with_suffix(".py")), *arguments),
    ]
    return command, environment(os.environ, root)


def environment(inherited: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the environment of spark-submit, which hands the Pythons on to the driver."""
    ours = {"PYSPARK_PYTHON": EXECUTOR_PYTHON, "PYSPARK_DRIVER_PYTHON": EXECUTOR_PYTHON, "PYTHONHASHSEED": "0"}
    return {**inherited, **ours, "SPARK_HOME": str(spark_home()), "SPARK_CONF_DIR": str(root / "conf")}
