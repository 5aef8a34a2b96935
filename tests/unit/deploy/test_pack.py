from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePath

import pytest
from packaging.requirements import Requirement

from deploy.pack import LEFT_OUT, OF_SPARK, pack, packed_requirements, write_archive, write_launcher
from deploy.submit.packed import (
    ENVIRONMENT_FILE,
    LOCK_FILE,
    MANIFEST_FILE,
    PACKAGE_NAME,
    PACKAGES,
    PackedError,
    manifest_of,
    python_version,
)

ROOT = Path(__file__).resolve().parents[3]
BASE_PYTHON = Path(sys.base_prefix) / "bin" / f"python{python_version()}"


def packed_names() -> set[str]:
    requirements = packed_requirements((ROOT / LOCK_FILE).read_text())
    return set(re.findall(r"^([a-z0-9-]+)==", requirements, re.MULTILINE))


def installed(names: set[str]) -> set[str]:
    """Keep those that this system needs; a lock also names what others do."""
    return names & {canonical(distribution.name) for distribution in metadata.distributions()}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules() -> Iterator[str]:
    """Return the first names of all modules that the packages for the executors import."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            yield from (name.split(".")[0] for name in names)


def test_requirements_keep_their_hashes_and_leave_out_spark_and_the_site() -> None:
    lock = (
        "flask==3.1.3 \\\n    --hash=sha256:aa\nnumpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:bb\n"
    )
    lock += "pyspark==4.2.0 \\\n    --hash=sha256:cc\n"

    expected = "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:bb\n"
    assert packed_requirements(lock) == expected


def test_what_is_left_out_is_in_the_lock() -> None:
    assert set(LEFT_OUT) <= set(re.findall(r"^([a-z0-9-]+)==", (ROOT / LOCK_FILE).read_text(), re.MULTILINE))


def test_everything_that_the_jobs_import_is_packed() -> None:
    owners = metadata.packages_distributions()
    foreign = set(imported_modules()) - set(sys.stdlib_module_names) - set(PACKAGES) - set(OF_SPARK)

    assert {"numpy", "msgspec", "xgboost"} <= foreign
    assert {name for name in foreign if not {canonical(owner) for owner in owners[name]} & packed_names()} == set()


def test_everything_that_a_packed_package_needs_is_packed() -> None:
    needed = {
        canonical(requirement.name)
        for name in installed(packed_names())
        for requirement in map(Requirement, metadata.requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }

    assert "joblib" in needed
    assert needed - packed_names() == set()


def test_the_same_content_gives_the_same_archive(tmp_path: Path) -> None:
    for name, modified_s in (("one", 1_000_000_000), ("two", 1_700_000_000)):
        module = tmp_path / name / "lib" / "module.py"
        module.parent.mkdir(parents=True)
        module.write_text("x = 1\n")
        os.utime(module, (modified_s, modified_s))
        write_launcher(tmp_path / name, PurePath("/usr/bin/python3.11"), "3.11")
        write_archive(tmp_path / name, tmp_path / f"{name}.tar.gz")

    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert archive.getmember("bin/python").mode == 0o755
        assert archive.getmember("bin/python3.11").linkname == "/usr/bin/python3.11"


def test_the_launcher_starts_the_workers_python_with_the_packages_of_the_environment(tmp_path: Path) -> None:
    write_launcher(tmp_path / "environment", BASE_PYTHON, python_version())
    package = tmp_path / "environment" / "lib" / f"python{python_version()}" / "site-packages" / "carried.py"
    package.parent.mkdir(parents=True)
    package.touch()

    code = "import carried, sys; print(sys.prefix, carried.__file__)"
    command = ["./environment/bin/python", "-c", code]
    ended = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=True)

    assert ended.stdout.split() == [str(tmp_path / "environment"), str(package)]


def test_a_worker_without_that_python_says_so(tmp_path: Path) -> None:
    write_launcher(tmp_path, PurePath("/nowhere/python3.11"), "3.11")

    ended = subprocess.run([tmp_path / "bin" / "python", "-c", ""], capture_output=True, text=True, check=False)

    assert ended.returncode == 127
    assert ended.stderr.startswith(
        "error: There is no Python at /nowhere/python3.11 on this machine. Install Python 3."
    )
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("python", ["python3.11", "/usr/bin/python3"])
def test_the_workers_python_is_given_with_place_and_version(tmp_path: Path, python: str) -> None:
    with pytest.raises(PackedError, match="is not an absolute path that ends in a version"):
        pack(ROOT, tmp_path, PurePath(python))


def test_workers_with_another_python_than_the_driver_are_refused_before_packing(tmp_path: Path) -> None:
    with pytest.raises(PackedError, match=rf"would be 3\.7, but this one, the driver's, is {python_version()};"):
        pack(ROOT, tmp_path / "packed", PurePath("/usr/bin/python3.7"))
    assert not (tmp_path / "packed").exists()


def test_an_environment_that_fits_is_not_packed_again_but_the_sources_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ENVIRONMENT_FILE).write_bytes(b"packed before")
    manifest = {**manifest_of(ROOT), "executor_python": str(BASE_PYTHON)}
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest))

    pack(ROOT, tmp_path, BASE_PYTHON)

    assert "fits conf/requirements.lock already" in capsys.readouterr().out
    assert (tmp_path / ENVIRONMENT_FILE).read_bytes() == b"packed before"
    assert (tmp_path / PACKAGE_NAME).exists()
