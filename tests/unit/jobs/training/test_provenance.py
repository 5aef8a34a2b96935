from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from itertools import count
from pathlib import Path

import pytest

from conf.settings import PROJECT_ROOT
from jobs.training.provenance import VERSION, Provenance, code_version, lock_hashes

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a repository with one commit of one file."""
    (tmp_path / "file").write_text("as committed")
    author = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "file"], [*author, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, env={**os.environ, **NOBODY})
    return tmp_path


def head(clone: Path) -> str:
    told = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def test_the_version_is_that_of_the_package() -> None:
    assert tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@needs_git
def test_a_clone_tells_its_commit_and_whether_files_were_changed_since(clone: Path) -> None:
    assert code_version(clone) == f"{VERSION}, commit {head(clone)}"
    (clone / "file").write_text("changed")
    assert code_version(clone) == f"{VERSION}, commit {head(clone)}-dirty"


def test_without_git_the_version_of_the_package_is_told(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(clone))
    assert code_version(clone) == f"{VERSION}, commit not known"


@needs_git
def test_a_copy_inside_of_another_repository_does_not_tell_that_ones_commit(clone: Path) -> None:
    copy = clone / "copy"
    copy.mkdir()
    assert code_version(copy) == f"{VERSION}, commit not known"


@needs_git
def test_a_damaged_clone_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert code_version(tmp_path) == f"{VERSION}, commit not known"


def test_the_hashes_are_those_of_the_lock_files_that_there_are(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "requirements.lock").write_bytes(b"numpy==2")
    assert lock_hashes(tmp_path) == {"requirements.lock": hashlib.sha256(b"numpy==2").hexdigest()}
    assert set(lock_hashes()) == {"requirements.lock", "jars.lock"}


def test_a_stage_takes_as_long_as_all_its_blocks() -> None:
    ticks = count(0, 10)
    made = Provenance({"fits": 7}, clock=lambda: next(ticks))
    for name in ("boosters", "calibration", "boosters"):
        with made.stage(name):
            pass
    assert made.describe()["seconds"] == {"boosters": 20.0, "calibration": 10.0}


def test_a_stage_that_fails_is_no_stage() -> None:
    made = Provenance({})
    with pytest.raises(ValueError, match="no rows"), made.stage("rows"):
        raise ValueError("no rows")
    assert made.describe()["seconds"] == {}


def test_code_locks_and_seeds_are_told_in_plain_values() -> None:
    made = Provenance({"fits": 7}, code="0.1.0, commit abc", locks={})
    told = made.describe()
    assert json.loads(json.dumps(told)) == told
    assert (told["code"], told["locks_sha256"], told["seeds"]) == ("0.1.0, commit abc", "not known", {"fits": 7})
    assert Provenance({}).describe()["locks_sha256"] != "not known"
