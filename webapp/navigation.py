"""The site's menu: each entry for those who may open it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Response

from webapp.codes import ROLE_NAMES, browser_name, model_name
from webapp.i18n import N_
from webapp.security.current import principal_or_none
from webapp.security.guard import is_own_path
from webapp.security.roles import Permission, public, required_permission
from webapp.services import services


@dataclass(frozen=True)
class Entry:
    """One link of the menu; the title is a message id."""

    path: str
    title: str
    permission: Permission


MENU: Final = (
    Entry("/", N_("Board"), Permission.BOARD),
    Entry("/patients", N_("Patients"), Permission.PATIENT),
    Entry("/predictions", N_("Predictions"), Permission.PREDICTIONS),
    Entry("/stats", N_("Statistics"), Permission.STATISTICS),
    Entry("/admin/system", N_("System"), Permission.SYSTEM),
    Entry("/admin", N_("Administration"), Permission.ADMIN),
    Entry("/help", N_("Help"), Permission.SIGNED_IN),
)
MOVED: Final = {  # French addresses of until November 2026, and the view that each one leads to
    "/aide": "help.page",
    "/langue": "auth.language",
    "/compte": "account.overview",
    "/compte/mot-de-passe": "account.password",
    "/compte/totp": "account.totp",
    "/compte/preferences": "account.preferences",
    "/compte/sessions": "account.end_session",
    "/compte/tokens": "account.create_token",
    "/compte/tokens/revoke": "account.revoke_token",
    "/patients/<patient:patient_id>/rapport": "patients.report",
}
HOMES: Final = {"/": Permission.BOARD, "/admin/system": Permission.SYSTEM, "/rules": Permission.RULES}


def install(app: Flask) -> None:
    """Give the templates ``menu``, ``is_current``, ``principal``, what the page's frame shows, and codes in words."""
    app.context_processor(_frame)
    app.jinja_env.filters.update(browser=browser_name, model=model_name)


def redirect_moved(app: Flask) -> None:
    """Lead the addresses of `MOVED` to their views, with their query and, for a form, what was sent."""
    for number, (path, endpoint) in enumerate(MOVED.items()):
        app.add_url_rule(path, f"moved_{number}", public(_redirect_to(endpoint)), methods=["GET", "POST"])


def _redirect_to(endpoint: str) -> Callable[..., Response]:
    def view(**values: Any) -> Response:
        query = request.query_string.decode("ascii", "replace")
        return redirect(url_for(endpoint, **values) + (f"?{query}" if query else ""), 308)

    return view


def home_path(permissions: Collection[Permission]) -> str:
    """Return where a user with these permissions starts: the board, the state of the system, or the rules of alerts."""
    return next((path for path, permission in HOMES.items() if permission in permissions), "/login")


def landing_path(asked: str, permissions: Collection[Permission]) -> str:
    """Return the asked path, or the start page where it is not of this site or not open with these permissions."""
    return asked if is_own_path(asked) and _is_open(asked, permissions) else home_path(permissions)


def _is_open(path: str, permissions: Collection[Permission]) -> bool:
    pages = current_app.create_url_adapter(request)
    try:
        endpoint, _values = cast(MapAdapter, pages).match(urlsplit(path).path, "GET")
    except HTTPException:  # there is no such page
        return False
    permission = required_permission(current_app.view_functions[endpoint])
    return permission is None or permission in permissions


def is_current(path: str) -> bool:
    """Tell whether the current page is the one of this entry, or below it and of no longer entry."""
    below = [entry.path for entry in MENU if entry.path != "/" and f"{request.path}/".startswith(f"{entry.path}/")]
    return path == (max(below, key=len) if below else request.path)


def _frame() -> dict[str, Any]:
    known = principal_or_none()
    settings = services().settings
    return {
        "menu": [entry for entry in MENU if known and known.allows(entry.permission)],
        "is_current": is_current,
        "principal": known,
        "role_names": ROLE_NAMES,
        "show_names": settings.show_names,
        "kibana_url": settings.kibana_url if known else None,
        "is_insecure": settings.insecure_demo and not request.is_secure,
    }
