"""The state file: which port each node was started on, so that later commands find it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from embedded.paths import STATE_FILE

Ports = dict[str, int]


def read_ports(local_dir: Path) -> Ports:
    """Port by node name; empty when nothing was started or the file is damaged."""
    try:
        content = json.loads((local_dir / STATE_FILE).read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in content["ports"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_ports(local_dir: Path, ports: Ports) -> None:
    """Replace the state file in one step; remove it when `ports` is empty."""
    target = local_dir / STATE_FILE
    if not ports:
        target.unlink(missing_ok=True)
        return
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps({"ports": ports}, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, target)
