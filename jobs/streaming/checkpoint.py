"""The guard of the checkpoint: what it was made with stands beside it, and only a fitting start may go on from it.

Topic, shuffle partitions and the layout of the window state are part of a checkpoint. A start that differs would read
wrong state or silently miss data, so it stops with the remedy and touches nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conf.errors import UserError
from conf.files import only_one, write_whole
from conf.settings import Settings
from fhir.pseudonyms import key_check
from jobs.pseudonym import pseudonym_key
from jobs.streaming.window_state import STATE_LENGTH, STATEMENT
from ml.features import WINDOW_LENGTH

FINGERPRINT: Final = "fingerprint.json"
LOCK: Final = "lock"
PSEUDONYMS: Final = "pseudonyms"


class CheckpointError(UserError):
    """The checkpoint does not fit this start, or another job is using it."""


def fingerprint(settings: Settings) -> dict[str, object]:
    """Return what a checkpoint depends on, by name."""
    key = pseudonym_key(settings)
    return {
        "topic": settings.kafka_topic,
        "shuffle_partitions": settings.shuffle_partitions,
        "window_length": WINDOW_LENGTH,
        "state_length": STATE_LENGTH,
        "entry_layout": hashlib.sha256(str(STATEMENT.descr).encode()).hexdigest()[:16],
        PSEUDONYMS: None if key is None else key_check(key),
    }


@contextmanager
def guarded(settings: Settings, queries: tuple[str, ...]) -> Iterator[bool]:
    """Hold the checkpoint for this job alone; yield whether it is new.

    Raises `CheckpointError` if it was made by a different job, is incomplete, or is in use.
    """
    directory = settings.checkpoint_dir
    existing = [query for query in queries if (directory / query).exists()]
    is_new = not existing and not (directory / FINGERPRINT).exists()
    if not is_new:
        _check(directory, fingerprint(settings), existing, queries)

    def in_use(holder: str) -> CheckpointError:
        return CheckpointError(f"The job with process id {holder} is using the checkpoint {directory}. Stop it first.")

    with only_one(directory / LOCK, in_use):
        if is_new:
            write_whole(directory / FINGERPRINT, json.dumps(fingerprint(settings), indent=1))
        for query in existing:
            if not (_has_batch(directory / query, "offsets") or _has_batch(directory / query, "commits")):
                # Killed before its first micro-batch was planned: Spark refuses a state without one. Nothing was read.
                shutil.rmtree(directory / query)
        yield is_new


def _check(directory: Path, ours: dict[str, object], existing: list[str], queries: tuple[str, ...]) -> None:
    path = directory / FINGERPRINT
    if not path.exists():
        raise CheckpointError(f"The checkpoint {directory} has no {FINGERPRINT}. {_remedy(directory)}")
    for query in existing:
        if _has_batch(directory / query, "commits") and not (directory / query / "metadata").exists():
            raise CheckpointError(
                f"The checkpoint {directory / query} has lost its metadata file. {_remedy(directory)}"
            )
    if set(existing) != set(queries) and any(_has_batch(directory / query, "commits") for query in existing):
        missing = ", ".join(sorted(set(queries) - set(existing)))
        raise CheckpointError(f"The checkpoint {directory} lacks the query {missing}. {_remedy(directory)}")
    theirs = _read(path)
    if theirs.get(PSEUDONYMS) != ours[PSEUDONYMS]:
        raise CheckpointError(
            f"The checkpoint {directory} was made with another BP_PSEUDONYM_KEY, or without one. Set it back; to "
            "change it, everything that is stored must go first: see Privacy in docs/operations.md."
        )
    different = [f"{name} {theirs.get(name)} -> {value}" for name, value in ours.items() if theirs.get(name) != value]
    if different:
        raise CheckpointError(
            f"The checkpoint {directory} was made with other settings ({'; '.join(different)}). "
            f"Set them back, or: {_remedy(directory)}"
        )


def _has_batch(query: Path, log: str) -> bool:
    """Tell whether a micro-batch was ever planned (log offsets) or finished (log commits)."""
    return (query / log).is_dir() and any(path.name.isdigit() for path in (query / log).iterdir())


def _read(path: Path) -> dict[str, object]:
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        theirs = None
    if not isinstance(theirs, dict):
        raise CheckpointError(f"The file {path} is damaged. {_remedy(path.parent)}")
    return theirs


def _remedy(directory: Path) -> str:
    return (
        f"To rebuild everything from Kafka, move {directory} away (or set BP_CHECKPOINT_DIR to a new folder) and start "
        "again; ids are deterministic, so no document is doubled."
    )
