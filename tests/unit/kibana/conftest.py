"""The committed file, opened once."""

from __future__ import annotations

import pytest

from tests.unit.kibana.reading import Objects, committed_text, read


@pytest.fixture(scope="session")
def objects() -> Objects:
    """Return the saved objects; tests change copies only."""
    return read(committed_text())
