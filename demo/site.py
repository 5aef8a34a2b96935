"""The demo's site: its secrets, its first users, its address."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from conf.files import write_whole
from conf.retry import wait_until
from conf.settings import SECRET_FILE_MARK, Settings
from demo.processes import Child, require_running
from embedded.ports import choose_port, is_listening
from webapp.create_users import create, open_store
from webapp.store import users

SECRETS_DIR: Final = "secrets"
SECRETS: Final = ("secret_key", "password_pepper")
SECRET_BYTES: Final = 48
FIRST_USERS: Final = {"admin": "admin", "clinicien": "clinician"}  # an administrator reads no patient
READY_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.2


def choose_address(settings: Settings, port: int | None) -> Settings:
    """Return the settings with the site's port, 0 meaning any free one; raise `UserError` when it is taken."""
    wanted = settings.web_port if port is None else port
    return settings.model_copy(update={"web_port": choose_port(wanted, None, title="The site", option="--web-port")})


def with_secrets(settings: Settings) -> tuple[Settings, dict[str, str]]:
    """Return the settings with both secrets of the site, and what a child process must be told of them.

    A secret that is not set is made once and kept in a file of the local directory that only the owner can read.
    """
    missing = [name for name in SECRETS if getattr(settings, name) is None]
    files = {name: _secret_file(settings.local_dir, name) for name in missing}
    values = {name: SecretStr(file.read_text(encoding="utf-8")) for name, file in files.items()}
    told = {f"BP_{name.upper()}": f"{SECRET_FILE_MARK}{file}" for name, file in files.items()}
    return settings.model_copy(update=values), told


def add_first_users(settings: Settings, now: datetime) -> Mapping[str, str]:
    """Add the users of `FIRST_USERS` to a store without users; return their passwords for one use by name."""
    if users.list_all(open_store(settings)):
        return {}
    made = {name: create(settings, name, role, settings.language, now) for name, role in FIRST_USERS.items()}
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
    return [f"The site is at {address(settings)}. Shown this once, each password for one use within 72 hours:", *lines]


PURPOSES: Final = {
    "admin": "users, tokens, audit, system; asks for an authenticator",
    "clinicien": "board, patients, predictions",
}


def _secret_file(local_dir: Path, name: str) -> Path:
    folder = local_dir / SECRETS_DIR
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / name.replace("_", "-")
    if not file.exists():
        write_whole(file, secrets.token_urlsafe(SECRET_BYTES), mode=0o600, durable=True)
    return file
