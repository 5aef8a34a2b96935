"""A mail server for tests: takes mails over a real socket, in clear text, with STARTTLS, or in TLS throughout.

The standard library has none any more, and it needs six commands of RFC 5321.
"""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path


@dataclass
class MailServer:
    """What it has taken, who may sign in (nobody must, unless set), and what it answers instead of taking a mail."""

    mails: list[EmailMessage] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    login: tuple[str, str] | None = None
    refusal: str = ""  # "451 try later": the answer to DATA
    recipient_refusal: str = ""  # the answer to RCPT
    farewell: str = "221 bye"
    port: int = 0


class _Session(socketserver.StreamRequestHandler):
    """One connection; `server.state` is the mail server, `server.context` its TLS, `server.is_tls` from the start."""

    timeout = 10
    server: _Server

    def handle(self) -> None:
        state, server = self.server.state, self.server
        self.encrypted, self.is_known = server.is_tls, False
        if server.is_tls:
            self._encrypt()
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            command = line.split(":")[0].upper().split(" ")[0]
            if command == "EHLO":
                self._say(
                    "250-test\r\n250-AUTH PLAIN"
                    + ("\r\n250-STARTTLS" if self._may_encrypt() else "")
                    + "\r\n250 8BITMIME"
                )
            elif command == "STARTTLS":
                self._say("220 go on")
                self._encrypt()
            elif command == "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                self.is_known = (user, password) == state.login
                self._say("235 welcome" if self.is_known else "535 who are you")
            elif command == "MAIL" and state.login and not self.is_known:
                self._say("530 sign in first")
            elif command == "RCPT":
                self._say(state.recipient_refusal or "250 yes")
            elif command == "DATA":
                self._take(state)
            elif command == "QUIT":
                self._say(state.farewell)
                return
            else:
                self._say("250 yes")

    def _may_encrypt(self) -> bool:
        return bool(self.server.context and not self.encrypted)

    def _take(self, state: MailServer) -> None:
        self._say("354 tell")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        if state.refusal:
            self._say(state.refusal)
            return
        state.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
        state.was_encrypted.append(self.encrypted)
        self._say("250 taken")

    def _encrypt(self) -> None:
        assert self.server.context
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.encrypted = True

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, state: MailServer, context: ssl.SSLContext | None, is_tls: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.state, self.context, self.is_tls = state, context, is_tls

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that go away are part of tests."""


@contextmanager
def mail_server(certificate: Path | None = None, *, is_tls: bool = False) -> Iterator[MailServer]:
    """Serve on a free port of this machine; with a certificate (its key beside it, ``.key``) over TLS, too."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    state = MailServer()
    with _Server(state, context, is_tls) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
