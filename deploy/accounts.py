"""``python -m deploy.accounts --directory DIR``: roles and users of Elasticsearch, passwords from a folder of secrets.

It signs in as ``elastic`` with the password in the folder, unless BP_ELASTICSEARCH_USER names another superuser. Run
again, it puts roles and passwords back to what the files say: that is also how a password is changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch, TransportError
from pydantic import SecretStr

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from deploy.account_files import KIBANA_SYSTEM, SUPERUSER, Role, read_password, read_roles
from elastic.client import connect, no_answer, with_retries

Report = Callable[[str], None]


class AccountsError(UserError):
    """Elasticsearch did not take the accounts."""


def as_superuser(settings: Settings, directory: Path) -> Settings:
    """Return the settings of a client that may create accounts."""
    if settings.elasticsearch_user or settings.elasticsearch_api_key:
        return settings
    password = SecretStr(read_password(directory, SUPERUSER))
    return settings.model_copy(update={"elasticsearch_user": SUPERUSER, "elasticsearch_password": password})


def create_accounts(client: Elasticsearch, directory: Path, report: Report) -> None:
    """Create or renew each role and its user, and give Kibana's own account its password where the folder has one.

    Nothing is changed unless every password is there. An Elasticsearch that is starting, and does not know the
    superuser yet, is asked again. Raises `UserError`.
    """
    roles = read_roles()
    names = [*roles, KIBANA_SYSTEM] if (directory / KIBANA_SYSTEM).exists() else [*roles]
    passwords = {name: read_password(directory, name) for name in names}
    try:
        for name, role in roles.items():
            is_new = with_retries(partial(_put_account, client, name, role, passwords[name]), tell=_explain)
            report(f"Account {name}: {'created' if is_new else 'renewed'}")
        kibanas = passwords.get(KIBANA_SYSTEM)  # a cluster of others may have a Kibana with a password of its own
        if kibanas and with_retries(partial(_set_password_of_kibana, client, kibanas), tell=_explain):
            report(f"Account {KIBANA_SYSTEM}: password set")
    except (ApiError, TransportError) as error:
        raise AccountsError(_explain(error)) from error


def _put_account(client: Elasticsearch, name: str, role: Role, password: str) -> bool:
    """Put a role and its user; tell whether the user is new."""
    client.security.put_role(name=name, **role)
    return bool(client.security.put_user(username=name, password=password, roles=[name])["created"])


def _set_password_of_kibana(client: Elasticsearch, password: str) -> bool:
    """Set the password of Kibana's own account, if there is one; tell whether there is."""
    if not client.options(ignore_status=404).security.get_user(username=KIBANA_SYSTEM):
        return False
    client.security.change_password(username=KIBANA_SYSTEM, password=password)
    return True


def _explain(error: Exception) -> str:
    if isinstance(error, AuthenticationException):
        return (
            f"Elasticsearch does not take this password of the superuser. Is it that of the file {SUPERUSER}, "
            "or of BP_ELASTICSEARCH_USER and BP_ELASTICSEARCH_PASSWORD?"
        )
    if isinstance(error, AuthorizationException):
        return "This account may not create others. Leave BP_ELASTICSEARCH_USER to a superuser."
    if isinstance(error, TransportError):
        return no_answer(error)
    return (
        f"Elasticsearch did not take the accounts ({error}). Is its security on (xpack.security.enabled), and is it "
        "whole? The embedded one has its accounts in files: python -m embedded start --elasticsearch-accounts DIR."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; return the exit code."""
    parser = cli.parser("python -m deploy.accounts", __doc__)
    parser.add_argument("--directory", type=Path, required=True, metavar="DIR", help="one file per password")

    def run(options: argparse.Namespace) -> None:
        client = connect(as_superuser(load_settings(), options.directory))
        create_accounts(client, options.directory, lambda line: print(line, flush=True))

    return cli.run(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
