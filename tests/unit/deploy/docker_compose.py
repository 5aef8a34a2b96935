"""The real ``docker compose``, which needs no engine to read files: this machine's, else built from its module."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from tests.support.go_programs import GoProgram

BUILD_TIMEOUT_S: Final = 900
COMPOSE: Final = GoProgram("docker-compose", "github.com/docker/compose/v2/cmd", "v2.40.3", "1.24.9", BUILD_TIMEOUT_S)
Command = tuple[str, ...]


def find() -> tuple[Command, str]:
    """Return the command, or why there is none."""
    installed = ("docker", "compose")
    if (
        shutil.which("docker")
        and subprocess.run([*installed, "version"], capture_output=True, check=False).returncode == 0
    ):
        return installed, ""
    built, reason = COMPOSE.find()
    return (str(built),) if built else (), reason
