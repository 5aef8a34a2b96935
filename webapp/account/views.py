"""The pages of the user's own account."""

from __future__ import annotations

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from webapp import confirming
from webapp.audit import events as audit
from webapp.http import FormError, choice, read_token, unwrap
from webapp.i18n import LANGUAGES, N_
from webapp.navigation import home_path
from webapp.security import sessions, throttle, tokens
from webapp.security.access import client_ip
from webapp.security.current import principal
from webapp.security.passwords import find_fault
from webapp.security.roles import Permission, requires
from webapp.security.totp import address_of, pending_secret, picture_of, use_code
from webapp.services import services
from webapp.store import users
from webapp.store.users import User

blueprint = Blueprint("account", __name__, url_prefix="/account")

DONE = {
    "password": N_("The password is changed; other sessions are ended."),
    "totp": N_("The authenticator is set up."),
    "session": N_("The session is ended."),
    "token": N_("The token is revoked."),
    "preferences": N_("Your choices are kept."),
}
PASSWORD_FAULTS = {
    "too_short": N_("A password needs at least 15 characters."),
    "too_long": N_("A password has at most 72 bytes: a plain letter is one, an accented letter two."),
    "guessable": N_(
        "This password is easily guessed: it holds well-known words, your name, repetitions or rows of keys."
    ),
    "unequal": N_("The two new passwords differ."),
    "same": N_("The new password is the old one."),
    "wrong": N_("The present password is not right."),
}


@blueprint.get("")
@requires(Permission.ACCOUNT)
def overview() -> Response:
    """Show everything about the account."""
    return _overview()


@blueprint.route("/password", methods=["GET", "POST"])
@requires(Permission.ACCOUNT)
def password() -> Response:
    """Change the password; asks for the present one."""
    if request.method == "GET":
        return make_response(render_template("account/password.html"))
    fault = _change_password(me(), request.form.get("present", ""), request.form.get("new", ""))
    if fault:
        text = PASSWORD_FAULTS[fault]
        return make_response(render_template("account/password.html", fault=text), 422)
    return _go_on("password")


@blueprint.route("/totp", methods=["GET", "POST"])
@requires(Permission.ACCOUNT)
def totp() -> Response:
    """Set up the second factor: show the secret, take a first code."""
    site, user = services(), me()
    if user.has_totp:
        return redirect(url_for(".overview"))
    secret, code = pending_secret(site.store, site.seals, user), request.form.get("code", "")
    is_wrong = request.method == "POST" and not use_code(site.store, site.seals, me(), code, site.clock())
    if request.method == "POST" and not is_wrong:
        site.audit.record("totp")
        return _go_on("totp")
    address = address_of(secret, user.name)
    page = render_template(
        "account/totp.html", secret=secret, address=address, picture=picture_of(address), is_wrong=is_wrong
    )
    return make_response(page, 422 if is_wrong else 200)


@blueprint.post("/preferences")
@requires(Permission.ACCOUNT)
def preferences() -> Response:
    """Keep language, sound and keyboard shortcuts."""
    chosen = choice(request.form, "language", tuple(LANGUAGES))
    users.set_preferences(
        services().store, me().id, language=chosen, sound="sound" in request.form, shortcuts="shortcuts" in request.form
    )
    return redirect(url_for(".overview", done="preferences"))


@blueprint.post("/sessions")
@requires(Permission.ACCOUNT)
def end_session() -> Response:
    """End one of the own sessions."""
    return confirming.end_session(".overview", principal().user_name)


@blueprint.post("/tokens")
@requires(Permission.ACCOUNT)
def create_token() -> Response:
    """Make a token and show it, this once."""
    site = services()
    try:
        text = tokens.create(site.store, me(), **read_token(request.form), now=site.clock())
    except (tokens.TokenError, FormError):
        return make_response(_overview(token_fault=True), 422)
    site.audit.record("token_created", target=audit.of_owner(principal().user_name, tokens.id_of(text)))
    return _overview(new_token=text)


@blueprint.post("/tokens/revoke")
@requires(Permission.ACCOUNT)
def revoke_token() -> Response:
    """Revoke one of the own tokens."""
    return confirming.revoke_token(".overview", principal().user_name)


def me() -> User:
    """Return the current user's row."""
    return unwrap(users.find(services().store, principal().user_name))


def _go_on(done: str) -> Response:
    """Lead on after a step: to the start page if the account was not to be used before it, else back to the account."""
    return redirect(home_path(principal().permissions) if g.get("unfinished") else url_for(".overview", done=done))


def _overview(*, new_token: str | None = None, token_fault: bool = False) -> Response:
    site, user = services(), me()
    own = sessions.list_sessions(site.store, site.clock(), user.name)
    page = render_template(
        "account/overview.html",
        user=user,
        sessions=own,
        last_login_at=next(
            (session.previous_login_at for session in own if session.hash == principal().session_hash), None
        ),
        tokens=tokens.list_tokens(site.store, user.name),
        scopes=tokens.allowed_scopes(user.role),
        done=DONE.get(request.args.get("done", "")),
        new_token=new_token,
        token_fault=token_fault,
        typed=request.form if token_fault else MultiDict(),
    )
    return make_response(page)


def _change_password(user: User, present: str, new: str) -> str | None:
    """Change the password, or return what is wrong; wrong present passwords slow down as at sign-in."""
    site = services()
    keys = throttle.login_keys(user.name, client_ip())
    if throttle.begin_attempt(site.store, keys, site.clock()):
        abort(429)
    if not site.passwords.verify(present, user.password):
        return "wrong"
    throttle.forget(site.store, keys)
    fault = find_fault(new, user.name)
    if fault or new != request.form.get("again", ""):
        return fault or "unequal"
    if site.passwords.verify(new, user.password):
        return "same"
    record = site.passwords.make_record(new)
    users.set_password(site.store, user.id, record, secret_expires_at=None, keep_session=principal().session_hash)
    site.audit.record("password")
    return None
