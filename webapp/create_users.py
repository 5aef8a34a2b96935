"""``python -m webapp.create_users``: add a user and print a password for one use.

Without arguments it asks; in scripts: ``--name anne --role clinician``. ``--if-missing`` does nothing when the user is
there already, so that it can run at every start; ``--reset`` is for somebody who is locked out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from conf.errors import UserError, run_main
from conf.settings import Settings, load_settings
from webapp.factory import make_passwords
from webapp.i18n import LANGUAGES
from webapp.security.passwords import one_time_secret
from webapp.security.roles import ROLES
from webapp.store import Store, users
from webapp.store.database import STORE_FILE

LIFETIME: Final = timedelta(hours=72)
HOURS: Final = LIFETIME // timedelta(hours=1)


def create(settings: Settings, name: str, role: str, language: str, now: datetime) -> str | None:
    """Add a user; returns the one-time password, None for a service (it has tokens only). Raises `UserError`."""
    passwords = make_passwords(settings)
    secret = None if role == "service" else one_time_secret()
    users.add(
        open_store(settings),
        name=name,
        role=role,
        language=language,
        password=passwords.make_record(secret) if secret else None,
        secret_expires_at=now + LIFETIME if secret else None,
        now=now,
    )
    return secret


def reset(settings: Settings, name: str, now: datetime) -> str:
    """Give a user a new one-time password and take the second factor away; raises `UserError`."""
    passwords, store = make_passwords(settings), open_store(settings)
    user = users.find(store, name)
    if user is None or user.role == "service":
        raise UserError(f"There is no user {name} who signs in with a password. Check the name.")
    secret = one_time_secret()
    users.remove_totp(store, user.id)
    users.set_password(store, user.id, passwords.make_record(secret), secret_expires_at=now + LIFETIME)
    return secret


def open_store(settings: Settings) -> Store:
    """The store of these settings."""
    return Store(settings.local_dir / STORE_FILE)


def run(options: argparse.Namespace, settings: Settings, ask: Callable[[str], str] = input) -> None:
    """Add what the options name, asking for what they leave out."""
    name = (options.name or ask("User name: ")).strip().lower()
    if options.if_missing and users.find(open_store(settings), name):
        print(f"There is a user {name} already.")
        return
    if options.reset:
        print(f"Password for one use, for {name}, within {HOURS} hours: {reset(settings, name, datetime.now(UTC))}")
        return
    role = options.role or ask(f"Role ({', '.join(ROLES)}): ").strip()
    secret = create(settings, name, role, options.language or settings.language, datetime.now(UTC))
    if secret is None:
        print(f"User {name} ({role}) is added. An administrator makes its token on the site.")
    else:
        print(f"User {name} ({role}) is added. Password for one use, within {HOURS} hours: {secret}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Add one user; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_main(lambda: run(options, load_settings()), verbose=options.verbose)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m webapp.create_users", description="Add a user of the site.")
    parser.add_argument("--name", help="user name: 2 to 64 of a-z, 0-9, dot, dash, underscore (asked for if absent)")
    parser.add_argument("--role", choices=tuple(ROLES), help="what the user may do (asked for if absent)")
    parser.add_argument("--language", choices=tuple(LANGUAGES), help="language of the site for the user")
    parser.add_argument("--if-missing", action="store_true", help="do nothing when there is such a user")
    parser.add_argument("--reset", action="store_true", help="new one-time password for a user, without authenticator")
    parser.add_argument("--verbose", action="store_true", help="show the trace of an error")
    return parser


if __name__ == "__main__":
    sys.exit(main())
