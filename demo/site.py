"""The demo's site: its secrets, its first users, its address."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from pydantic import SecretStr

from conf.files import write_whole
from conf.ports import choose_port, is_listening
from conf.retry import wait_until
from conf.settings import SECRET_FILE_MARK, Settings
from demo.processes import Child, require_running
from webapp.create_users import open_store
from webapp.security import accounts
from webapp.store import users

SECRETS_DIR: Final = "secrets"
SECRET_BYTES: Final = 48
FIRST_USERS: Final = {"admin": "admin", "clinicien": "clinician"}  # an administrator reads no patient
READY_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.2


def choose_address(settings: Settings, port: int | None) -> Settings:
    """Return the settings with the site's port, 0 meaning any free one; raise `UserError` when it is taken."""
    wanted = settings.web_port if port is None else port
    return settings.model_copy(update={"web_port": choose_port(wanted, None, title="The site", option="--web-port")})


def with_secrets(settings: Settings) -> tuple[Settings, dict[str, str]]:
    """Return the settings with the site's secrets, and what a child process must be told of them.

    The secret key is made once and kept in a file of the local directory that only the owner can read; the pepper is
    there only where an older version has made one.
    """
    folder = settings.local_dir / SECRETS_DIR
    files = {"secret_key": folder / "secret-key", "password_pepper": folder / "password-pepper"}
    if settings.secret_key is None and not files["secret_key"].exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(files["secret_key"], secrets.token_urlsafe(SECRET_BYTES), mode=0o600, durable=True)
    used = {name: file for name, file in files.items() if getattr(settings, name) is None and file.exists()}
    values = {name: SecretStr(file.read_text(encoding="utf-8")) for name, file in used.items()}
    told = {f"BP_{name.upper()}": f"{SECRET_FILE_MARK}{file}" for name, file in used.items()}
    return settings.model_copy(update=values), told


def add_first_users(settings: Settings, now: datetime) -> Mapping[str, str]:
    """Add the users of `FIRST_USERS` to a store without users; return their passwords for one use by name."""
    store = open_store(settings)
    if users.list_all(store):
        return {}
    add = partial(accounts.add, store, accounts.make_passwords(settings), language=settings.language, now=now)
    made = {name: add(name=name, role=role) for name, role in FIRST_USERS.items()}
    return {name: secret for name, secret in made.items() if secret}


def wait_until_ready(child: Child, port: int) -> None:
    """Wait until the site listens, at most a minute; raise `UserError` when it ended instead."""
    wait_until(lambda: is_listening(port) or child.process.poll() is not None, READY_TIMEOUT_S, POLL_S)
    require_running([child])


def address(settings: Settings) -> str:
    """Return where a browser finds the site."""
    return f"http://127.0.0.1:{settings.web_port}/"


def greeting(settings: Settings, passwords: Mapping[str, str]) -> list[str]:
    """Return what to tell once, when the first users were made."""
    if not passwords:
        return []
    lines = [f"  {name} / {secret}  ({PURPOSES[name]})" for name, secret in passwords.items()]
    within = f"within {accounts.ONE_TIME_HOURS} hours"
    return [f"The site is at {address(settings)}. Shown this once, each password for one use {within}:", *lines]


PURPOSES: Final = {
    "admin": "users, tokens, audit, system; asks for an authenticator",
    "clinicien": "board, patients, predictions",
}
