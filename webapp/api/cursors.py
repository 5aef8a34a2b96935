"""Opaque cursors: where the next page begins (`search_after`), signed for one user and one query.

A cursor is two base64url parts, ``payload.signature``. The signature covers the user, the operation and every other
parameter, so a cursor that was made up, altered, taken from another person or moved to another query is refused. It
holds sort values of a document that its owner has already been shown, and so is signed but not encrypted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Final

SIGNATURE_BYTES: Final = 16
MAX_LENGTH: Final = 512
PURPOSE: Final = b"api cursor"  # the same secret signs other things elsewhere

Position = Sequence[str | int | float]
Query = Mapping[str, object]


class CursorError(ValueError):
    """The cursor was not made by this site for this user and query."""


class Cursors:
    """Makes and opens the cursors of one operation, for one user and one query."""

    def __init__(self, secret: bytes, user: str, operation: str, query: Query) -> None:
        self._key = hmac.digest(secret, PURPOSE, hashlib.sha256)
        self._scope = json.dumps([user, operation, query], sort_keys=True, default=str).encode()

    def make(self, position: Position) -> str:
        """The cursor of the page that follows the document with these sort values."""
        payload = json.dumps(list(position), separators=(",", ":")).encode()
        return f"{_text(payload)}.{_text(self._sign(payload))}"

    def open(self, cursor: str) -> list[str | int | float]:
        """The sort values; raise `CursorError` unless `make` gave exactly this cursor in the same scope."""
        payload_text, _, signature_text = cursor.partition(".")
        payload, signature = _bytes(payload_text), _bytes(signature_text)
        if not hmac.compare_digest(signature, self._sign(payload)):
            raise CursorError("not a cursor of this query")
        position: list[str | int | float] = json.loads(payload)
        return position

    def _sign(self, payload: bytes) -> bytes:
        lengths = len(self._scope).to_bytes(4, "big")
        return hmac.digest(self._key, lengths + self._scope + payload, hashlib.sha256)[:SIGNATURE_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Decode strictly: one cursor, one spelling."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise CursorError("not a cursor") from error
    if _text(data) != text:
        raise CursorError("not a cursor")
    return data
