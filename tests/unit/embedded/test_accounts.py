from __future__ import annotations

from pathlib import Path

import pytest

from conf.errors import UserError
from embedded.accounts import FALLBACK_PARENT, can_reach, home_for, make_private, unprivileged_account
from embedded.process import Account

STRANGER = Account("stranger", 54321, 54321)


def test_ordinary_user_runs_elasticsearch_himself_in_the_local_directory(tmp_path: Path) -> None:
    assert unprivileged_account(1000) is None
    assert home_for(None, tmp_path) == tmp_path / "elasticsearch"


def test_root_runs_elasticsearch_as_an_unprivileged_user() -> None:
    account = unprivileged_account(0)
    assert account
    assert account.uid != 0


def test_closed_parent_moves_the_files_to_a_place_of_their_own(tmp_path: Path) -> None:
    closed, other = tmp_path / "closed" / "local", tmp_path / "closed" / "other"
    for directory in (closed, other):
        directory.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not can_reach(STRANGER, closed)
    assert home_for(STRANGER, closed).parent == FALLBACK_PARENT
    assert home_for(STRANGER, closed) == home_for(STRANGER, closed)
    assert home_for(STRANGER, closed) != home_for(STRANGER, other)


def test_directory_with_open_parents_is_used_itself() -> None:
    assert home_for(STRANGER, Path("/usr/lib")) == Path("/usr/lib/elasticsearch")


def test_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "home", None)
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_directory_that_somebody_else_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trap").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "trap")
    with pytest.raises(UserError, match=r"belongs to another user\. Remove it or set BP_LOCAL_DIR"):
        make_private(tmp_path / "home", None)
