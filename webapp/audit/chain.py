"""One writer's chain of audit events: spooled to a file first, then shipped to Elasticsearch.

Each document names its chain, its number in it and the SHA-256 of the one before, so that a document that was changed
or taken out shows. The spool is locked while its writer lives; what a writer leaves behind is shipped by another.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from elasticsearch import ApiError, Elasticsearch, TransportError

from elastic.names import AUDIT

log = logging.getLogger(__name__)

GENESIS: Final = "0" * 64
SUFFIX: Final = ".jsonl"
LINES_PER_REQUEST: Final = 500
CONFLICT_STATUS: Final = 409  # this very document is there already

Event = Mapping[str, Any]


def hash_of(document: Event) -> str:
    """SHA-256 of a document without its own hash, keys sorted."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Chain:
    """Appends events under one lock and ships them under another; the file is made with the first event."""

    def __init__(self, folder: Path) -> None:
        self.id = uuid.uuid4().hex
        self._path = folder / f"{self.id}{SUFFIX}"
        self._file: IO[bytes] | None = None
        self._appending, self._shipping = threading.Lock(), threading.Lock()
        self._sequence, self._previous = 0, GENESIS
        self._shipped_bytes = 0

    def append(self, event: Event) -> None:
        """Add one event to the chain and the spool."""
        with self._appending:
            document = {**event, "chain_id": self.id, "seq": self._sequence, "prev_sha256": self._previous}
            document["sha256"] = self._previous = hash_of(document)
            self._sequence += 1
            self._file = self._file or _open_locked(self._path)
            self._file.write(json.dumps(document).encode() + b"\n")
            self._file.flush()

    def ship(self, client: Elasticsearch) -> bool:
        """Send what is spooled and empty the spool; False when Elasticsearch did not take all of it."""
        with self._shipping:
            waiting = self._read_waiting()
            if not _send(client, waiting.splitlines()):
                return False
            with self._appending:
                self._shipped_bytes += len(waiting)
                if self._file and self._shipped_bytes == self._path.stat().st_size:
                    self._file.truncate(0)
                    self._shipped_bytes = 0
        return True

    def _read_waiting(self) -> bytes:
        """What is spooled and not shipped; each write is one whole line."""
        with self._appending:
            if self._file is None:
                return b""
            with self._path.open("rb") as file:
                file.seek(self._shipped_bytes)
                return file.read()

    def close(self, client: Elasticsearch) -> None:
        """Ship the rest; the file goes when it is empty, else the next writer takes it over."""
        is_empty = self.ship(client)
        with self._appending:
            if self._file is None:
                return
            if is_empty and self._path.stat().st_size == 0:
                self._path.unlink()
            self._file.close()
            self._file = None


def ship_leftovers(folder: Path, client: Elasticsearch) -> None:
    """Ship the spools of writers that are gone, and remove them."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(OSError), path.open("rb") as file:  # locked: its writer lives
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _send(client, file.read().splitlines()):
                path.unlink()


def _open_locked(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _send(client: Elasticsearch, lines: Sequence[bytes]) -> bool:
    parts = (lines[start : start + LINES_PER_REQUEST] for start in range(0, len(lines), LINES_PER_REQUEST))
    return all(_send_part(client, [json.loads(line) for line in part]) for part in parts)


def _send_part(client: Elasticsearch, documents: Sequence[Event]) -> bool:
    operations = [entry for document in documents for entry in (_header(document), document)]
    try:
        answer = client.bulk(operations=operations)
    except (ApiError, TransportError) as error:
        log.warning("audit events wait in the spool: %s", error)
        return False
    refused = [item["create"] for item in answer["items"] if item["create"]["status"] not in (201, CONFLICT_STATUS)]
    for item in refused:
        log.error("audit event %s was not taken (status %s)", item["_id"], item["status"])
    return not refused


def _header(document: Event) -> Event:
    month = document["@timestamp"][:7].replace("-", ".")
    return {"create": {"_index": f"{AUDIT}-{month}", "_id": f"{document['chain_id']}-{document['seq']}"}}
