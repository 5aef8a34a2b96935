"""The Dockerfile as its tests read it."""

from __future__ import annotations

import re
from typing import Final

from tests.unit.deploy.compose import ROOT

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STAGES: Final = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
FOLDERS: Final = {  # that the last stage makes, each with its mode
    folder: (re.findall(r"--mode=(\d+)", options) or ["755"])[0]
    for options, names in re.findall(r"install --directory((?: +--\S+)*)((?: +/\S+)+)", STAGES[-1])
    for folder in names.split()
}
