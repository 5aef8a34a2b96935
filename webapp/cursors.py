"""Opaque cursors: where the next page begins (`search_after`), signed for one user and one query.

The signature covers the user, the operation and every other parameter, so a cursor that was made up, altered, taken
from another person or moved to another query is refused. A cursor holds sort values of a document that its owner has
already been shown, and so is signed but not encrypted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

MAX_LENGTH: Final = 512
PURPOSE: Final = "cursor"  # the same secret signs other things elsewhere

Position = Sequence[str | int | float]


class CursorError(ValueError):
    """The cursor was not made by this site for this user and query."""


class Cursors:
    """Makes and opens the cursors of one operation, for one user and one query."""

    def __init__(self, secret: bytes, user: str, operation: str, query: Mapping[str, object]) -> None:
        scope = json.dumps([PURPOSE, user, operation, query], sort_keys=True, default=str)
        sha256 = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(secret, salt=scope, signer_kwargs=sha256)

    def make(self, position: Position) -> str:
        """Return the cursor of the page that follows the document with these sort values."""
        return str(self._serializer.dumps(list(position)))

    def open(self, cursor: str) -> list[str | int | float]:
        """Return the sort values; raise `CursorError` unless `make` gave this cursor in the same scope."""
        try:
            position: list[str | int | float] = self._serializer.loads(cursor)
        except BadData as error:
            raise CursorError("not a cursor of this query") from error
        return position
