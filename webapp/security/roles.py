"""Permissions, the roles that hold them, and the marks that every view carries.

A view says with `@requires` which permission it needs, or with `@public` that it needs none; `find_unmarked` names
those that say neither, and the site does not start with one. The marks are read by `webapp.security.access`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])


class Permission(StrEnum):
    """What a view may require; the values that begin with ``read:`` or ``write:`` are the scopes of API tokens."""

    SIGNED_IN = "signed-in"  # anybody who is known, with whatever role
    BOARD = "board"
    PATIENT = "patient"
    ACKNOWLEDGE = "acknowledge"
    REPORT = "report"
    TARGETS = "targets"
    EXPORT = "export"
    STATISTICS = "statistics"
    PREDICTIONS = "predictions"
    RULES = "rules"  # of alerts, for the whole ward
    SYSTEM = "system"
    ADMIN = "admin"
    AUDIT = "audit"
    ACCOUNT = "account"
    API_READ_OBSERVATIONS = "read:observations"
    API_READ_PREDICTIONS = "read:predictions"
    API_READ_ALERTS = "read:alerts"
    API_WRITE_ACK = "write:ack"


SCOPES: Final = tuple(permission for permission in Permission if ":" in permission)
_READ: Final = frozenset(
    {
        Permission.SIGNED_IN,
        Permission.ACCOUNT,
        Permission.BOARD,
        Permission.PATIENT,
        Permission.PREDICTIONS,
        Permission.STATISTICS,
        Permission.API_READ_OBSERVATIONS,
        Permission.API_READ_PREDICTIONS,
        Permission.API_READ_ALERTS,
    }
)
_CARE: Final = frozenset(
    {
        Permission.ACKNOWLEDGE,
        Permission.REPORT,
        Permission.TARGETS,
        Permission.EXPORT,
        Permission.API_WRITE_ACK,
    }
)
_RUN: Final = frozenset(
    {
        Permission.SIGNED_IN,
        Permission.ACCOUNT,
        Permission.STATISTICS,
        Permission.SYSTEM,
        Permission.ADMIN,
        Permission.AUDIT,
    }
)

ROLES: Final[Mapping[str, frozenset[Permission]]] = {
    "viewer": _READ,
    "clinician": _READ | _CARE,
    "manager": frozenset(  # of the ward: its figures and rules; reads no patient
        {Permission.SIGNED_IN, Permission.ACCOUNT, Permission.STATISTICS, Permission.RULES}
    ),
    "admin": _RUN,  # runs the site; reads no patient
    "kiosk": frozenset({Permission.SIGNED_IN, Permission.BOARD}),
    "service": frozenset({Permission.SIGNED_IN, *SCOPES}),  # by token only, and then only the token's scopes
}


def requires(permission: Permission, *, is_poll: bool = False) -> Callable[[View], View]:
    """Mark a view: it needs `permission`. A poll (`is_poll`) does not keep its session alive."""

    def mark(view: View) -> View:
        marked = cast(Any, view)
        marked.required_permission, marked.is_poll = permission, is_poll
        return view

    return mark


def public(view: View) -> View:
    """Mark a view: anybody may ask for it."""
    cast(Any, view).required_permission = None
    return view


def required_permission(view: Callable[..., Any]) -> Permission | None:
    """Return the permission that a marked view needs; raises AttributeError for a view without a mark."""
    return cast(Permission | None, cast(Any, view).required_permission)


def is_poll(view: Callable[..., Any]) -> bool:
    """Tell whether a view is asked by a script again and again."""
    return getattr(view, "is_poll", False)


def find_unmarked(app: Flask) -> list[str]:
    """Return the names of the endpoints that say neither what they require nor that they are public."""
    return sorted(name for name, view in app.view_functions.items() if not hasattr(view, "required_permission"))
