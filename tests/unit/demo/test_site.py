"""What the demo prepares for its site."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conf.errors import UserError
from conf.settings import Settings, load_settings
from demo.site import add_first_users, choose_address, greeting, with_secrets

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def settings(tmp_path: Path, **changes: object) -> Settings:
    return Settings.model_validate({"local_dir": tmp_path, **changes})


def test_the_missing_secret_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    first, told = with_secrets(settings(tmp_path))
    again, _ = with_secrets(settings(tmp_path))

    (file,) = (Path(value.removeprefix("@")) for value in told.values())
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    assert first.secret_key == again.secret_key is not None
    assert first.password_pepper is None


def test_the_pepper_of_an_older_demo_is_used(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password-pepper").write_text("p" * 48)

    known, told = with_secrets(settings(tmp_path))

    assert known.password_pepper is not None
    assert known.password_pepper.get_secret_value() == "p" * 48
    assert set(told) == {"BP_SECRET_KEY", "BP_PASSWORD_PEPPER"}


def test_the_site_reads_the_same_secret_from_its_environment(tmp_path: Path) -> None:
    known, told = with_secrets(settings(tmp_path))

    assert load_settings(told, tmp_path / "none").secret_key == known.secret_key


def test_secrets_of_the_user_are_left_alone(tmp_path: Path) -> None:
    given = settings(tmp_path, secret_key="k" * 40, password_pepper="p" * 40)

    assert with_secrets(given) == (given, {})
    assert list(tmp_path.iterdir()) == []


def test_first_users_are_made_once_and_their_passwords_told_once(tmp_path: Path) -> None:
    ready, _ = with_secrets(settings(tmp_path))

    passwords = add_first_users(ready, NOON)

    assert set(passwords) == {"admin", "clinicien"}
    assert add_first_users(ready, NOON) == {}
    told = "\n".join(greeting(ready, passwords))
    assert "http://127.0.0.1:5000/" in told
    assert all(password in told for password in passwords.values())
    assert greeting(ready, {}) == []


def test_a_taken_port_is_told_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"The site cannot listen on port {port}: .* --web-port"):
            choose_address(settings(tmp_path), port)


def test_port_zero_is_any_free_one(tmp_path: Path) -> None:
    assert choose_address(settings(tmp_path), 0).web_port not in (0, 5000)
