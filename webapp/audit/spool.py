"""Audit events on their way: appended to a file first, then shipped to Elasticsearch.

Each event bears its writer's id (``chain_id``) and its number there (``seq``), which make its document's id, so that
shipping it again adds nothing. The file is locked while its writer lives; what one leaves behind is shipped by another.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from elasticsearch import ApiError, Elasticsearch, TransportError
from elasticsearch.helpers import streaming_bulk

from conf.times import to_us
from elastic.client import CONFLICT_STATUS
from elastic.names import AUDIT, monthly_index

log = logging.getLogger(__name__)

SUFFIX: Final = ".jsonl"

Event = Mapping[str, Any]


class Spool:
    """Appends events under one lock and ships them under another; the file is made with the first event."""

    def __init__(self, folder: Path) -> None:
        self._writer_id = uuid.uuid4().hex
        self._path = folder / f"{self._writer_id}{SUFFIX}"
        self._file: IO[bytes] | None = None
        self._appending, self._shipping = threading.Lock(), threading.Lock()
        self._number = 0
        self._shipped_bytes = 0

    def append(self, event: Event) -> None:
        """Add one event."""
        with self._appending:
            document = {**event, "chain_id": self._writer_id, "seq": self._number}
            self._number += 1
            self._file = self._file or _open_locked(self._path)
            self._file.write(json.dumps(document).encode() + b"\n")
            self._file.flush()

    def ship(self, client: Elasticsearch) -> bool:
        """Send what is spooled and empty the file; False when Elasticsearch did not take all of it."""
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
        """Return what is spooled and not shipped; each write is one whole line."""
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
    """Ship the files of writers that are gone, and remove them."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(OSError), path.open("rb") as file:  # locked: its writer lives
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _send(client, file.read().splitlines()):
                path.unlink()


def _open_locked(path: Path) -> IO[bytes]:
    """Open a file that this user alone may read; its lock lasts as long as the writer lives."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _send(client: Elasticsearch, lines: Sequence[bytes]) -> bool:
    """Tell whether Elasticsearch has all events of these lines now, be it from an earlier time."""
    try:
        answers = list(streaming_bulk(client, map(_to_operation, lines), raise_on_error=False))
    except (ApiError, TransportError) as error:
        log.warning("audit events wait in the spool: %s", error)
        return False
    refused = [answer["create"] for is_new, answer in answers if not is_new]
    refused = [answer for answer in refused if answer["status"] != CONFLICT_STATUS]
    for answer in refused:
        log.error("audit event %s was not taken (status %s)", answer["_id"], answer["status"])
    return not refused


def _to_operation(line: bytes) -> dict[str, Any]:
    event = json.loads(line)
    return {
        "_op_type": "create",
        "_index": monthly_index(AUDIT, to_us(datetime.fromisoformat(event["@timestamp"]))),
        "_id": f"{event['chain_id']}-{event['seq']}",
        "_source": event,
    }
