"""The peppers: keys that no database holds. What is made with one bears its version, so that it can be replaced.

While a pepper is being replaced the old one is known too; whoever signs in is then moved to the current one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

NONCE_BYTES: Final = 16
MARK: Final = "$"


class UnknownPepper(ValueError):  # noqa: N818 - a state of what is stored
    """Something was made with a pepper that is not known here, or is damaged."""


class Peppers:
    """The current pepper, and the one before it while that is being replaced."""

    def __init__(self, current: bytes, old: bytes | None = None) -> None:
        self._keys = {_version(key): key for key in (old, current) if key is not None}
        self.current = _version(current)

    def digest(self, version: str, text: bytes) -> bytes:
        """HMAC-SHA-384 of a text with the pepper of a version; raises `UnknownPepper`."""
        return hmac.digest(self._key(version), text, "sha384")

    def seal(self, purpose: str, secret: bytes) -> str:
        """At most 32 secret bytes as a text to store, ``version$nonce$masked``, that nobody can open without pepper."""
        nonce = secrets.token_hex(NONCE_BYTES)
        return MARK.join([self.current, nonce, self._mask(self.current, purpose, nonce, secret).hex()])

    def unseal(self, purpose: str, sealed: str) -> bytes:
        """The secret bytes; raises `UnknownPepper`."""
        try:
            version, nonce, masked = sealed.split(MARK)
            return self._mask(version, purpose, nonce, bytes.fromhex(masked))
        except ValueError as error:
            raise UnknownPepper("a sealed secret cannot be opened") from error

    def is_current(self, sealed: str) -> bool:
        """Whether a secret is sealed with the current pepper."""
        return sealed.startswith(self.current + MARK)

    def _mask(self, version: str, purpose: str, nonce: str, secret: bytes) -> bytes:
        """A secret combined with bytes that only the pepper gives; twice gives the secret back."""
        mask = hmac.digest(self._key(version), f"{purpose}:{nonce}".encode(), "sha256")
        return bytes(one ^ other for one, other in zip(secret, mask[: len(secret)], strict=True))

    def _key(self, version: str) -> bytes:
        try:
            return self._keys[version]
        except KeyError as error:
            raise UnknownPepper(f"the pepper {version!r} is not known") from error


def _version(key: bytes) -> str:
    return hashlib.sha256(b"pepper version" + key).hexdigest()[:8]
