"""Add a user of the site and print a password for one use: ``python -m webapp.create_users``.

Without options it asks; in scripts: ``--name anne --role clinician``. ``--if-missing`` does nothing when the user is
there already, so that it can run at every start; ``--reset`` is for somebody who is locked out; ``--list`` shows all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from webapp.i18n import LANGUAGES
from webapp.security import accounts
from webapp.security.roles import ROLES
from webapp.store import Store, users
from webapp.store.database import STORE_FILE

WITHIN = f"within {accounts.ONE_TIME_HOURS} hours"


def open_store(settings: Settings) -> Store:
    """Return the store of these settings."""
    return Store(settings.local_dir / STORE_FILE)


def run(options: argparse.Namespace, settings: Settings, ask: Callable[[str], str] = input) -> None:
    """Add what the options name, asking for what they leave out, or list, or reset; raises `UserError`."""
    store = open_store(settings)
    if options.list:
        for user in users.list_all(store):
            state, bound = "shut " if user.disabled else "", ", ".join(sorted(user.wards))
            bound = f" of {bound}" if bound else ""
            print(f"{user.name}  {state}{user.role}{bound}", *accounts.remarks(user, settings), sep="; ")
        return
    name, now = (options.name or ask("User name: ")).strip().lower(), datetime.now(UTC)
    if options.reset:
        print(f"Password for one use, for {name}, {WITHIN}: {_reset(store, settings, name, now)}")
        return
    if options.if_missing and users.find(store, name):
        print(f"There is a user {name} already.")
        return
    role = options.role or ask(f"Role ({', '.join(ROLES)}): ").strip()
    language = options.language or settings.language
    secret = accounts.add(
        store,
        accounts.make_passwords(settings),
        name=name,
        role=role,
        language=language,
        now=now,
        wards=accounts.read_wards(options.wards, role),
    )
    if secret is None:
        print(f"User {name} ({role}) is added. An administrator makes its token on the site.")
    else:
        print(f"User {name} ({role}) is added. Password for one use, {WITHIN}: {secret}")


def _reset(store: Store, settings: Settings, name: str, now: datetime) -> str:
    """Give a user a new password for one use and take the second factor away; raises `UserError`."""
    user = users.find(store, name)
    if user is None or user.role == "service":
        raise UserError(f"There is no user {name} who signs in with a password. Check the name.")
    users.remove_totp(store, user.id)
    return accounts.give_one_time_password(store, accounts.make_passwords(settings), user, now)


def main(arguments: Sequence[str] | None = None) -> int:
    """Add, list or reset; return the exit code."""
    parser = cli.parser("python -m webapp.create_users", __doc__)
    parser.add_argument("--name", help="user name: 2 to 64 of a-z, 0-9, dot, dash, underscore (asked for if absent)")
    parser.add_argument("--role", choices=tuple(ROLES), help="what the user may do (asked for if absent)")
    parser.add_argument("--language", choices=tuple(LANGUAGES), help="language of the site for the user")
    parser.add_argument(
        "--wards", default="", metavar="A,B", help="show the patients of these wards only, as registered"
    )
    parser.add_argument("--if-missing", action="store_true", help="do nothing when there is such a user")
    parser.add_argument("--reset", action="store_true", help="new one-time password for a user, without authenticator")
    parser.add_argument("--list", action="store_true", help="show all users, and what is old in an account")
    return cli.run(parser, lambda options: run(options, load_settings()), arguments)


if __name__ == "__main__":
    sys.exit(main())
