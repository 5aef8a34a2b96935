"""Accounts of an Elasticsearch node with security on, in files of its configuration (the file realm).

This distribution lacks the analysis module that the index of native accounts is made with: roles and users cannot be
created by its API. In the files the same roles of ``deploy/roles`` count, and their passwords from a folder of secrets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import bcrypt

from conf.errors import UserError
from deploy.account_files import KIBANA_SYSTEM, SUPERUSER, read_password, read_roles

LINK: Final = "elasticsearch-accounts"
BCRYPT_COST: Final = 10  # what Elasticsearch itself takes
BCRYPT_KIND: Final = b"2a"  # the only one that it knows
BUILT_IN_ROLES: Final = {SUPERUSER: "superuser", KIBANA_SYSTEM: KIBANA_SYSTEM}
SECURITY_ON: Final = {
    "xpack.security.enabled": True,
    "xpack.security.authc.reserved_realm.enabled": False,  # its accounts come from the files too
}


def accounts_of(local_dir: Path) -> Path | None:
    """Return the folder of secrets whose accounts the node of `local_dir` has; None while its security is off."""
    link = local_dir / LINK
    return link.readlink() if link.is_symlink() else None


def remember_accounts(local_dir: Path, accounts: Path | None) -> None:
    """Note the folder for later commands, which must sign in to ask for the node's health; it must have all secrets."""
    link = local_dir / LINK
    link.unlink(missing_ok=True)
    if accounts is not None:
        _read_passwords(accounts)
        link.symlink_to(accounts.absolute())


def refuse_change(local_dir: Path, accounts: Path | None) -> None:
    """Raise `UserError` when a node that runs is asked to have other accounts; nothing asked is no change."""
    present = accounts_of(local_dir)
    if accounts is None or accounts.absolute() == present:
        return
    how = "without accounts" if present is None else f"with the accounts of {present}"
    raise UserError(f"Elasticsearch of this directory already runs {how}. Stop it first: python -m embedded stop.")


def write_realm(conf: Path, accounts: Path) -> None:
    """Write ``users``, ``users_roles`` and ``roles.yml`` into a node's configuration."""
    users = []
    for name, password in _read_passwords(accounts).items():
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST, BCRYPT_KIND)).decode()
        users.append(f"{name}:{hashed}")
    _write(conf / "users", users)
    _write(conf / "users_roles", [f"{role}:{name}" for name, role in _role_of_account().items()])
    _write(conf / "roles.yml", [f"{name}: {json.dumps(body)}" for name, body in read_roles().items()])  # JSON is YAML


def _role_of_account() -> dict[str, str]:
    return {**BUILT_IN_ROLES, **{name: name for name in read_roles()}}


def _read_passwords(accounts: Path) -> dict[str, str]:
    return {name: read_password(accounts, name) for name in _role_of_account()}


def _write(file: Path, lines: list[str]) -> None:
    file.touch(mode=0o600)
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
