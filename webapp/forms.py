"""Small readers of form fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from werkzeug.exceptions import NotFound, UnprocessableEntity

Found = TypeVar("Found")
DAYS: Final = range(1, 366)


class FormError(UnprocessableEntity):
    """A field holds what no page of the site offers."""


def choice(form: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    """The value of a field that must be one of `allowed`; raises `FormError`."""
    value = form.get(name, "")
    if value not in allowed:
        raise FormError(f"The field {name} is not one of its choices.")
    return value


def read_days(form: Mapping[str, str]) -> int:
    """The field ``days``, 1 to 365; raises `FormError`."""
    text = form.get("days", "")
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) in DAYS):
        raise FormError("The number of days is not within 1 to 365.")
    return int(text)


def unwrap(found: Found | None) -> Found:
    """What was looked for, or the answer 404."""
    if found is None:
        raise NotFound
    return found
