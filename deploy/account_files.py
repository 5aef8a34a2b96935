"""The accounts of Elasticsearch as files: what each may do (``deploy/roles``), and the password of each.

A role's file is the body that Elasticsearch takes for it. The account of a role has its name, and so has the file of
its password in the folder of secrets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from conf.errors import UserError

ROLE_DIR: Final = Path(__file__).resolve().parent / "roles"
SUPERUSER: Final = "elastic"  # for set-up alone
KIBANA_SYSTEM: Final = "kibana_system"  # Kibana's own account, which Elasticsearch has built in
MIN_PASSWORD_LENGTH: Final = 16

Role = dict[str, Any]


class SecretFileError(UserError):
    """The password of an account is not to be had."""


def read_roles(directory: Path = ROLE_DIR) -> dict[str, Role]:
    """Return the body of each role by its name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.json"))}


def read_password(directory: Path, account: str) -> str:
    """Return the password of `account` in a folder of secrets; raise `SecretFileError` if it is not to be had."""
    file = directory / account
    remedy = f"Make the secrets that are missing with: python -m deploy.secrets --directory {directory}"
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileError(f"The password of {account} cannot be read from {file}. {remedy}") from error
    if len(password) < MIN_PASSWORD_LENGTH:
        raise SecretFileError(f"The password in {file} is shorter than {MIN_PASSWORD_LENGTH} characters. {remedy}")
    return password
