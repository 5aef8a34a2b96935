"""Where the producer stands, kept in ``producer.json`` so that a second start goes on without gap or repetition."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

POSITION_FILE: Final = "producer.json"


class Identity(msgspec.Struct, frozen=True):
    """What makes two runs the same stream; any difference means other patients, other messages or another topic.

    `forms` and `faults` are shares by name.
    """

    seed: int
    patients: int
    interval_us: int
    episode_factor: float
    topic: str
    forms: dict[str, float] = {}
    faults: dict[str, float] = {}


class Position(msgspec.Struct, frozen=True):
    """Every reading of the stream before `sent_before_us` has been acknowledged by Kafka."""

    identity: Identity
    epoch_us: int
    sent_before_us: int


def load_position(local_dir: Path) -> Position | None:
    """The stored position, or None when there is none that can be read."""
    try:
        return msgspec.json.decode((local_dir / POSITION_FILE).read_bytes(), type=Position)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def store_position(local_dir: Path, position: Position) -> None:
    """Replace the stored position in one step."""
    local_dir.mkdir(parents=True, exist_ok=True)
    temporary = local_dir / f".{POSITION_FILE}.{os.getpid()}"
    temporary.write_bytes(msgspec.json.encode(position))
    temporary.replace(local_dir / POSITION_FILE)
