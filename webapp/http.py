"""What the pages and the API share of HTTP: entity tags, the cursors of who asks, fields of forms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from flask import Response, abort, current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound, UnprocessableEntity

from webapp.cursors import CursorError, Cursors
from webapp.security.current import principal

Found = TypeVar("Found")

TAG_LENGTH: Final = 32
DAYS: Final = range(1, 366)


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


def position(pages: Cursors, refused: int) -> list[str | int | float] | None:
    """Return where the page begins that is asked for; answer `refused` to a cursor of others or of other filters."""
    cursor = request.args.get("cursor")
    try:
        return pages.open(cursor) if cursor else None
    except CursorError:
        abort(refused)


def cursors(operation: str, query: Mapping[str, object]) -> Cursors:
    """Return the cursors of an operation, bound to the current user and to the whole query."""
    return Cursors(current_app.config["SECRET_KEY"], principal().user_name, operation, query)


class FormError(UnprocessableEntity):
    """A field holds what no page of the site offers."""


class PatientUnknown(NotFound):
    """Nothing is stored of a patient."""


def choice(form: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    """Return the value of a field that must be among `allowed`; raises `FormError`."""
    value = form.get(name, "")
    if value not in allowed:
        raise FormError(f"The field {name} is not one of its choices.")
    return value


def read_token(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return name, scopes and lifetime of the token that a form asks for; raises `FormError`."""
    days = form.get("days", "")
    if not (days.isascii() and days.isdigit() and len(days) < 4 and int(days) in DAYS):
        raise FormError("The number of days is not within 1 to 365.")
    return {"name": form.get("name", ""), "scopes": form.getlist("scope"), "lifetime": timedelta(days=int(days))}


def unwrap(found: Found | None) -> Found:
    """Return what was looked for, or answer 404."""
    if found is None:
        raise NotFound
    return found
