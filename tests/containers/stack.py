"""One running system: this project's compose files on an engine, and what can be asked of it from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch, TransportError

from conf.ports import free_port
from tests.containers.engine import Engine

NAME: Final = "blood-pressure-surveillance"
PORTS: Final = ("KAFKA_PORT", "ELASTICSEARCH_PORT", "KIBANA_PORT", "SITE_PORT", "SITE_TLS_PORT", "KAFKA_TLS_PORT")
OVER_TLS: Final = ("-f", "compose.yaml", "-f", "compose.tls.yaml")
START_S: Final = 1800  # a build of the image and a first model, on a busy machine
PATIENCE_S: Final = 900
PAUSE_S: Final = 2
ENDED_WELL: Final = "ended with 0"


@dataclass(frozen=True)
class Stack:
    """`folder` holds the project, as seen from the engine; `files` are the options that choose compose files."""

    engine: Engine
    folder: str
    ports: Mapping[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})
    files: tuple[str, ...] = ()

    def write_env(self, **more: str) -> None:
        """Do ``cp .env.example .env``, with ports that are free and a few patients."""
        inside = self.engine.root / self.folder.strip("/")
        lines = {name: str(port) for name, port in self.ports.items()} | more
        text = (inside / ".env.example").read_text(encoding="utf-8")
        (inside / ".env").write_text(text + "".join(f"\n{name}={value}" for name, value in lines.items()) + "\n")

    def over_tls(self) -> Stack:
        """Return the same system with compose.tls.yaml on top."""
        return replace(self, files=OVER_TLS)

    def compose(self, *arguments: str, must: bool = True, timeout: float = START_S) -> str:
        """Run ``docker compose``; return what it said."""
        command = ("docker", "compose", "--progress", "plain", *self.files, *arguments)
        done = self.engine.run(*command, within=self.folder, timeout=timeout)
        assert done.returncode == 0 or not must, f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}"
        return done.stdout + done.stderr

    def states(self) -> dict[str, str]:
        """Return of each container, by its name, how it is: healthy, starting, ended with 0, ..."""
        listed = self.engine.run(
            "docker", "compose", *self.files, "ps", "--all", "--format", "json", within=self.folder
        ).stdout
        return {one["Name"].removeprefix(f"{NAME}-"): _state(one) for one in map(json.loads, listed.splitlines())}

    def wait_until_well(self) -> dict[str, str]:
        """Wait until every container is healthy, has ended with 0, or runs where nobody asks for its health."""
        self.wait_for(lambda: unwell(self.states()) == {}, lambda: f"{unwell(self.states())}")
        return self.states()

    def wait_for(self, holds: Callable[[], bool], told: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + patience_s
        while not holds():
            assert time.monotonic() < deadline, told()
            time.sleep(PAUSE_S)

    def inspect(self) -> dict[str, dict[str, Any]]:
        """Return what the engine knows of each container, by its name."""
        return {one["Name"].strip("/").removeprefix(f"{NAME}-"): one for one in self._inspect_all()}

    def _inspect_all(self) -> Iterable[dict[str, Any]]:
        ids = self.engine.told("docker", "ps", "--all", "--quiet").split()
        return json.loads(self.engine.run("docker", "inspect", *ids).stdout) if ids else []

    def lives(self) -> dict[str, tuple[str, int]]:
        """Return of each container which one it is, and how often it was started anew."""
        return {name: (one["Id"], one["RestartCount"]) for name, one in self.inspect().items()}

    def secrets(self) -> dict[str, str]:
        """Return every secret of the system by its name."""
        files = self.engine.volume(f"{NAME}_secrets").iterdir()
        return {file.name: file.read_text(encoding="utf-8").strip() for file in files if file.is_file()}

    def search(self) -> Elasticsearch:
        """Return a client at the published port, signed in as the superuser."""
        account = ("elastic", self.secrets()["elastic"])
        address = f"127.0.0.1:{self.ports['ELASTICSEARCH_PORT']}"
        if not self.files:
            return Elasticsearch(f"http://{address}", basic_auth=account)
        authority = self.engine.volume(f"{NAME}_authority") / "ca.crt"
        return Elasticsearch(f"https://{address}", basic_auth=account, ca_certs=str(authority))

    def count(self, index: str) -> int:
        """Return how many documents an index has; -1 while nobody answers."""
        with self.search() as client:
            try:
                client.indices.refresh(index=index)
                return int(client.count(index=index)["count"])
            except (ApiError, TransportError):
                return -1

    def wait_for_more(self, index: str, than: int, patience_s: float = PATIENCE_S) -> int:
        """Wait until an index has more documents; return how many."""
        self.wait_for(lambda: self.count(index) > than, lambda: f"{index}: still {self.count(index)}", patience_s)
        return self.count(index)

    def volumes(self) -> set[str]:
        """Return the names of all volumes of the engine."""
        return set(self.engine.told("docker", "volume", "ls", "--quiet").split())

    def delete(self) -> None:
        """Delete it as docs/operations.md says."""
        files = () if self.files else OVER_TLS
        self.compose(*files, "--profile", "*", "down", "-v", "--remove-orphans")


def unwell(states: Mapping[str, str]) -> dict[str, str]:
    """Return those that are neither healthy, nor ended with 0, nor running without a health check."""
    return {name: state for name, state in states.items() if state not in {"healthy", "running", ENDED_WELL}}


def _state(one: Mapping[str, Any]) -> str:
    if one["State"] == "exited":
        return f"ended with {one['ExitCode']}"
    return str(one["Health"] or one["State"])
