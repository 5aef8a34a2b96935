"""What several tests of sign-in watch."""

from __future__ import annotations

import bcrypt
import pytest


@pytest.fixture
def bcrypt_checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return scheme and cost of each check that bcrypt really does."""
    seen: list[bytes] = []
    real = bcrypt.checkpw

    def check(password: bytes, hashed: bytes) -> bool:
        is_right = real(password, hashed)
        seen.append(hashed[:7])
        return is_right

    monkeypatch.setattr(bcrypt, "checkpw", check)
    return seen
