"""The chart library is the one that was checked, and its licence goes with it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "vendor.sh"
FOLDER = ROOT / "webapp" / "static" / "vendor" / "uplot-1.6.32"

NPM = """#!/usr/bin/env bash
while [[ $1 != --pack-destination ]]; do shift; done
tar -czf "$2/uplot-1.6.32.tgz" -C "{package_parent}" package
"""


@pytest.fixture
def npm(tmp_path: Path) -> Path:
    """Return a folder with an npm that packs something else under the right name."""
    package = tmp_path / "package" / "dist"
    package.mkdir(parents=True)
    (package / "uPlot.iife.min.js").write_text("stolen()")
    command = tmp_path / "bin" / "npm"
    command.parent.mkdir()
    command.write_text(NPM.format(package_parent=tmp_path))
    command.chmod(0o755)
    return command.parent


def test_the_library_is_the_version_that_its_folder_names() -> None:
    assert "v1.6.32" in (FOLDER / "uPlot.iife.min.js").read_text(encoding="utf-8")[:400]


def test_the_licence_goes_with_it() -> None:
    assert "MIT License" in (FOLDER / "LICENSE").read_text(encoding="utf-8")


def test_an_archive_with_another_checksum_is_refused(tmp_path: Path, npm: Path) -> None:
    target = tmp_path / "vendor"
    path = f"{npm}:{os.environ['PATH']}"

    done = subprocess.run([SCRIPT, target], env={"PATH": path}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "another SHA-512 than expected" in done.stderr
    assert not [file for file in target.rglob("*") if file.is_file()]


def test_the_checksum_is_a_sha_512() -> None:
    checksum = re.search(r"SHA512=([0-9a-f]+)\n", SCRIPT.read_text(encoding="utf-8"))

    assert checksum is not None
    assert len(checksum[1]) == hashlib.sha512().digest_size * 2
