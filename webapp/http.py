"""What the pages and the API share of HTTP: entity tags, and the cursors of who asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from flask import Response, current_app, request

from webapp.cursors import Cursors
from webapp.security.current import principal

TAG_LENGTH: Final = 32


def tag(*parts: bytes) -> str:
    """Return an entity tag over the parts; parts are kept apart, so that ``ab, c`` and ``a, bc`` differ."""
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


def cursors(operation: str, query: Mapping[str, object]) -> Cursors:
    """Return the cursors of an operation, bound to the current user and to the whole query."""
    return Cursors(current_app.config["SECRET_KEY"], principal().user_name, operation, query)
