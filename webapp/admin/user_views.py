"""The users: new ones, roles, one-time passwords, shutting accounts."""

from __future__ import annotations

from typing import Final

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.admin.blueprint import blueprint
from webapp.codes import ROLE_NAMES
from webapp.confirming import ask
from webapp.http import choice, unwrap
from webapp.i18n import LANGUAGES, N_, gettext
from webapp.security import accounts, throttle
from webapp.security.current import principal
from webapp.security.roles import ROLES, Permission, requires
from webapp.services import services
from webapp.store import users

DONE: Final = {
    "role": N_("The role is changed and the user's sessions are ended."),
    "wards": N_("The wards are set and the user's sessions are ended."),
    "disable": N_("The account is shut and its sessions are ended."),
    "enable": N_("The account is open again."),
    "remove_totp": N_("The authenticator is removed and the user's sessions are ended."),
}
QUESTIONS: Final = {  # before an act: the question, what comes of it, the word on the button
    "role": (
        N_("Change the role of %(name)s?"),
        N_("%(name)s is signed out everywhere now; from the next sign-in on the role is: %(role)s."),
        N_("Set"),
    ),
    "wards": (
        N_("Change the wards of %(name)s?"),
        N_("%(name)s is signed out everywhere now, and sees from the next sign-in on the patients of: %(wards)s."),
        N_("Set"),
    ),
    "disable": (
        N_("Shut the account of %(name)s?"),
        N_("%(name)s is signed out everywhere now, and cannot sign in until the account is opened again."),
        N_("Shut"),
    ),
    "remove_totp": (
        N_("Remove the authenticator of %(name)s?"),
        N_("%(name)s is signed out everywhere now; until another one is set up the password alone opens the account."),
        N_("Remove authenticator"),
    ),
    "reset_password": (
        N_("Give %(name)s a new password?"),
        N_("The password of %(name)s and all sessions end now. The new one is shown once, for you to hand over."),
        N_("New password"),
    ),
}
FAULTS: Final = {
    "name": N_("This user name is taken or not usable: 2 to 64 of a-z, 0-9, dot, dash, underscore."),
    "wards": N_("These wards cannot be set: names with commas between, and none for an administrator."),
    "self": N_("You cannot take your own rights away. Ask another administrator."),
}


@blueprint.get("")
@requires(Permission.ADMIN)
def index() -> Response:
    """Lead to the first page of the administration."""
    return redirect(url_for(".users"))


@blueprint.get("/users", endpoint="users")
@requires(Permission.ADMIN)
def list_users() -> Response:
    """Show all users and what can be done with them."""
    return _page()


@blueprint.post("/users")
@requires(Permission.ADMIN)
def add_user() -> Response:
    """Add a user and show the one-time password, this once."""
    site = services()
    name = request.form.get("name", "").strip().lower()
    role = choice(request.form, "role", tuple(ROLES))
    language = choice(request.form, "language", tuple(LANGUAGES))
    try:
        wards = accounts.read_wards(request.form.get("wards", ""), role)
        secret = accounts.add(
            site.store, site.passwords, name=name, role=role, language=language, now=site.clock(), wards=wards
        )
    except (users.UserNameError, accounts.WardsError) as error:
        return _page(fault="wards" if isinstance(error, accounts.WardsError) else "name", status=422)
    site.audit.record("user_added", target=name)
    return _page(secret=secret, secret_of=name)


@blueprint.post("/users/<int:user_id>")
@requires(Permission.ADMIN)
def change_user(user_id: int) -> Response:
    """Do what the pressed button says."""
    site = services()
    user = unwrap(users.find_by_id(site.store, user_id))
    action = choice(request.form, "action", (*DONE, "reset_password"))
    if user.name == principal().user_name:
        return _page(fault="self", status=422)
    role = choice(request.form, "role", tuple(ROLES)) if action == "role" else user.role
    try:
        wards = accounts.read_wards(request.form.get("wards", ""), role) if action == "wards" else user.wards
    except accounts.WardsError:
        return _page(fault="wards", status=422)
    asked = _ask(action, user.name, role, wards)
    if asked:
        return asked
    secret = None
    match action:
        case "role":
            users.set_role(site.store, user.id, role)
        case "wards":
            users.set_wards(site.store, user.id, wards)
        case "disable" | "enable":
            users.set_disabled(site.store, user.id, action == "disable")
        case "remove_totp":
            users.remove_totp(site.store, user.id)
        case "reset_password":
            secret = accounts.give_one_time_password(site.store, site.passwords, user, site.clock())
    bound = f" ({', '.join(sorted(wards)) or '*'})" if action == "wards" else ""
    site.audit.record(f"user_{action}", target=user.name + bound)
    return _page(secret=secret, secret_of=user.name) if secret else redirect(url_for(".users", done=action))


def _ask(action: str, name: str, role: str, wards: frozenset[str]) -> Response | None:
    """Ask before an act that has a question; see `webapp.confirming.ask`."""
    if action not in QUESTIONS:
        return None
    question, consequence, act = QUESTIONS[action]
    told = gettext(
        consequence, name=name, role=gettext(ROLE_NAMES[role]), wards=", ".join(sorted(wards)) or gettext("all wards")
    )
    return ask(gettext(question, name=name), told, gettext(act), url_for(".users"))


def _page(
    *, secret: str | None = None, secret_of: str | None = None, fault: str | None = None, status: int = 200
) -> Response:
    store = services().store
    everyone = users.list_all(store)
    page = render_template(
        "admin/users.html",
        users=everyone,
        roles=tuple(ROLES),
        fails={user.name: throttle.fails_of(store, user.name) for user in everyone},
        notice_above=throttle.NOTICE_ABOVE,
        conspicuous=throttle.count_conspicuous(store),
        lifetime_h=accounts.ONE_TIME_HOURS,
        secret=secret,
        secret_of=secret_of,
        fault=FAULTS.get(fault or ""),
        done=DONE.get(request.args.get("done", "")),
    )
    return make_response(page, status)
