"""Entity tags: what has not changed since the client's last look is answered with 304 and no body."""

from __future__ import annotations

import hashlib
from typing import Final

from flask import Response, request

TAG_LENGTH: Final = 32


def tag(*parts: bytes) -> str:
    """A tag over the parts; parts are kept apart, so that ``ab, c`` and ``a, bc`` differ."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:TAG_LENGTH]


def make_conditional(response: Response) -> Response:
    """Tag a 200 answer to GET or HEAD, unless it is, by its body and media type; 304 if the client has it already."""
    if response.status_code != 200 or request.method not in ("GET", "HEAD"):
        return response
    if response.get_etag()[0] is None:
        response.set_etag(tag(response.content_type.encode(), response.get_data()))
    response.make_conditional(request)
    return response
