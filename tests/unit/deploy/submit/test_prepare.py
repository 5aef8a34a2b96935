from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.submit import jars, prepare
from deploy.submit.prepare import PrepareError, Steps

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a prepared copy of the project: lock files, stamp, an interpreter and (empty) jars."""
    for folder in ("conf", "deploy"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    for name in jars.read_lock(jars.LOCK_FILE.read_text(encoding="utf-8")):
        (jars.JARS_DIR / name).parent.mkdir(parents=True, exist_ok=True)
        (jars.JARS_DIR / name).touch()
    prepare.VENV_PYTHON.parent.mkdir(parents=True)
    prepare.VENV_PYTHON.touch()
    prepare.LOG_FILE.parent.mkdir(parents=True)
    stamp("user")
    return tmp_path


def stamp(kind: str) -> None:
    prepare.STAMP_FILE.write_text(json.dumps({kind: prepare.stamp_key(kind == "dev")}), encoding="utf-8")


@pytest.mark.usefixtures("project")
def test_a_prepared_machine_is_not_prepared_again() -> None:
    assert prepare.is_prepared(dev=False)


@pytest.mark.usefixtures("project")
def test_a_users_environment_is_not_enough_for_a_developer_but_the_other_way_round() -> None:
    assert not prepare.is_prepared(dev=True)

    stamp("dev")

    assert prepare.is_prepared(dev=True)
    assert prepare.is_prepared(dev=False)


@pytest.mark.parametrize("lock_file", [prepare.REQUIREMENTS[False], jars.LOCK_FILE, jars.IVY_FILE])
@pytest.mark.usefixtures("project")
def test_a_changed_lock_file_asks_for_a_new_preparation(lock_file: Path) -> None:
    with lock_file.open("a", encoding="utf-8") as file:
        file.write("\n")

    assert not prepare.is_prepared(dev=False)


@pytest.mark.usefixtures("project")
def test_a_missing_jar_asks_for_a_new_preparation() -> None:
    next(jars.JARS_DIR.glob("kafka/*")).unlink()

    assert not prepare.is_prepared(dev=False)


@pytest.mark.usefixtures("project")
def test_a_missing_environment_asks_for_a_new_preparation() -> None:
    prepare.VENV_PYTHON.unlink()

    assert not prepare.is_prepared(dev=False)


@pytest.mark.usefixtures("project")
def test_a_failed_step_gives_its_last_line_and_the_log() -> None:
    command = [sys.executable, "-c", "print('first'); print('No matching distribution'); raise SystemExit(1)"]

    with pytest.raises(PrepareError) as failure:
        Steps(total=3).run("Python packages", command)

    assert str(failure.value) == (
        "Python packages: failed (No matching distribution). Is the network there? "
        "The whole output is in .local/logs/setup.log."
    )
    assert "first" in prepare.LOG_FILE.read_text(encoding="utf-8")


@pytest.mark.usefixtures("project")
def test_steps_are_numbered_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(total=2)
    steps.skip("Environment")
    steps.run("Packages", [sys.executable, "-c", "print('Collecting numpy')"], mark="Collecting ", total=1)

    assert capsys.readouterr().out.splitlines() == [
        "[1/2] Environment: there",
        "[2/2] Packages ...",
        "[2/2] Packages: done in 0 s",
    ]


def test_the_check_of_the_jars_ends_with_the_name_of_the_first_wrong_file(project: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.submit.jars"], cwd=project, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: .local/jars/elasticsearch/elasticsearch-8.8.2.zip is not the file that")
