"""From a page of documents to a page of the API: cursors in and out, bound to who asks and to the whole query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request

from elastic.client import After
from elastic.client import Page as Found
from webapp.api.operations import Answer
from webapp.api.parameters import Input, canonical
from webapp.api.problems import invalid_parameter
from webapp.cursors import CursorError, Cursors
from webapp.http import cursors


def position(query: Input, name: str = "cursor") -> list[Any] | None:
    """Where the page begins, None for the first one; a cursor that is not ours raises the 422 of parameter `name`."""
    given = getattr(query, "cursor", None)
    if given is None:
        return None
    try:
        return _cursors(query).open(given)
    except CursorError as error:
        raise invalid_parameter(name, "not a cursor of this query") from error


def next_cursor(query: Input, after: After | None) -> str | None:
    """The cursor of the page that begins after these sort values, None after the last page."""
    return _cursors(query).make(after) if after else None


def paged(model: Any, items: Sequence[Mapping[str, Any]], query: Input, found: Found) -> Answer:
    """A page of `model` with its link to the next one."""
    cursor = next_cursor(query, found.after)
    body = model.model_validate({"items": items, "next_cursor": cursor})
    return Answer(body, next_query={"cursor": cursor} if cursor else None)


def _cursors(query: Input) -> Cursors:
    return cursors(request.endpoint or "", {"path": request.path, "query": canonical(query)})
