"""The ward that lists are narrowed to: the one in the address (``ward=A``), else the one that the reader has chosen.

This shows less, never more: what an account may see at all is decided by `webapp.services.Services.search`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, current_app, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from elastic.client import Search
from elastic.search import wards
from webapp.navigation import landing_path
from webapp.security.current import principal, scope_of_reader
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.shared import Shared
from webapp.store import users

blueprint = Blueprint("wards", __name__)

EXTENSION: Final = "bp_wards"
KNOWN_FOR: Final = timedelta(seconds=15)


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    state.app.jinja_env.globals["ward_choice"] = ward_choice


@blueprint.post("/ward")
@requires(Permission.SIGNED_IN)
def choose() -> Response:
    """Keep the ward that the reader's lists show from now on; none for all that the account may see."""
    ward, known = request.form.get("ward", ""), principal()
    users.choose_ward(services().store, known.user_name, ward if ward in choices() else "")
    return redirect(landing_path(request.form.get("next", ""), known.permissions))


def choices() -> list[str]:
    """Return the wards that the reader may choose among."""
    site, bound = services(), scope_of_reader().wards
    search = site.search
    kept: Shared[list[str]] = current_app.extensions.setdefault(EXTENSION, Shared(KNOWN_FOR))
    known = kept.get("names", site.clock(), lambda: wards.names(search))
    return [ward for ward in known if bound is None or ward in bound]


def chosen_ward() -> str | None:
    """Return the ward that lists are narrowed to; one that nobody lies in any more is not chosen."""
    asked = request.args.get("ward", principal().chosen_ward)
    return asked if asked and asked in choices() else None


def search_of_lists() -> Search:
    """Return the search for what is shown of many patients."""
    return services().search_in(chosen_ward())


def ward_choice() -> dict[str, Any]:
    """Return what the form shows that chooses a ward, and where it leads back to."""
    kept: dict[str, Any] = {name: value for name, value in request.args.items() if name not in ("ward", "cursor")}
    return {
        "wards": choices(),
        "chosen": chosen_ward(),
        "next": url_for(request.endpoint or "", **kept),
        "is_bound": scope_of_reader().wards is not None,
    }
