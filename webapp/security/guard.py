"""The guard against requests that another site makes a browser send (CSRF)."""

from __future__ import annotations

from typing import Final

from flask import Request

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_forged(request: Request) -> bool:
    """Whether a request that may change something did not come from a page of this very site.

    Browsers say so in ``Sec-Fetch-Site``; older ones send ``Origin``. A request with neither is refused.
    """
    if request.method in SAFE_METHODS:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    return request.headers.get("Origin") != f"{request.scheme}://{request.host}"  # the host is a trusted one


def is_own_path(path: str) -> bool:
    """Whether `path` leads to a page of this site and nowhere else, so that one may be sent there after sign-in."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")
