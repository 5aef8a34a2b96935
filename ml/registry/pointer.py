"""Which version is in service: the pointer ``models/current.json`` and the journal ``models/promotions.jsonl``.

The pointer holds its own record of who moved it and why; the journal keeps all records. The pointer is moved first: if
the process ends before the journal has its line, the next move adds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from conf.files import write_whole
from ml.registry.files import BundleError, damaged, parse_object, read, to_json

POINTER: Final = "current.json"
JOURNAL: Final = "promotions.jsonl"
LOCK: Final = ".promotions.lock"

Action = Literal["publish", "rollback"]


@dataclass(frozen=True, slots=True)
class Promotion:
    """One move of the pointer; `manifest_sha256` pins the content of the version."""

    at: str
    action: Action
    version: str
    manifest_sha256: str
    by: str
    why: str


def make_promotion(action: Action, version: str, manifest_sha256: str, *, by: str, why: str, at: datetime) -> Promotion:
    """Return the record of a move made at `at` (aware) by a named person or job for a stated reason."""
    moment = at.astimezone(UTC).isoformat(timespec="seconds")
    return Promotion(moment, action, version, manifest_sha256, by, why)


def read_pointer(model_dir: Path) -> Promotion | None:
    """Return the move that put the present version into service, or None before the first one."""
    path = model_dir / POINTER
    if not path.exists():
        return None
    return _parse(read(path), path)


def read_journal(model_dir: Path) -> list[Promotion]:
    """Return all moves, oldest first, the last one being that of the pointer."""
    path = model_dir / JOURNAL
    lines = read(path).splitlines() if path.exists() else []
    moves = [_parse(line, path) for line in lines]
    pointer = read_pointer(model_dir)
    return moves if pointer is None or moves[-1:] == [pointer] else [*moves, pointer]


def move(model_dir: Path, promotion: Promotion) -> None:
    """Move the pointer in one step, then write the journal; hold `LOCK` meanwhile."""
    lines = [json.dumps(asdict(made)) + "\n" for made in (*read_journal(model_dir), promotion)]
    write_whole(model_dir / POINTER, to_json(asdict(promotion)), durable=True)
    write_whole(model_dir / JOURNAL, "".join(lines), durable=True)


def version_before(journal: list[Promotion]) -> str:
    """Return what a rollback goes back to: each publication covers the one before, each rollback uncovers it."""
    stack: list[str] = []
    for promotion in journal:
        if promotion.action == "rollback":
            del stack[-1:]
        elif stack[-1:] != [promotion.version]:
            stack.append(promotion.version)
    if len(stack) < 2:
        raise BundleError("There is no earlier version to go back to. Publish one with retrain --promote VERSION.")
    return stack[-2]


def _parse(content: bytes, path: Path) -> Promotion:
    value: dict[str, Any] = parse_object(content, path)
    try:
        return Promotion(**value)
    except TypeError as error:
        raise damaged(path, "its fields are not those of a promotion") from error
