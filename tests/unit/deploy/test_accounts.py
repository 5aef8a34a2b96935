"""Accounts are made of files, on an Elasticsearch in memory that speaks the part of the security API needed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conf.errors import EXIT_FAILURE, EXIT_OK
from deploy.account_files import KIBANA_SYSTEM, SUPERUSER, read_roles
from deploy.accounts import main
from elastic import client as elastic_client
from tests.support import fake_elasticsearch
from tests.support.fake_elasticsearch import FakeElasticsearch, Json

WEAK = ("all", "manage", "write", "manage_security", "superuser", "*")


@dataclass
class FakeSecurity(FakeElasticsearch):
    """Roles, the role of each user, and the passwords, by name."""

    roles: dict[str, Json] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=lambda: {KIBANA_SYSTEM: [KIBANA_SYSTEM]})
    passwords: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: bytes) -> tuple[int, Json]:
        match method, path.strip("/").split("/"):
            case _ if self.request_faults:
                pass
            case "PUT", ["_security", "role", name]:
                self.roles[name] = json.loads(body)
                return 200, {"role": {"created": True}}
            case "PUT", ["_security", "user", name]:
                given, known = json.loads(body), name in self.users
                self.users[name], self.passwords[name] = given["roles"], given["password"]
                return 200, {"created": not known}
            case "GET", ["_security", "user", name]:
                return (200, {name: {}}) if name in self.users else (404, {})
            case "PUT", ["_security", "user", name, "_password"]:
                self.passwords[name] = json.loads(body)["password"]
                return 200, {}
        return super().answer(method, path, query, body)


@dataclass
class Run:
    """What a run of the command came to."""

    code: int
    said: str
    complained: str


@pytest.fixture
def fake() -> Iterator[FakeSecurity]:
    fake = FakeSecurity()
    with fake_elasticsearch.running(fake):
        yield fake


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name in (SUPERUSER, KIBANA_SYSTEM, *read_roles()):
        (tmp_path / name).write_text(f"the-password-of-{name}\n")
    return tmp_path


@pytest.fixture
def run(
    fake: FakeSecurity, secrets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Run]:
    monkeypatch.chdir(secrets)
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", fake.url)
    monkeypatch.setattr(elastic_client, "RETRY_WAITS_S", (0, 0, 0))

    def run_command() -> Run:
        code = main(["--directory", str(secrets)])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return run_command


def test_each_role_gets_an_account_of_its_name_with_the_password_of_its_file(
    run: Callable[[], Run], fake: FakeSecurity
) -> None:
    assert run().code == EXIT_OK
    assert fake.roles == read_roles()
    assert {name: fake.users[name] for name in read_roles()} == {name: [name] for name in read_roles()}
    assert fake.passwords == {name: f"the-password-of-{name}" for name in (*read_roles(), KIBANA_SYSTEM)}


def test_the_superuser_signs_in_with_the_password_of_its_file(run: Callable[[], Run], fake: FakeSecurity) -> None:
    run()
    expected = base64.b64encode(b"elastic:the-password-of-elastic").decode()
    assert set(fake.authorisations) == {f"Basic {expected}"}


def test_second_run_ends_with_the_same_accounts_and_says_so(run: Callable[[], Run], fake: FakeSecurity) -> None:
    first, before = run(), (dict(fake.roles), dict(fake.users), dict(fake.passwords))
    second = run()
    assert (fake.roles, fake.users, fake.passwords) == before
    assert "Account bp_site: created\n" in first.said
    assert "Account bp_site: renewed\n" in second.said


def test_new_password_in_a_file_is_what_counts_after_the_next_run(
    run: Callable[[], Run], fake: FakeSecurity, secrets: Path
) -> None:
    run()
    (secrets / "bp_site").write_text("another-password-of-the-site")
    run()
    assert fake.passwords["bp_site"] == "another-password-of-the-site"


def test_missing_secret_is_named_and_nothing_is_changed(
    run: Callable[[], Run], fake: FakeSecurity, secrets: Path
) -> None:
    (secrets / "bp_stream").unlink()
    ended = run()
    assert ended.code == EXIT_FAILURE
    assert f"The password of bp_stream cannot be read from {secrets / 'bp_stream'}." in ended.complained
    assert not fake.roles


def test_kibanas_own_password_stays_where_the_folder_has_none(
    run: Callable[[], Run], fake: FakeSecurity, secrets: Path
) -> None:
    (secrets / KIBANA_SYSTEM).unlink()
    ended = run()
    assert ended.code == EXIT_OK
    assert set(fake.passwords) == set(read_roles())
    assert KIBANA_SYSTEM not in ended.said


def test_cluster_without_kibanas_account_is_prepared_all_the_same(run: Callable[[], Run], fake: FakeSecurity) -> None:
    fake.users.clear()
    ended = run()
    assert ended.code == EXIT_OK
    assert KIBANA_SYSTEM not in fake.passwords
    assert KIBANA_SYSTEM not in ended.said


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "does not take this password of the superuser"),
        (403, "may not create others"),
        (400, "Is its security on"),
    ],
)
def test_refusal_is_one_line_with_the_remedy(
    run: Callable[[], Run], fake: FakeSecurity, status: int, reason: str
) -> None:
    fake.request_faults = [status] * 4
    ended = run()
    assert ended.code == EXIT_FAILURE
    assert reason in ended.complained
    assert ended.complained.count("\n") == 1


def test_superuser_that_a_starting_elasticsearch_does_not_know_yet_is_tried_again(
    run: Callable[[], Run], fake: FakeSecurity
) -> None:
    fake.request_faults = [401] * 3
    ended = run()
    assert (ended.code, ended.complained) == (EXIT_OK, "")
    assert fake.roles == read_roles()


def test_no_password_is_ever_shown(run: Callable[[], Run], fake: FakeSecurity) -> None:
    fake.request_faults = [401] * 4
    shown = [run(), run()]
    assert not any("the-password-of" in command.said + command.complained for command in shown)


def rights(role: Json) -> Iterator[tuple[str, Any]]:
    for kind in ("indices", "applications"):
        for entry in role.get(kind, []):
            yield from (("place", place) for place in entry.get("names", entry.get("resources")))
            yield from (("privilege", privilege) for privilege in entry["privileges"])
    yield from (("privilege", privilege) for privilege in role["cluster"])


@pytest.mark.parametrize("name", read_roles())
def test_roles_name_what_they_are_for_and_nothing_wide(name: str) -> None:
    found = list(rights(read_roles()[name]))
    assert not [privilege for kind, privilege in found if kind == "privilege" and privilege in WEAK]
    assert not [place for kind, place in found if kind == "place" and place in ("*", "blood-pressure-*", "space:*")]
    assert read_roles()[name]["metadata"]["purpose"]
