"""A stand-in for Kibana: it takes the real one's configuration, signs in to Elasticsearch, tells its status, imports.

It refuses what the real one refuses of a deployment: a configuration that it cannot read, variables that are not set,
an encryption key that is too short, a folder for its data that it cannot write, a password that Elasticsearch does not
take, an import by nobody it knows. Objects are kept in the folder of its data.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOME = Path("/usr/share/kibana")
DATA = HOME / "data"
OBJECTS = DATA / "objects.json"
PORT = 5601
KEY_LENGTH = 32
WATCH_S = 5
TIMEOUT_S = 10
FROM_ENVIRONMENT = (
    "elasticsearch.hosts",
    "elasticsearch.ssl.certificateAuthorities",
    "server.publicBaseUrl",
    "server.ssl.enabled",
    "server.ssl.certificate",
    "server.ssl.key",
)
status = {"level": "unavailable", "why": "starting"}


def say(message: str) -> None:
    """Write a line of log."""
    print(f"[{time.strftime('%FT%T')}][stand-in] {message}", flush=True)


def read_configuration() -> dict[str, str]:
    """Read ``key: value`` with ${VARIABLE}, then what the environment says in capitals, as the makers' wrapper does."""
    found = {}
    for line in (HOME / "config/kibana.yml").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            key, _, value = line.partition(":")
            found[key.strip()] = re.sub(r"\$\{(\w+)\}", lambda name: os.environ[name[1]], value.strip().strip('"'))
    for key in FROM_ENVIRONMENT:
        given = os.environ.get(key.upper().replace(".", "_"))
        if given:
            found[key] = given
    for key, value in found.items():
        if key.endswith("encryptionKey") and len(value) < KEY_LENGTH:
            sys.exit(f"FATAL {key} must be at least {KEY_LENGTH} characters")
    return found


def who(conf: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
    """Ask Elasticsearch whom it takes somebody for."""
    target = urlsplit(conf["elasticsearch.hosts"])
    host, port = target.hostname or "", target.port
    connection: http.client.HTTPConnection
    if target.scheme == "https":
        context = ssl.create_default_context(cafile=conf.get("elasticsearch.ssl.certificateAuthorities"))
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/_security/_authenticate", headers={"Authorization": authorization})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def watch(conf: Mapping[str, str]) -> None:
    """Be available while Elasticsearch takes Kibana's own account."""
    words = f"{conf['elasticsearch.username']}:{conf['elasticsearch.password']}"
    own = "Basic " + base64.b64encode(words.encode()).decode()
    while True:
        try:
            code, _answer = who(conf, own)
            now = {"level": "available", "why": ""} if code == 200 else {"level": "unavailable", "why": f"{code}"}
        except (OSError, http.client.HTTPException, ValueError) as error:
            now = {"level": "unavailable", "why": repr(error)}
        if now != status:
            say(f"status {now['level']} {now['why']}")
        status.update(now)
        time.sleep(WATCH_S)


def uploaded(content_type: str, body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of the file that a form carries."""
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    for part in message.iter_parts() if message.is_multipart() else ():
        if part.get_param("name", header="Content-Disposition") == "file":
            if not (part.get_filename() or "").endswith(".ndjson"):
                raise ValueError("the file is no .ndjson")
            yield from (json.loads(line) for line in part.get_content().splitlines() if line.strip())
            return
    raise ValueError("no file")


def keep(objects: Iterator[dict[str, Any]], *, overwrite: bool) -> dict[str, Any]:
    """Keep objects beside those that are there; return what Kibana answers to an import."""
    kept = json.loads(OBJECTS.read_text(encoding="utf-8")) if OBJECTS.exists() else {}
    errors, stored = [], 0
    for one in objects:
        key = f"{one['type']} {one['id']}"
        if key in kept and not overwrite:
            errors.append({"type": one["type"], "id": one["id"], "error": {"type": "conflict"}})
        else:
            kept[key] = one
            stored += 1
    OBJECTS.write_text(json.dumps(kept), encoding="utf-8")
    say(f"imported {stored}, failed {len(errors)}, there are {len(kept)}")
    answer = {"success": not errors, "successCount": stored, "warnings": []}
    return answer | ({"errors": errors} if errors else {})


class Server(ThreadingHTTPServer):
    """A server with its configuration."""

    conf: Mapping[str, str]


class Handler(BaseHTTPRequestHandler):
    """Status and import."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Tell the status."""
        if self.path != "/api/status":
            self.tell(404, {"message": "Not Found"})
        else:
            code = 200 if status["level"] == "available" else 503
            self.tell(code, {"status": {"overall": {"level": status["level"]}}})

    def do_POST(self) -> None:
        """Import saved objects."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        if url.path != "/api/saved_objects/_import":
            self.tell(404, {"message": "Not Found"})
            return
        if "kbn-xsrf" not in self.headers:
            self.tell(400, {"message": "Request must contain a kbn-xsrf header."})
            return
        code, account = who(self.server.conf, self.headers.get("Authorization", ""))
        if code != 200:
            self.tell(401, {"message": f"Elasticsearch says {code}"})
            return
        say(f"import asked by {account['username']} with roles {account['roles']}")
        try:
            overwrite = parse_qs(url.query).get("overwrite") == ["true"]
            self.tell(200, keep(uploaded(self.headers["Content-Type"], body), overwrite=overwrite))
        except ValueError as error:
            self.tell(400, {"message": str(error)})

    def tell(self, code: int, answer: Mapping[str, Any]) -> None:
        """Answer with JSON."""
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


def main() -> None:
    """Serve until the signal to end."""
    conf = read_configuration()
    (DATA / "uuid").write_text("stand-in", encoding="utf-8")
    say(f"configuration: {', '.join(sorted(conf))}; user {os.getuid()}:{os.getgid()}")
    threading.Thread(target=watch, args=(conf,), daemon=True).start()
    server = Server((conf.get("server.host", "localhost"), PORT), Handler)
    server.conf = conf
    if conf.get("server.ssl.enabled") == "true":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(conf["server.ssl.certificate"], conf["server.ssl.key"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    main()
