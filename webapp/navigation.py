"""The site's menu: each entry for those who may open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.i18n import N_
from webapp.security.current import principal_or_none
from webapp.security.roles import Permission, public
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
HOMES: Final = {"/": Permission.BOARD, "/admin/system": Permission.SYSTEM}


def install(app: Flask) -> None:
    """Give the templates ``menu``, ``is_current``, ``principal`` and what the page's frame shows."""
    app.context_processor(_frame)


def redirect_moved(app: Flask) -> None:
    """Lead the addresses of `MOVED` to their views, with their query and, for a form, what was sent."""
    for number, (path, endpoint) in enumerate(MOVED.items()):
        app.add_url_rule(path, f"moved_{number}", public(_redirect_to(endpoint)), methods=["GET", "POST"])


def _redirect_to(endpoint: str) -> Callable[..., Response]:
    def view(**values: Any) -> Response:
        query = request.query_string.decode("ascii", "replace")
        return redirect(url_for(endpoint, **values) + (f"?{query}" if query else ""), 308)

    return view


def home_path() -> str:
    """Return where the current user starts: the board, for an administrator the state of the system."""
    known = principal_or_none()
    return next((path for path, permission in HOMES.items() if known and known.allows(permission)), "/login")


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
        "kibana_url": settings.kibana_url if known else None,
        "is_insecure": settings.insecure_demo and not request.is_secure,
    }
