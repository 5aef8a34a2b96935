"""What the tests in containers share: one engine with the stand-ins for a whole run, and a system for each module."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine, lacking
from tests.containers.stack import Stack

KEPT = "BP_TEST_CONTAINERS_FOLDER"  # an engine's folder that stays for the next run, its images with it


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Yield a running engine with the images of other makers; it goes at the end, unless its folder is to be kept."""
    if "BP_TEST_CONTAINERS" not in os.environ:
        pytest.skip("asked for by: tests/run.sh containers")
    kept = os.environ.get(KEPT, "")
    folder = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="engine-"))
    folder.mkdir(parents=True, exist_ok=True)
    absent = list(lacking(folder))
    assert not absent, f"This machine lacks {', '.join(absent)}."
    made = Engine(folder / "root")
    made.start()
    try:
        made.make_stand_ins()
        yield made
    finally:
        made.stop()
        if not kept:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[Stack]:
    """Yield this project with its .env, nothing started; at the end all is deleted."""
    made = Stack(engine, engine.lay("project"))
    made.write_env()
    yield made
    made.delete()
    engine.told("docker", "volume", "prune", "--all", "--force")
    engine.told("docker", "image", "prune", "--force")
