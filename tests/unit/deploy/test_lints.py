"""The linters find nothing in the containers' files, and each finds the defect that it is there for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.unit.deploy.compose import BASE, ROOT, TLS, VARIANTS, load, services

BIN = Path(sys.executable).parent
SCHEMA = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
YAMLLINT = [BIN / "yamllint", "--strict", "-c", ROOT / ".yamllint"]
HADOLINT = [BIN / "hadolint", "-c", ROOT / ".hadolint.yaml"]
SHELLCHECK = [BIN / "shellcheck", "--shell"]
YAML_FILES = (BASE, TLS, ROOT / ".yamllint", ROOT / ".hadolint.yaml")


def complaint(*command: object, given: str = "") -> str:
    """Return what a linter says; empty when it finds nothing."""
    done = subprocess.run([str(part) for part in command], input=given, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("file", [BASE, TLS], ids=lambda file: file.name)
def test_compose_files_keep_the_schema(file: Path) -> None:
    assert complaint(*SCHEMA, file) == ""


def test_both_files_together_keep_the_schema(tmp_path: Path) -> None:
    merged = tmp_path / "compose.yaml"
    merged.write_text(yaml.safe_dump(load(*VARIANTS["tls"])), encoding="utf-8")
    assert complaint(*SCHEMA, merged) == ""


@pytest.mark.parametrize("defect", [("mem_limit:", "memory_limit:"), ("start_period: 30s", "start_period: [30]")])
def test_a_misspelt_key_or_a_wrong_type_is_against_the_schema(tmp_path: Path, defect: tuple[str, str]) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(BASE.read_text(encoding="utf-8").replace(*defect), encoding="utf-8")
    assert "::services" in complaint(*SCHEMA, broken) or "$.services" in complaint(*SCHEMA, broken)


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.name)
def test_yaml_is_written_without_traps(file: Path) -> None:
    assert complaint(*YAMLLINT, file) == ""


def test_a_key_that_stands_twice_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text("services:\n  webapp:\n    cpus: 1\n    cpus: 2\n", encoding="utf-8")
    assert "key-duplicates" in complaint(*YAMLLINT, broken)


def test_the_dockerfile_is_clean() -> None:
    assert complaint(*HADOLINT, ROOT / "Dockerfile") == ""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("FROM python:3.11-slim-bookworm AS base", "FROM python:latest AS base", "DL3007"),
        ("FROM python:3.11-slim-bookworm AS base", "FROM python AS base", "DL3006"),
        ("USER 10001:10001", "USER root", "DL3002"),
        (" --no-install-recommends", "", "DL3015"),
        ("    && rm -rf /var/lib/apt/lists/*\n", "    && true\n", "DL3009"),
    ],
)
def test_defects_of_the_dockerfile_are_found(tmp_path: Path, old: str, new: str, code: str) -> None:
    broken = tmp_path / "Dockerfile"
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert old in text
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert code in complaint(*HADOLINT, broken)


def shell_lines() -> Iterator[tuple[str, str, str]]:
    """Yield service and part, shell, and script of each line of shell in the compose files."""
    for variant, files in VARIANTS.items():
        for name, service in services(load(*files)):
            how, *command = service.get("healthcheck", {}).get("test", [""])
            if how == "CMD-SHELL":
                yield f"{variant} {name} healthcheck", "sh", command[0]
            if service.get("entrypoint", [])[-1:] == ["-c"]:
                yield f"{variant} {name} command", "bash", service["command"][0]


@pytest.mark.parametrize(
    ("shell", "script"), [line[1:] for line in shell_lines()], ids=[line[0] for line in shell_lines()]
)
def test_shell_in_the_compose_files_is_clean(shell: str, script: str) -> None:
    assert complaint(*SHELLCHECK, shell, "-", given=script) == ""


def test_an_unquoted_word_in_shell_is_found() -> None:
    assert "SC2086" in complaint(*SHELLCHECK, "sh", "-", given="curl $address")
