"""What commit 5a51d4a has left, the last one before the folders were rebuilt; see ``tests/data/before/README.md``."""

from __future__ import annotations

import gzip
import json
import tarfile
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

STORED = Path(__file__).parents[1] / "data" / "before"
TOPIC = "takeover"
PARTITIONS = 2
VERSION = "20261129T152956Z-67304454"


@dataclass(frozen=True)
class Message:
    """One record of the topic."""

    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: str


@dataclass(frozen=True)
class Stored:
    """One document of Elasticsearch."""

    index: str
    id: str
    source: dict[str, Any]


def unpack(name: str, folder: Path) -> Path:
    """Unpack ``<name>.tar.gz`` into `folder`, and return that."""
    with tarfile.open(STORED / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@cache
def messages() -> tuple[Message, ...]:
    """Return the messages in the order of each partition."""
    return tuple(Message(**line) for line in _lines("messages"))


@cache
def documents() -> tuple[Stored, ...]:
    """Return all documents by index and id."""
    return tuple(Stored(line["_index"], line["_id"], line["_source"]) for line in _lines("documents"))


def indices() -> dict[str, dict[str, Any]]:
    """Return mappings, settings and aliases of the indices, by name."""
    return dict(json.loads((STORED / "indices.json").read_text(encoding="utf-8")))


def expectations() -> dict[str, Any]:
    """Return what must still hold of the site's database."""
    return dict(json.loads((STORED / "expectations.json").read_text(encoding="utf-8")))


def made_at() -> datetime:
    """Return when the last of it was made."""
    return datetime.fromisoformat(expectations()["made_at"])


def _lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(STORED / f"{name}.ndjson.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
