"""The services of compose.yaml without containers: their commands and environments, on servers of this machine.

Changed are the addresses of Kafka, Elasticsearch, Kibana and the site, and the folders: that of each volume, and
the two that the image has for scratch. All else is as it stands in compose.yaml and in the image.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.secrets import CONSUMERS, hand_out
from embedded.java import find_java
from tests.integration.job import PROJECT
from tests.unit.deploy.compose import BASE, Model, environment_of, example_environment, load, mounts

TIMEOUT_S: Final = 280
IMAGE_VARIABLE: Final = re.compile(r"^(?:ENV|   ) +(\w+)=(\S+)", re.MULTILINE)
OF_THE_MACHINE: Final = ("PATH", "JDK_JAVA_OPTIONS")  # those of the image do not fit here
SCRATCH: Final = ("/scratch", "/spark")


@dataclass(frozen=True)
class Containers:
    """`volumes` holds a folder for each volume; `addresses` are those of this machine by those in compose.yaml."""

    volumes: Path
    addresses: Mapping[str, str]
    variables: Mapping[str, str]  # lines of .env beside those of the example

    def run(self, service: str, *more: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the service's command, with `more` at its end, until it ends."""
        return subprocess.run(
            [*self._command(service), *more],
            cwd=PROJECT,
            env=self.environment(service) | changes,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    def check(self, service: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the service's health check once."""
        _cmd, *test = self._service(service)["healthcheck"]["test"]
        return subprocess.run(
            [_here(word) for word in test],
            cwd=PROJECT,
            env=self.environment(service) | changes,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    @contextmanager
    def running(self, service: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run the service; killed at the end if it is still there."""
        with (self.volumes / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(
                self._command(service),
                cwd=PROJECT,
                env=self.environment(service) | changes,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self, service: str) -> str:
        """Return what a service that was `running` has written."""
        return (self.volumes / f"{service}.log").read_text(errors="replace")

    def environment(self, service: str) -> dict[str, str]:
        """Return what the service sees."""
        folders = {target: self._folder(source) for source, target, _ in mounts(self._service(service))}
        folders |= {scratch: self._folder(scratch.strip("/")) for scratch in SCRATCH}
        folders |= {
            config["target"]: self._file(config["source"]) for config in self._service(service).get("configs", ())
        }
        found = image_environment() | environment_of(self._service(service))
        machine = {name: os.environ[name] for name in OF_THE_MACHINE} | {"JAVA_HOME": str(find_java().parents[1])}
        return {name: self._replace(value, folders) for name, value in found.items()} | machine

    def _service(self, name: str) -> Model:
        return dict(self._model()["services"][name])

    def _file(self, config: str) -> Path:
        return PROJECT / str(self._model()["configs"][config]["file"])

    def _model(self) -> Model:
        return load(BASE, environment={**example_environment(), **self.variables})

    def _command(self, service: str) -> list[str]:
        return [_here(word) for word in self._service(service)["command"]]

    def _folder(self, name: str) -> Path:
        folder = self.volumes / name
        folder.mkdir(exist_ok=True)
        return folder

    def _replace(self, value: str, folders: Mapping[str, Path]) -> str:
        for there, here in self.addresses.items():
            value = value.replace(there, here)
        for target, folder in folders.items():
            value = re.sub(rf"(?<![\w/]){target}(?=/|$)", str(folder), value)
        return value


def image_environment() -> dict[str, str]:
    """Return the variables that the image sets."""
    return dict(IMAGE_VARIABLE.findall((PROJECT / "Dockerfile").read_text(encoding="utf-8").split("FROM ")[-1]))


def fill_secrets(secrets: Path, volumes: Path) -> None:
    """Give each service its own secrets, as the service `secrets` does."""
    for name in CONSUMERS:
        (volumes / "give" / name).mkdir(parents=True)
    hand_out(secrets, volumes / "give")
    for name in CONSUMERS:
        (volumes / "give" / name).rename(volumes / f"secrets-{name}")


def _here(word: str) -> str:
    return sys.executable if word == "python" else word
