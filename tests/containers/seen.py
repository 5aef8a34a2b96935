"""What whoever sits at the machine of the engine sees of the containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.containers.stack import NAME, Stack

PROC: Final = Path("/proc")
OF_THE_MAKERS: Final = {  # their programs take these from the environment: docs/operations.md
    ("kibana_system", "kibana"),
    ("kibana-encryption-key", "kibana"),
    ("elastic", "elasticsearch"),
    ("kafka-keystore", "kafka"),
}


def processes(stack: Stack, container: str) -> list[Path]:
    """Return the processes of a running container, as folders of /proc."""
    done = stack.engine.run("docker", "top", container, "-o", "pid")
    return [PROC / pid for pid in done.stdout.split()[1:]]


def secrets_seen(stack: Stack, secrets: Mapping[str, str]) -> set[tuple[str, str, str]]:
    """Return which secret is seen, of which container or image, and where."""
    return {
        (name, what, where)
        for what, where, text in _texts(stack)
        for name, value in secrets.items()
        if value and value in text
    }


def _texts(stack: Stack) -> Iterator[tuple[str, str, str]]:
    docker = stack.engine.told
    yield "compose", "config", stack.compose("--profile", "*", "config")
    for image in {one["Config"]["Image"] for one in stack.inspect().values()}:
        yield image, "history", docker("docker", "history", "--no-trunc", image)
        yield image, "inspect", docker("docker", "image", "inspect", image)
    for name in stack.inspect():
        container = f"{NAME}-{name}"
        service = name.rsplit("-", 1)[0]
        yield service, "inspect", docker("docker", "inspect", container)
        yield service, "log", docker("docker", "logs", container)
        for process in processes(stack, container):
            yield service, "command line", _read(process / "cmdline")
            yield service, "environment", _read(process / "environ")


def rights(process: Path) -> dict[str, str]:
    """Return what the kernel says of a process."""
    lines = _read(process / "status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _read(file: Path) -> str:
    """Return the text of a file of /proc; nothing when the process has ended meanwhile."""
    try:
        return file.read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
