"""The real ``docker compose config`` accepts the files, in every profile and with TLS, and reads them as we do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.deploy import docker_compose
from tests.unit.deploy.compose import BASE, ROOT, VARIANTS, environment_of, in_memory, load, mounts, services

PROFILES = ("", "demo", "cluster", "batch", "*")

pytestmark = pytest.mark.timeout(docker_compose.BUILD_TIMEOUT_S * 2)


@pytest.fixture(scope="session")
def compose() -> docker_compose.Command:
    command, reason = docker_compose.find()
    if not command:
        pytest.skip(reason)
    return command


def run(
    compose: docker_compose.Command, *arguments: object, env_file: Path = ROOT / ".env.example"
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BP_", "COMPOSE_"))}
    command = [*compose, "--env-file", str(env_file), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def files(variant: str) -> list[object]:
    return [part for file in VARIANTS[variant] for part in ("-f", file)]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_profile_is_accepted(compose: docker_compose.Command, variant: str, profile: str) -> None:
    chosen = ["--profile", profile] if profile else []
    done = run(compose, *files(variant), *chosen, "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_real_one_reads_the_files_as_these_tests_do(compose: docker_compose.Command, variant: str) -> None:
    done = run(compose, *files(variant), "--profile", "*", "config", "--format", "json")
    theirs: dict[str, Any] = json.loads(done.stdout)["services"]
    own = dict(services(load(*VARIANTS[variant])))
    assert set(theirs) == set(own)
    for name, service in own.items():
        assert {key: str(value) for key, value in theirs[name].get("environment", {}).items()} == environment_of(
            service
        ), name
        unescaped = [word.replace("$$", "$") for word in theirs[name].get("command") or []]
        assert unescaped == [str(word) for word in service.get("command", [])], name
        assert ("build" in theirs[name], theirs[name].get("pull_policy")) == (
            "build" in service,
            service.get("pull_policy"),
        ), name
        volumes = theirs[name].get("volumes", [])
        in_volumes = {volume["target"] for volume in volumes if volume["type"] != "tmpfs"}
        assert in_volumes == {target for _, target, _ in mounts(service)}, name
        memory = {volume["target"] for volume in volumes if volume["type"] == "tmpfs"}
        assert memory | {mount.split(":")[0] for mount in theirs[name].get("tmpfs", [])} == set(in_memory(service)), (
            name
        )
        assert len(theirs[name].get("ports", [])) == len(service.get("ports", [])), name
        assert {port["host_ip"] for port in theirs[name].get("ports", [])} <= {"127.0.0.1"}, name


def test_copying_the_example_file_starts_the_system_with_simulated_patients(compose: docker_compose.Command) -> None:
    started = set(run(compose, "-f", BASE, "config", "--services").stdout.split())
    assert {"stream", "webapp", "kibana-import", "producer", "first-model"} <= started
    assert started & {"retrain", "recalibrate", "loop", "monitor", "prune", "spark-master", "spark-worker"} == set()


def test_without_the_example_file_it_says_what_to_do(compose: docker_compose.Command, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    done = run(compose, "-f", BASE, "config", "--quiet", env_file=tmp_path / "empty")
    assert done.returncode != 0
    assert "copy .env.example to .env" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("      setup: {condition", "      set-up: {condition", "undefined service"),
        ("      - models:/data/models\n", "      - model:/data/models\n", "undefined volume"),
        ("      - source: kibana\n", "      - source: kibanas\n", "undefined config"),
        ("condition: service_healthy}", "condition: healthy}", "condition"),
    ],
)
def test_planted_defects_are_refused(
    compose: docker_compose.Command, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    text = BASE.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "compose.yaml"
    broken.write_text(text.replace(old, new), encoding="utf-8")
    done = run(compose, "-f", broken, "--profile", "*", "config", "--quiet")
    assert done.returncode != 0
    assert complaint in done.stderr
