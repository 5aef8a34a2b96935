"""Kafka and Elasticsearch of a benchmark's own, so that it neither meets nor leaves anything, and programs on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conf.settings import PREFIX, Settings
from embedded.java import find_java
from embedded.services import Addresses, Options, start, stop

END_S = 15.0
KIB_PER_GIB = 1024**2


@contextmanager
def own_services(**options: Any) -> Iterator[tuple[Path, Addresses]]:
    """Start services on free ports; hand out their folder and addresses, and remove all of it at the end.

    That is so after a SIGTERM as well. `options` are those of `embedded.services.Options`, such as
    ``only="elasticsearch"``.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        try:
            yield folder, start(Options(folder, kafka_port=0, elasticsearch_port=0, **options))
        finally:
            stop(folder, clean=True)


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a program with these settings, secrets aside."""
    own = {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.model_dump(exclude_defaults=True).items()}
    without_secrets = {name: value for name, value in own.items() if "SECRET" not in name}
    return {**os.environ, **without_secrets, "JAVA_HOME": str(find_java().parents[1])}


@contextmanager
def running(command: Sequence[str], settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of the project beside the benchmark, its log in the local directory, and end it."""
    log = settings.local_dir / f"{command[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        program = [sys.executable, "-m", *command]
        process = subprocess.Popen(program, env=environment_of(settings), stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, its children aside (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def peak_gib(pid: int) -> float:
    """Return the most memory that a process has held; 0 of one that has ended (Linux)."""
    try:
        lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines())
        return next((int(line[1]) / KIB_PER_GIB for line in lines if line[0] == "VmHWM:"), 0.0)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
