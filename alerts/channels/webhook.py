"""Webhooks: a message as JSON or as FHIR, posted to a named host and signed.

Where a webhook may lead is a setting and not a rule: who writes rules cannot send what is told of patients elsewhere.

``BP-Signature: t=SECONDS,v1=HEX``, where HEX is the HMAC-SHA256 of ``SECONDS + "." + body`` under the shared secret.
The time is signed too, so that what somebody has overheard is of no use after five minutes; within them the header
``Idempotency-Key`` tells a body that comes twice. A receiver checks the body as it came, before it is parsed, and may
copy `verify` and `_digest`, which need the standard library alone.
"""

from __future__ import annotations

import hmac
import http.client
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from alerts.channels import fhir, payload
from alerts.channels.disclosing import Disclosing
from alerts.channels.message import AT_ONCE, Message, Undelivered
from alerts.channels.wording import Words
from conf.errors import UserError
from conf.ports import is_loopback
from conf.settings import Settings

SIGNATURE: Final = "BP-Signature"
TOLERANCE: Final = timedelta(minutes=5)  # by which the clocks may differ, transport included
MIN_SECRET_BYTES: Final = 32
TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=15.0)
PASSING: Final = frozenset((401, 403, 404, 408, 425, 429))  # a setting that is mended meanwhile, or a bad moment
JSON_TYPE, FHIR_TYPE = "application/json", "application/fhir+json"


class Webhook:
    """Posts messages."""

    def __init__(self, settings: Settings) -> None:
        """Raise `UserError` where the settings name no host, or hold no secret to sign with."""
        secret = settings.webhook_secret.get_secret_value().encode() if settings.webhook_secret else b""
        if not settings.webhook_hosts:
            raise UserError("No webhook may leave the house. Name the hosts that may be told in BP_WEBHOOK_HOSTS.")
        if len(secret) < MIN_SECRET_BYTES:
            raise UserError(
                f"BP_WEBHOOK_SECRET must hold at least {MIN_SECRET_BYTES} bytes; "
                'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        self._settings, self._secret = settings, secret
        self.hosts = frozenset(settings.webhook_hosts.lower().split(","))
        self._disclosing = Disclosing(settings)
        self._pool = urllib3.PoolManager(maxsize=AT_ONCE, timeout=TIMEOUT, retries=False)

    def send(self, message: Message) -> None:
        """Return when the receiver has answered that it has the message; raise `Undelivered`."""
        key = self._disclosing.alias(message.key)
        body, media_type = self._body(message, key)
        self.post(message.recipient.address, body, media_type, {"Idempotency-Key": key})

    def post(self, address: str, body: bytes, media_type: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
        """Post a body, signed, with these headers more; return and raise as `send` does."""
        if fault := fault_of(address, self.hosts):
            raise Undelivered(fault, may_pass=False)
        headers = {"Content-Type": media_type, SIGNATURE: sign(self._secret, body, datetime.now(UTC)), **more}
        host = urlsplit(address).hostname
        try:
            answer = self._pool.request("POST", address, body=body, headers=headers, redirect=False)
        except HTTPError as error:
            raise Undelivered(f"The webhook at {host} cannot be reached: {error}.", may_pass=True) from error
        if not http.HTTPStatus.OK <= answer.status < http.HTTPStatus.MULTIPLE_CHOICES:
            may_pass = answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in PASSING
            raise Undelivered(f"The webhook at {host} answered {answer.status}.", may_pass)

    def _body(self, message: Message, key: str) -> tuple[bytes, str]:
        """Return what is posted and its media type, in the form that the recipient wants."""
        told = self._disclosing.told(message)
        words = Words(message.recipient.language, self._settings.zone)
        if message.recipient.form == "fhir":
            return fhir.encode(message, key, told, words), FHIR_TYPE
        return payload.encode(message, key, told, words), JSON_TYPE


def fault_of(address: str, hosts: frozenset[str]) -> str | None:
    """Say why nothing is sent to an address; None where it may be."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if host not in hosts:
        return f"The host {host!r} is not among those in BP_WEBHOOK_HOSTS. Add it there, or correct the address."
    if parts.username or parts.password:
        return f"The address of the webhook at {host} holds an account. Take it out: the signature says who sends."
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return f"The webhook at {host} would pass the network in clear text. Give an address with https."
    return None


def sign(secret: bytes, body: bytes, now: datetime) -> str:
    """Return the value of the header for a body that is sent now."""
    seconds = round(now.timestamp())
    return f"t={seconds},v1={_digest(secret, str(seconds), body)}"


def verify(secret: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Tell whether the holder of the secret has signed this very body within the last five minutes."""
    given = next((value for name, value in headers.items() if name.lower() == SIGNATURE.lower()), "")
    parts = dict(part.partition("=")[::2] for part in given.split(","))
    seconds, digest = parts.get("t", ""), parts.get("v1", "")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12 and digest.isascii()):
        return False
    is_recent = abs(now.timestamp() - int(seconds)) <= TOLERANCE.total_seconds()
    return hmac.compare_digest(_digest(secret, seconds, body), digest) and is_recent


def _digest(secret: bytes, seconds: str, body: bytes) -> str:
    """Return what is signed as hexadecimal digits: the time, a full stop, and the body."""
    return hmac.new(secret, seconds.encode() + b"." + body, "sha256").hexdigest()
