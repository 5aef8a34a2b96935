"""What the fuzz shares: how many examples, and an archive that costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.streaming import archive
from tests.fuzz.examples import Fuzz

EXAMPLES_IN_THE_SUITE = 300


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    """Return how many examples to ask (``--fuzz N``)."""
    asked: int | None = request.config.getoption("--fuzz")
    return EXAMPLES_IN_THE_SUITE if asked is None else asked


@pytest.fixture
def fuzz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fuzz:
    """Return what asks the laws; lines of the archive are made, but not written to the disk."""
    monkeypatch.setattr(archive, "write_table", lambda path, lines: None)  # noqa: ARG005 - the names are the function's
    return Fuzz(tmp_path)
