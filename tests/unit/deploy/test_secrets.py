"""Secrets are made once, are never overwritten, and each service gets its own."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from deploy import secrets
from deploy.account_files import read_password, read_roles
from deploy.secrets import CONSUMERS, SecretError, all_names, hand_out, main, make_missing


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def values(directory: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in directory.iterdir()}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_missing(tmp_path / "all", all_names())
    return tmp_path / "all"


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give no files away, whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 500)


def test_every_secret_is_made_long_and_different(directory: Path) -> None:
    made = values(directory)
    assert set(made) == set(all_names())
    assert len(set(made.values())) == len(made)
    assert min(len(value) for value in made.values()) >= 32


def test_every_account_of_elasticsearch_finds_its_password(directory: Path) -> None:
    for account in ("elastic", "kibana_system", *read_roles()):
        assert read_password(directory, account)


def test_nobody_else_can_read_a_secret(directory: Path) -> None:
    assert {mode(directory / name) & 0o007 for name in all_names()} == {0}


@pytest.mark.usefixtures("as_user")
def test_secrets_of_an_ordinary_user_are_for_that_user_alone(tmp_path: Path) -> None:
    make_missing(tmp_path, ["elastic"])
    assert mode(tmp_path / "elastic") == 0o600


def test_a_second_start_changes_nothing(directory: Path) -> None:
    before = values(directory)
    assert make_missing(directory, all_names()) == []
    assert values(directory) == before


def test_only_what_is_missing_is_made(directory: Path) -> None:
    before = values(directory)
    (directory / "bp_site").unlink()
    assert make_missing(directory, all_names()) == ["bp_site"]
    after = values(directory)
    assert after.pop("bp_site") != before.pop("bp_site")
    assert after == before


def test_two_starts_at_once_agree_on_each_secret(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    barrier = threading.Barrier(2)

    def start(folder: Path) -> None:
        barrier.wait()
        for name in all_names():
            secrets._make(folder / name)
        seen.append({name: (folder / name).read_text() for name in all_names()})

    threads = [threading.Thread(target=start, args=(tmp_path,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("content", ["", "short"])
def test_a_secret_that_was_cut_short_is_refused_and_left_alone(directory: Path, content: str) -> None:
    (directory / "secret-key").chmod(0o600)
    (directory / "secret-key").write_text(content)
    with pytest.raises(SecretError, match="secret-key is shorter than 32 characters"):
        make_missing(directory, all_names())
    assert (directory / "secret-key").read_text() == content


def test_a_password_that_others_gave_may_be_shorter_than_ours(tmp_path: Path) -> None:
    (tmp_path / "elastic").write_text("sixteen-or-more!")
    assert "elastic" not in make_missing(tmp_path, all_names())
    (tmp_path / "elastic").write_text("less-than-that")
    with pytest.raises(SecretError, match="elastic is shorter than 16 characters"):
        make_missing(tmp_path, all_names())


def test_each_service_gets_its_own_secrets_and_no_other(directory: Path, tmp_path: Path) -> None:
    for name in CONSUMERS:
        (tmp_path / "places" / name).mkdir(parents=True)
    assert hand_out(directory, tmp_path / "places") == list(CONSUMERS)
    for name, consumer in CONSUMERS.items():
        assert set(values(tmp_path / "places" / name)) == {*consumer.names, *consumer.made, *consumer.optional}
    assert values(tmp_path / "places" / "site")["bp_site"] == values(directory)["bp_site"]


def test_the_superuser_goes_to_elasticsearch_and_set_up_alone() -> None:
    assert [name for name, consumer in CONSUMERS.items() if "elastic" in consumer.names] == ["elasticsearch", "setup"]


def test_a_service_without_a_folder_gets_nothing(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "places" / "site").mkdir(parents=True)
    assert hand_out(directory, tmp_path / "places") == ["site"]
    assert [place.name for place in (tmp_path / "places").iterdir()] == ["site"]


def test_a_renewed_secret_reaches_its_service(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "places" / "site").mkdir(parents=True)
    hand_out(directory, tmp_path / "places")
    (directory / "bp_site").unlink()
    make_missing(directory, all_names())
    hand_out(directory, tmp_path / "places")
    assert (tmp_path / "places" / "site" / "bp_site").read_text() == (directory / "bp_site").read_text()


def test_the_pepper_of_an_older_version_reaches_the_site_and_none_is_made(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "places" / "site").mkdir(parents=True)
    hand_out(directory, tmp_path / "places")
    assert values(tmp_path / "places" / "site")["password-pepper"] == ""
    (directory / "password-pepper").write_text("p" * 48)
    hand_out(directory, tmp_path / "places")
    assert values(tmp_path / "places" / "site")["password-pepper"] == "p" * 48


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away; the container that does it runs as root")
def test_the_images_own_users_and_nobody_else_can_read_what_they_get(directory: Path, tmp_path: Path) -> None:
    for name in ("elasticsearch", "site"):
        (tmp_path / "places" / name).mkdir(parents=True)
    hand_out(directory, tmp_path / "places")
    elastic, site = (tmp_path / "places" / name for name in ("elasticsearch/elastic", "site/bp_site"))
    assert (elastic.stat().st_uid, mode(elastic)) == (1000, 0o400)
    assert (site.stat().st_uid, site.stat().st_gid, mode(site)) == (0, 10001, 0o640)


def test_kafka_gets_the_logins_of_its_clients(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "places" / "kafka").mkdir(parents=True)
    hand_out(directory, tmp_path / "places")
    logins = (tmp_path / "places" / "kafka" / "kafka-jaas.conf").read_text()
    assert f'user_kafka_stream="{(directory / "kafka_stream").read_text()}"' in logins


def test_the_command_tells_names_and_no_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(tmp_path / "all")]) == 0
    told = capsys.readouterr().out
    assert "Secrets made: elastic, kibana_system" in told
    assert not [value for value in values(tmp_path / "all").values() if value in told]


def test_the_command_ends_with_one_when_a_secret_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elastic").write_text("")
    assert main(["--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: The secret ")
