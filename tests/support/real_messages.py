"""Messages of real producers: other people's work, not ours to commit, and so not always there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def real_messages() -> Path:
    """Return their folder, ``../shared/fhir-examples`` beside the project or ``FHIR_EXAMPLES``; else skip."""
    folder = Path(os.environ.get("FHIR_EXAMPLES", PROJECT.parent / "shared" / "fhir-examples"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: these example messages are other people's work and not ours to commit")
    return folder
