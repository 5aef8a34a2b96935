"""Kibana as an importer sees it, in memory: an HTTP server that knows its status and the import of saved objects.

Like the real one it demands the header against forged requests, a multipart field ``file`` and a name that ends in
``.ndjson``, and tells of failed objects in the body of an answer with status 200. Faults are switched on by attribute.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message, MIMEPart
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import Answering, serving

Json = dict[str, Any]
Key = tuple[str, str]

CONFLICT: Json = {"type": "conflict"}


@dataclass
class FakeKibana:
    """What was imported and asked, and the faults that are still to come."""

    url: str = ""
    account: tuple[str, str] | None = None  # name and password; None: security is off
    may_import: bool = True
    status_faults: list[int] = field(default_factory=list)  # statuses of the next answers about the status
    import_faults: list[int] = field(default_factory=list)  # statuses of the next imports
    object_faults: dict[str, Json] = field(default_factory=dict)  # id -> what is told of the object that fails
    lost: set[str] = field(default_factory=set)  # ids of objects that are neither imported nor told of
    unanswered: int = 0  # so many next requests end with a closed connection
    page: bytes | None = None  # a page that a proxy shows instead
    objects: dict[Key, Json] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> tuple[int, Json]:
        """Return the status and body for one request."""
        url = urlsplit(target)
        self.requests.append(f"{method} {url.path}")
        if (method, url.path) == ("GET", "/api/status"):
            status = self.status_faults.pop(0) if self.status_faults else 200
            level = "available" if status == 200 else "unavailable"
            return status, {"status": {"overall": {"level": level}}}
        if (method, url.path) == ("POST", "/api/saved_objects/_import"):
            return self._import(parse_qs(url.query), headers, body)
        return _refused(404, "Not Found")

    def _import(self, query: dict[str, list[str]], headers: Message, body: bytes) -> tuple[int, Json]:
        if self.import_faults:
            return _refused(self.import_faults.pop(0), "a fault of the test")
        if self.account:
            pair = base64.b64encode(":".join(self.account).encode()).decode()
            if headers["Authorization"] != f"Basic {pair}":
                return _refused(401, "Unauthorized")
        if "kbn-xsrf" not in headers:
            return _refused(400, "Request must contain a kbn-xsrf header.")
        if not self.may_import:
            return _refused(403, "Unable to bulk_create dashboard,index-pattern")
        upload = _uploaded(headers["Content-Type"], body)
        if upload is None:
            return _refused(400, "[request body.file]: expected value of type [Stream] but got [undefined]")
        if not (upload.get_filename() or "").endswith(".ndjson"):
            return _refused(400, f"Invalid file extension {upload.get_filename()}")
        return 200, self._store(upload.get_content().splitlines(), overwrite=query.get("overwrite") == ["true"])

    def _store(self, lines: list[bytes], overwrite: bool) -> Json:
        errors: list[Json] = []
        stored = 0
        for object_ in (json.loads(line) for line in lines if line.strip()):
            key = object_["type"], object_["id"]
            fault = self.object_faults.get(object_["id"]) or (
                CONFLICT if key in self.objects and not overwrite else None
            )
            if fault:
                errors.append(
                    {"type": object_["type"], "id": object_["id"], "meta": {"title": "a title"}, "error": fault}
                )
            elif object_["id"] not in self.lost:
                self.objects[key] = object_
                stored += 1
        answer: Json = {"success": not errors, "successCount": stored, "warnings": []}
        return answer | ({"errors": errors} if errors else {})


def _uploaded(content_type: str | None, body: bytes) -> MIMEPart | None:
    """Return the part of a multipart body whose field is named ``file``."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + body, policy=HTTP)
    parts = message.iter_parts() if message.is_multipart() else iter(())
    return next((part for part in parts if part.get_param("name", header="Content-Disposition") == "file"), None)


def _refused(status: int, message: str) -> tuple[int, Json]:
    return status, {"statusCode": status, "error": "an error", "message": message}


@contextmanager
def running(certificate: Path | None = None) -> Iterator[FakeKibana]:
    """Run a fake on a free port of this machine, stopped afterwards; over TLS with a certificate (key beside it)."""
    fake = FakeKibana()
    with serving(_handler(fake), certificate) as fake.url:
        yield fake


def _handler(fake: FakeKibana) -> type[Answering]:
    class Handler(Answering):
        def handle_any(self) -> None:
            body = self.read()
            if fake.unanswered:
                fake.unanswered -= 1
                self.close_connection = True
                return
            status, answer = fake.answer(self.command, self.path, self.headers, body)
            self.send(status, fake.page or json.dumps(answer).encode())

        do_GET = do_POST = handle_any  # noqa: N815

    return Handler
