"""Which version is in service, and which one scores beside it: two pointers, each with its journal.

``models/current.json`` names the version in service (journal ``promotions.jsonl``), ``models/challenger.json`` the one
beside it (``challengers.jsonl``). A pointer holds its own record of who moved it and why; its journal keeps all
records. The pointer is moved first: if the process ends before the journal has its line, the next move adds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from conf.files import write_whole
from ml.registry.files import BundleError, damaged, parse_object, read, to_json

LOCK: Final = ".promotions.lock"

Action = Literal["publish", "rollback", "appoint", "dismiss"]


@dataclass(frozen=True, slots=True)
class Pointer:
    """The names of a pointer and of its journal, in the folder of the models."""

    file: str
    journal: str


SERVICE: Final = Pointer("current.json", "promotions.jsonl")
CHALLENGER: Final = Pointer("challenger.json", "challengers.jsonl")


@dataclass(frozen=True, slots=True)
class Promotion:
    """One move of a pointer; `manifest_sha256` pins the content of the version."""

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


def read_pointer(model_dir: Path, pointer: Pointer = SERVICE) -> Promotion | None:
    """Return the last move of a pointer, or None before the first one."""
    path = model_dir / pointer.file
    if not path.exists():
        return None
    return _parse(read(path), path)


def read_challenger(model_dir: Path) -> Promotion | None:
    """Return the move that appointed the present challenger, None where there is none; cheap enough for every batch."""
    last = read_pointer(model_dir, CHALLENGER)
    return last if last is not None and last.action == "appoint" else None


def read_journal(model_dir: Path, pointer: Pointer = SERVICE) -> list[Promotion]:
    """Return all moves, oldest first, the last one being that of the pointer."""
    path = model_dir / pointer.journal
    lines = read(path).splitlines() if path.exists() else []
    moves = [_parse(line, path) for line in lines]
    last = read_pointer(model_dir, pointer)
    return moves if last is None or moves[-1:] == [last] else [*moves, last]


def move(model_dir: Path, promotion: Promotion, pointer: Pointer = SERVICE) -> None:
    """Move a pointer in one step, then write its journal; hold `LOCK` meanwhile."""
    lines = [json.dumps(asdict(made)) + "\n" for made in (*read_journal(model_dir, pointer), promotion)]
    write_whole(model_dir / pointer.file, to_json(asdict(promotion)), durable=True)
    write_whole(model_dir / pointer.journal, "".join(lines), durable=True)


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
