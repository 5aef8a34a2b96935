"""Adding users from the command line, in scripts and by hand."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import UserError
from tests.unit.webapp.site import settings
from webapp.create_users import main, run
from webapp.security.totp import Seals, new_secret
from webapp.store import Store, users
from webapp.store.database import STORE_FILE

Command = Callable[..., tuple[int, str]]
PASSWORD = r"(?:[a-z0-9]{5}-){3}[a-z0-9]{5}"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    for name, value in {"LOCAL_DIR": str(tmp_path), "SECRET_KEY": "s" * 48}.items():
        monkeypatch.setenv(f"BP_{name}", value)

    def call(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def store(tmp_path: Path) -> Store:
    return Store(tmp_path / STORE_FILE)


def test_a_scripted_user_gets_a_password_for_one_use_that_ends(tmp_path: Path, command: Command) -> None:
    code, text = command("--name", "Anne", "--role", "clinician", "--language", "en")

    assert code == 0
    assert re.search(rf"within 72 hours: {PASSWORD}$", text.strip())
    user = users.find(store(tmp_path), "anne")
    assert user
    assert (user.role, user.language, user.must_change) == ("clinician", "en", True)
    assert user.secret_expires_at


def test_a_user_may_be_bound_to_wards_but_an_administrator_may_not(tmp_path: Path, command: Command) -> None:
    assert command("--name", "anne", "--role", "viewer", "--wards", "B, A")[0] == 0
    user = users.find(store(tmp_path), "anne")
    assert user
    assert user.wards == {"A", "B"}
    assert "anne  viewer of A, B" in command("--list")[1]
    code, text = command("--name", "root", "--role", "admin", "--wards", "A")
    assert (code, "bound to no ward" in text, users.find(store(tmp_path), "root")) == (1, True, None)


def test_a_service_gets_no_password(command: Command) -> None:
    code, text = command("--name", "robot", "--role", "service")

    assert code == 0
    assert not re.search(PASSWORD, text)


def test_a_second_user_of_one_name_is_refused_unless_it_may_be_there(command: Command) -> None:
    command("--name", "anne", "--role", "viewer")

    code, text = command("--name", "ANNE", "--role", "admin")
    assert (code, text) == (1, "error: There is a user anne already. Give another name.\n")
    code, text = command("--name", "anne", "--role", "admin", "--if-missing")
    assert (code, text) == (0, "There is a user anne already.\n")


def test_an_unfit_name_is_refused_with_the_remedy(command: Command) -> None:
    code, text = command("--name", "anne martin", "--role", "viewer")

    assert code == 1
    assert "Give 2 to 64 of the characters" in text


def test_somebody_locked_out_gets_another_password_and_no_authenticator(tmp_path: Path, command: Command) -> None:
    command("--name", "chief", "--role", "admin")
    user = users.find(store(tmp_path), "chief")
    assert user
    users.begin_totp(store(tmp_path), user.id, "sealed")
    users.use_totp_step(store(tmp_path), user.id, 1)

    code, text = command("--name", "chief", "--reset")

    assert code == 0
    assert re.search(PASSWORD, text)
    again = users.find(store(tmp_path), "chief")
    assert again
    assert (again.has_totp, again.must_change, again.password == user.password) == (False, True, False)


def test_a_reset_needs_a_user(command: Command) -> None:
    assert command("--name", "nobody", "--reset")[0] == 1


def test_all_users_are_listed_with_what_is_old_in_their_accounts(tmp_path: Path, command: Command) -> None:
    command("--name", "anne", "--role", "viewer")
    command("--name", "chief", "--role", "admin")
    command("--name", "robot", "--role", "service")
    of_file, seals = store(tmp_path), Seals([b"another key of the site, and lost"])
    anne, chief = (users.find(of_file, name) for name in ("anne", "chief"))
    assert anne
    assert chief
    users.renew_record(of_file, anne.id, "hmac-sha384-bcrypt$0$x")
    users.set_disabled(of_file, anne.id, True)
    users.begin_totp(of_file, chief.id, new_secret(seals))
    users.use_totp_step(of_file, chief.id, 1)

    code, text = command("--list")

    assert code == 0
    assert text.splitlines() == [
        "anne  shut viewer; password of an older version: set BP_PASSWORD_PEPPER as it was, or use --reset",
        "chief  admin; authenticator under an unknown key: put the old one behind BP_SECRET_KEY, or use --reset",
        "robot  service",
    ]


def test_what_is_not_given_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["Paul", "viewer"])
    options = Namespace(name=None, role=None, language=None, wards="", if_missing=False, reset=False, list=False)

    run(options, settings(tmp_path), ask=lambda _question: next(answers))

    assert "User paul (viewer) is added" in capsys.readouterr().out


def test_a_role_that_was_typed_wrong_is_refused_with_those_there_are(tmp_path: Path) -> None:
    answers = iter(["anne", "nurse"])
    options = Namespace(name=None, role=None, language="en", wards="", if_missing=False, reset=False, list=False)
    with pytest.raises(UserError, match=r"no role 'nurse'. Give one of .*clinician"):
        run(options, settings(tmp_path), lambda _: next(answers))
    assert users.list_all(store(tmp_path)) == []


def test_the_store_is_for_its_owner_alone(tmp_path: Path, command: Command) -> None:
    command("--name", "anne", "--role", "viewer")

    assert oct((tmp_path / STORE_FILE).stat().st_mode & 0o777) == "0o600"
