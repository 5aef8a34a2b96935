from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.submit.packed import (
    ENVIRONMENT_FILE,
    LOCK_FILE,
    MANIFEST_FILE,
    PackedError,
    check,
    manifest_of,
    write_package,
)

ROOT = Path(__file__).resolve().parents[4]
REMEDY = "Pack it with: ./spark-submit.sh pack --output "


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a project with a lock."""
    lock = tmp_path / "project" / LOCK_FILE
    lock.parent.mkdir(parents=True)
    lock.write_text("numpy==2.4.6\n")
    return tmp_path / "project"


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """Make a packed folder that fits."""
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / ENVIRONMENT_FILE).touch()
    write_manifest(folder, root)
    return folder


def write_manifest(folder: Path, root: Path, **changes: str) -> None:
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest_of(root), **changes}))


def refusal(folder: Path, root: Path) -> str:
    with pytest.raises(PackedError) as refused:
        check(folder, root)
    assert str(refused.value).endswith(f"{REMEDY}{folder}")
    return str(refused.value)


def test_an_environment_of_this_python_and_this_lock_may_be_sent(folder: Path, root: Path) -> None:
    check(folder, root)


@pytest.mark.parametrize("missing", [ENVIRONMENT_FILE, MANIFEST_FILE])
def test_what_is_missing_or_was_not_finished_is_named_with_the_remedy(folder: Path, root: Path, missing: str) -> None:
    (folder / missing).unlink()

    assert refusal(folder, root).startswith(f"There is no packed environment in {folder}.")


def test_half_a_manifest_counts_as_none(folder: Path, root: Path) -> None:
    (folder / MANIFEST_FILE).write_text('{"python": ')

    assert "There is no packed environment" in refusal(folder, root)


def test_an_environment_of_another_python_is_refused(folder: Path, root: Path) -> None:
    write_manifest(folder, root, python="3.7")

    assert f"is for Python 3.7, but the driver is Python {manifest_of(root)['python']}" in refusal(folder, root)


def test_an_environment_of_an_earlier_lock_is_refused(folder: Path, root: Path) -> None:
    (root / LOCK_FILE).write_text("numpy==2.5.5\n")

    assert f"packed from another {LOCK_FILE}" in refusal(folder, root)


def test_the_package_of_the_same_sources_is_the_same_file(tmp_path: Path) -> None:
    write_package(ROOT, tmp_path / "one.zip")
    write_package(ROOT, tmp_path / "two.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_driver_on_a_node_finds_the_page_of_the_report_in_the_package(tmp_path: Path) -> None:
    write_package(ROOT, tmp_path / "project.zip")
    with zipfile.ZipFile(tmp_path / "project.zip") as package:
        package.extractall(tmp_path / "project")
    words = [sys.executable, "-P", "-c", "import ml.report.page as page; print(page.PAGE.filename)"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "project")}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "project" / "ml" / "report" / "templates" / "report.html")


def test_the_package_holds_sources_and_templates_and_nothing_else(tmp_path: Path) -> None:
    write_package(ROOT, tmp_path / "one.zip")
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()

    assert {"conf/settings.py", "ml/features.py", "jobs/__init__.py", "producer/__init__.py"} <= set(names)
    assert any(name.startswith("elastic/templates/") for name in names)
    assert {Path(name).suffix for name in names} == {".py", ".json", ".html"}
