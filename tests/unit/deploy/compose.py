"""The compose files as the engine understands them: merged, with variables replaced. Small, and held to the real one.

`tests/unit/deploy/test_docker_compose.py` compares this with ``docker compose config``, where that is to be had.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from dotenv import dotenv_values

ROOT: Final = Path(__file__).resolve().parents[3]
BASE: Final = ROOT / "compose.yaml"
TLS: Final = ROOT / "compose.tls.yaml"
VARIANTS: Final = {"plain": (BASE,), "tls": (BASE, TLS)}
OUR_IMAGE: Final = "blood-pressure-surveillance"
REPLACED: Final = ("command", "entrypoint", "test")  # lists that an overlay replaces; others grow
VARIABLE: Final = re.compile(r"\$\$|\$\{(\w+)(?:(:[-?])((?:[^{}]|\{[^{}]*\})*))?\}")

Model = dict[str, Any]


class MissingVariableError(Exception):
    """A variable with ``:?`` has no value."""


def example_environment() -> dict[str, str]:
    """Return what .env holds after ``cp .env.example .env``."""
    return {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}


def read(path: Path) -> Model:
    """Return one file as it stands."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def load(*files: Path, environment: Mapping[str, str] | None = None) -> Model:
    """Return the files merged, each variable replaced by its value or its default."""
    model: Any = {}
    for file in files:
        model = _merge(model, read(file))
    return dict(_replace(model, example_environment() if environment is None else environment))


def variables(path: Path) -> set[str]:
    """Return the names of the variables that a file asks for."""
    text = "\n".join(
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    )
    return set(re.findall(r"(?<!\$)\$\{(\w+)", text))


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Replace variables as compose does: ``$$``, ``${A}``, ``${A:-default}`` (which may hold others), ``${A:?why}``."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name is None:
            return "$"
        if kind == ":?" and not environment.get(name):
            raise MissingVariableError(name)
        return environment.get(name) or (interpolate(rest, environment) if kind == ":-" else "")

    return VARIABLE.sub(value, text)


def services(model: Model) -> Iterator[tuple[str, Model]]:
    """Yield each service with its name."""
    yield from model["services"].items()


def ours(model: Model) -> Iterator[tuple[str, Model]]:
    """Yield the services that run our image."""
    return ((name, service) for name, service in services(model) if service["image"].startswith(OUR_IMAGE + ":"))


def mounts(service: Model) -> Iterator[tuple[str, str, bool]]:
    """Yield source (empty: a volume without a name), target, and whether it can be written, of each volume."""
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            source, target, *options = volume.split(":") if ":" in volume else ("", volume)
            yield source, target, options != ["ro"]


def in_memory(service: Model) -> dict[str, str]:
    """Return the options of each folder that a service has in memory alone."""
    short = dict(mount.partition(":")[::2] for mount in service.get("tmpfs", []))
    return short | {volume["target"]: "" for volume in service.get("volumes", []) if isinstance(volume, dict)}


def environment_of(service: Model) -> dict[str, str]:
    """Return the variables of a service as texts."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def dependencies(service: Model) -> Iterator[tuple[str, str]]:
    """Yield name and condition of each service that must be there first."""
    return ((name, how["condition"]) for name, how in service.get("depends_on", {}).items())


def _merge(old: Any, new: Any, key: str = "") -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merge(old.get(name), value, name) for name, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list) and key not in REPLACED:
        places = {_place(item) for item in new} if key == "volumes" else ()
        return [item for item in old if _place(item) not in places] + [item for item in new if item not in old]
    return new


def _place(volume: Any) -> str:
    """Return where a volume is mounted."""
    if isinstance(volume, dict):
        return str(volume["target"])
    after_source = re.search(r":(/[^:]+)", volume)
    return after_source[1] if after_source else str(volume)


def _replace(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _replace(item, environment) for name, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, environment) for item in value]
    return interpolate(value, environment) if isinstance(value, str) else value
