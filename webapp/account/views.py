"""The pages of the user's own account."""

from __future__ import annotations

from flask import Blueprint, render_template

from webapp.security.roles import Permission, requires

blueprint = Blueprint("account", __name__, url_prefix="/compte")


@blueprint.get("")
@requires(Permission.ACCOUNT)
def overview() -> str:
    """Everything about the account."""
    return render_template("account.html")


@blueprint.get("/mot-de-passe")
@requires(Permission.ACCOUNT)
def password() -> str:
    """Another password."""
    return render_template("account.html")


@blueprint.get("/totp")
@requires(Permission.ACCOUNT)
def totp() -> str:
    """The second factor."""
    return render_template("account.html")
