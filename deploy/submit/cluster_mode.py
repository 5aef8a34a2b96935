"""YARN's cluster mode: the driver, too, runs on a node, from nothing but what is sent with it.

Driver and executors use the packed environment and the project's zip, unpacked. The settings travel as a file of the
job, because what stands on spark-submit's command line is shown on YARN's pages.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from conf.errors import UserError
from conf.settings import PREFIX, Settings
from deploy.submit.packed import EXECUTOR_PYTHON, archive_argument

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
    values = settings.model_dump(exclude_none=True, exclude_defaults=True)
    return "".join(f"{PREFIX}{name.upper()}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: object) -> str:
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_settings(settings: Settings, target: Path) -> None:
    """Write the settings, secrets among them, for the eyes of this user alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(settings_text(settings))


def command(
    options: Iterable[str], package: Path, packed_dir: Path, settings_file: Path, job: Iterable[str]
) -> list[str]:
    """Return the spark-submit of a job (script and arguments); of `options`, those given last win."""
    archives = f"{archive_argument(packed_dir)},{package}#{PROJECT_NAME}"
    paths = (f"spark.{role}.PYTHONPATH={PROJECT_NAME}" for role in ("executorEnv", "yarn.appMasterEnv"))
    return [
        str(_spark_home() / "bin" / "spark-submit"),
        *("--deploy-mode", "cluster", *options),
        *("--files", f"{settings_file}#{SETTINGS_NAME}", "--archives", archives),
        *(part for path in paths for part in ("--conf", path)),
        *job,
    ]


def environment(inherited: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the environment of spark-submit, which hands the Pythons on to the driver."""
    ours = {"PYSPARK_PYTHON": EXECUTOR_PYTHON, "PYSPARK_DRIVER_PYTHON": EXECUTOR_PYTHON, "PYTHONHASHSEED": "0"}
    return {**inherited, **ours, "SPARK_HOME": str(_spark_home()), "SPARK_CONF_DIR": str(root / "conf")}


def _spark_home() -> Path:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise UserError("pyspark is missing. Prepare this machine with: ./spark-submit.sh setup")
    return Path(found.origin).parent
