"""What a restored copy of the checkpoint goes on to, as docs/operations.md promises."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from elastic.names import OBSERVATIONS
from tests.integration.pipeline import Pipeline, reading

pytestmark = pytest.mark.integration


def test_checkpoint_put_back_from_a_copy_ends_in_the_same_documents(pipeline: Pipeline, tmp_path: Path) -> None:
    """The stores are ahead of the restored checkpoint: what lies between is read and written once more."""
    checkpoint, copy = pipeline.settings.checkpoint_dir, tmp_path / "copy"
    pipeline.send(*(reading(minute) for minute in (0, 15, 30)))
    pipeline.drain()
    shutil.copytree(checkpoint, copy)  # while the job is stopped
    pipeline.send(
        reading(20, systolic=190), reading(15), b"no json", reading(0, status="entered-in-error"), reading(45)
    )
    pipeline.drain()
    before = pipeline.everything()

    shutil.rmtree(checkpoint)
    shutil.copytree(copy, checkpoint)
    pipeline.drain()

    assert pipeline.everything() == before
    # and it goes on from there
    pipeline.send(reading(60))
    pipeline.drain()
    assert len(pipeline.observations()) == len(before[OBSERVATIONS]) + 1
