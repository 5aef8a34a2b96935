"""The image holds what its services run, and nothing else; it can be told without building it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.secrets import APP_ID
from tests.unit.deploy.compose import ROOT, VARIANTS, environment_of, load, mounts, ours
from tests.unit.deploy.image import FOLDERS, STAGES
from tests.unit.deploy.kubernetes.manifests import DOCUMENTS, EXECUTOR, find

COMMANDS = {name: [str(word) for word in service["command"]] for name, service in ours(load(*VARIANTS["tls"]))}
COMMANDS |= {EXECUTOR: find(DOCUMENTS, EXECUTOR).command}  # on Kubernetes, where all others are the same


def copied(stage: str) -> list[str]:
    """Return the sources of the stage's COPY lines that come from the project, not from another stage."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", stage, flags=re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def ignored_by_pattern(_directory: str, names: list[str]) -> set[str]:
    """Tell what is left out, as .dockerignore has it for what lies within an allowed folder."""
    return {name for name in names if name in ("__pycache__", ".env", ".mypy_cache") or name.endswith(".pyc")}


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder /app of the image as far as it comes from the project."""
    app = tmp_path_factory.mktemp("app")
    for source in copied(STAGES[-1]):
        shutil.copytree(ROOT / source, app / source, ignore=ignored_by_pattern)
    return app


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_stage_of_the_dependencies_has_all_that_the_preparation_reads(tmp_path: Path) -> None:
    for source in copied(STAGES[1]):
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / source)
    check = (
        "import deploy.trim; from deploy.submit import prepare; prepare._jars_lock(); print(prepare.stamp_key(False))"
    )
    done = run(tmp_path, sys.executable, "-c", check)
    assert (done.returncode, len(done.stdout.strip())) == (0, 64), done.stderr


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_a_service_runs_is_in_the_image_and_takes_its_options(image: Path, command: list[str]) -> None:
    if command[0] == "spark-class":
        assert (Path(sys.executable).parent / "spark-class").exists()
        return
    program, dash_m, module, *options = command
    assert (program, dash_m) == ("python", "-m")
    if module == "deploy.submit":
        job, *options = options
        module = f"jobs.{job}"
    done = run(image, sys.executable, "-m", module, "--help")
    assert done.returncode == 0, done.stderr
    unknown = [word for word in options if word.startswith("--") and word not in done.stdout]
    assert unknown == []


def test_the_context_lets_in_what_is_copied_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {line[1:] for line in rules if line.startswith("!")}
    assert allowed == {source.split("/")[0] for stage in STAGES for source in copied(stage)}
    assert {"**/.env", "**/__pycache__", "deploy/kubernetes"} <= set(rules)


def test_the_image_runs_as_the_user_that_secrets_are_given_to() -> None:
    assert f"USER {APP_ID}:{APP_ID}" in STAGES[-1]
    assert re.search(rf"useradd --uid {APP_ID} --gid {APP_ID} .* surveillance", STAGES[-1])
    users = {str(service["user"]) for name, service in ours(load(*VARIANTS["tls"])) if service["user"] != "0:0"}
    assert users == {f"{APP_ID}:{APP_ID}"}


def test_every_volume_that_a_service_writes_gets_its_user_from_the_image_wherever_it_is_mounted_first() -> None:
    # a new volume takes the owner of the folder that it is mounted on, or root where there is none
    as_user = [service for _, service in ours(load(*VARIANTS["tls"])) if service["user"] != "0:0"]
    mounted = [mount for service in as_user for mount in mounts(service)]
    written = {source for source, _, can_write in mounted if can_write}
    assert {target for source, target, _ in mounted if source in written} - set(FOLDERS) == set()


def test_settings_of_the_image_name_folders_that_are_there() -> None:
    folders = dict(re.findall(r"(BP_\w+_DIR|SPARK_LOCAL_DIRS|TMPDIR)=(\S+)", STAGES[-1]))
    assert len(folders) == 6
    assert set(folders.values()) - set(FOLDERS) == set()


def test_what_each_service_writes_by_its_settings_is_on_a_volume() -> None:
    # a read-only image has no other place; what is not mounted would fail at the first write
    writes = {
        "stream": {"/data/local", "/data/checkpoints", "/data/archive", "/spark"},
        "webapp": {"/data/local"},
        "producer": {"/data/local"},
        "first-model": {"/data/models", "/data/archive", "/spark"},  # the rows of a training go into the data folder
        "retrain": {"/data/models", "/data/archive", "/data/local", "/spark"},
        "recalibrate": {"/data/models", "/data/local", "/spark"},
        "loop": {"/data/models", "/data/archive", "/data/local", "/spark"},  # it retrains
        "monitor": {"/data/models", "/data/local", "/spark"},  # it carries out promotions
        "prune": {"/data/archive"},
        "spark-worker": {"/data/checkpoints", "/data/archive"},
    }
    found = {
        name: {target for _, target, can_write in mounts(service) if can_write}
        for name, service in ours(load(*VARIANTS["plain"]))
        if service["user"] != "0:0"
    }
    assert {name: targets for name, targets in found.items() if targets} == writes


def test_driver_and_workers_share_state_and_archive() -> None:
    services = load(*VARIANTS["plain"])["services"]
    shared = {"checkpoints", "archive"}
    for name in ("stream", "spark-worker"):
        assert shared <= {source for source, _, _ in mounts(services[name])}
    assert services["stream"]["image"] == services["spark-worker"]["image"]


def test_native_libraries_find_a_place_that_allows_to_run_them() -> None:
    assert "TMPDIR=/scratch" in STAGES[-1]
    assert "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=/scratch" in STAGES[-1]
    for name, service in ours(load(*VARIANTS["tls"])):
        assert re.match(r"/scratch:exec,", service["tmpfs"][0]), name


def test_a_container_without_a_command_says_what_there_is(image: Path) -> None:
    command = json.loads(re.findall(r"^CMD (.+)$", STAGES[-1], flags=re.MULTILINE)[0])
    assert command[:2] == ["python", "-m"]
    assert run(image, sys.executable, *command[1:]).returncode == 0


def test_no_cache_of_pip_or_ivy_reaches_the_last_stage() -> None:
    taken = re.findall(r"^COPY --from=dependencies (\S+)", STAGES[-1], flags=re.MULTILINE)
    assert taken == ["/app/.venv", "/app/.local/jars/spark"]
    assert "PIP_NO_CACHE_DIR=1" in STAGES[1]


def test_what_no_service_runs_is_taken_out_in_the_layer_that_brings_it() -> None:
    (made,) = (line for line in STAGES[1].splitlines() if line.startswith("RUN "))
    assert re.search(r"deploy\.submit\.prepare .*&& python -m deploy\.trim \.venv$", made)
    assert "apt-get clean" in STAGES[0]


def test_no_service_is_told_to_use_another_folder_than_its_volume() -> None:
    for name, service in ours(load(*VARIANTS["tls"])):
        folders = [key for key in environment_of(service) if re.fullmatch(r"BP_\w+_DIR", key)]
        assert folders == [], name
