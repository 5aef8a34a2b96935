"""The blueprint of the API and the list of its operations: what is declared is routed, guarded and documented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint

from webapp.api import handling
from webapp.api.operations import Operation, View, view_of
from webapp.security.roles import public, requires

blueprint: Final = Blueprint("api", __name__)
OPERATIONS: Final[list[Operation]] = []

handling.install(blueprint)


def operation(method: str, rule: str, *, is_poll: bool = False, **declared: Any) -> Callable[[View], View]:
    """Declare the function below as an `Operation`; a poll (`is_poll`) does not keep its session alive."""

    def add(view: View) -> View:
        described = Operation(method=method, rule=rule, name=view.__name__, **declared)
        mark = public if described.permission is None else requires(described.permission, is_poll=is_poll)
        blueprint.add_url_rule(rule, described.name, mark(view_of(described, view)), methods=[method])
        OPERATIONS.append(described)
        return view

    return add
