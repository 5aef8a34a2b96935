"""Accounts in files, and which folder of secrets they come from."""

from __future__ import annotations

import json
from pathlib import Path

import bcrypt
import pytest

from conf.errors import UserError
from deploy.account_files import KIBANA_SYSTEM, SUPERUSER, SecretFileError, read_roles
from embedded.realm import accounts_of, refuse_change, remember_accounts, write_realm


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Return a folder with a password for each account."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in (SUPERUSER, KIBANA_SYSTEM, *read_roles()):
        (folder / name).write_text(f"the-password-of-{name}\n")
    return folder


def pairs(file: Path) -> dict[str, str]:
    return dict(line.split(":") for line in file.read_text().splitlines())


def test_each_account_has_its_password_as_a_hash_that_elasticsearch_reads(secrets: Path, tmp_path: Path) -> None:
    write_realm(tmp_path, secrets)
    users = pairs(tmp_path / "users")
    assert set(users) == {SUPERUSER, KIBANA_SYSTEM, *read_roles()}
    assert all(hashed.startswith("$2a$") for hashed in users.values())
    assert bcrypt.checkpw(b"the-password-of-bp_site", users["bp_site"].encode())


def test_each_account_has_the_role_of_its_name_and_the_superuser_all_rights(secrets: Path, tmp_path: Path) -> None:
    write_realm(tmp_path, secrets)
    users_of = pairs(tmp_path / "users_roles")
    assert users_of == {"superuser": SUPERUSER, KIBANA_SYSTEM: KIBANA_SYSTEM} | {name: name for name in read_roles()}


def test_roles_are_those_of_set_up(secrets: Path, tmp_path: Path) -> None:
    write_realm(tmp_path, secrets)
    lines = (tmp_path / "roles.yml").read_text().splitlines()
    assert {name: json.loads(body) for name, body in (line.split(": ", 1) for line in lines)} == read_roles()


def test_hashes_are_for_the_node_alone(secrets: Path, tmp_path: Path) -> None:
    write_realm(tmp_path, secrets)
    assert (tmp_path / "users").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("password", [None, "short"])
def test_account_without_a_usable_password_is_named_with_the_remedy(
    secrets: Path, tmp_path: Path, password: str | None
) -> None:
    (secrets / "bp_site").unlink() if password is None else (secrets / "bp_site").write_text(password)
    with pytest.raises(SecretFileError, match=r"bp_site.* python -m deploy\.secrets --directory "):
        write_realm(tmp_path, secrets)


def test_folder_is_remembered_until_a_start_without_it(secrets: Path, tmp_path: Path) -> None:
    assert accounts_of(tmp_path) is None
    remember_accounts(tmp_path, secrets)
    assert accounts_of(tmp_path) == secrets
    remember_accounts(tmp_path, None)
    assert accounts_of(tmp_path) is None


def test_folder_that_lacks_a_secret_is_refused_before_anything_is_started(secrets: Path, tmp_path: Path) -> None:
    (secrets / "bp_prune").unlink()
    with pytest.raises(SecretFileError, match="The password of bp_prune cannot be read"):
        remember_accounts(tmp_path, secrets)
    assert accounts_of(tmp_path) is None


def test_running_node_keeps_its_accounts(secrets: Path, tmp_path: Path) -> None:
    refuse_change(tmp_path, None)
    with pytest.raises(UserError, match="already runs without accounts"):
        refuse_change(tmp_path, secrets)
    remember_accounts(tmp_path, secrets)
    refuse_change(tmp_path, secrets)
    refuse_change(tmp_path, None)
    with pytest.raises(UserError, match=f"already runs with the accounts of {secrets}. Stop it first"):
        refuse_change(tmp_path, tmp_path / "other")
