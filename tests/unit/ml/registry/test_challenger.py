"""The challenger is appointed and dismissed by somebody, for a reason, and never takes the place of what serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.registry.bundles import BundleError, current_version, discard, versions
from ml.registry.challenger import appoint, dismiss, read_challenger
from ml.registry.pointer import CHALLENGER, read_journal
from tests.support.bundles import CREATED_AT, publish_small, save_small_bundle


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Return a version in service and another one."""
    first, second = save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, first)
    return first, second


def test_an_appointed_version_is_the_challenger_until_it_is_dismissed(tmp_path: Path, pair: tuple[str, str]) -> None:
    assert read_challenger(tmp_path) is None
    appoint(tmp_path, pair[1], by="ada", why="trained on our readings", at=CREATED_AT)
    appointed = read_challenger(tmp_path)
    assert appointed is not None
    assert (appointed.version, appointed.by, appointed.why) == (pair[1], "ada", "trained on our readings")
    assert dismiss(tmp_path, by="bob", why="too many alarms", at=CREATED_AT) == pair[1]
    assert read_challenger(tmp_path) is None
    assert current_version(tmp_path) == pair[0]
    kept = [(move.action, move.by, move.why) for move in read_journal(tmp_path, CHALLENGER)]
    assert kept == [("appoint", "ada", "trained on our readings"), ("dismiss", "bob", "too many alarms")]


def test_the_version_in_service_cannot_challenge_itself(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(BundleError, match="is in service: name another version"):
        appoint(tmp_path, pair[0], by="ada", why="", at=CREATED_AT)


def test_a_damaged_version_is_not_appointed(tmp_path: Path, pair: tuple[str, str]) -> None:
    (tmp_path / pair[1] / "h6.ubj").unlink()
    with pytest.raises(BundleError, match="not usable"):
        appoint(tmp_path, pair[1], by="ada", why="", at=CREATED_AT)
    assert read_challenger(tmp_path) is None


def test_without_a_challenger_there_is_none_to_dismiss(tmp_path: Path, pair: tuple[str, str]) -> None:
    assert pair
    with pytest.raises(BundleError, match="retrain --shadow VERSION"):
        dismiss(tmp_path, by="ada", why="", at=CREATED_AT)


def test_a_version_that_has_scored_beside_another_is_not_discarded(tmp_path: Path, pair: tuple[str, str]) -> None:
    appoint(tmp_path, pair[1], by="ada", why="", at=CREATED_AT)
    dismiss(tmp_path, by="ada", why="", at=CREATED_AT)
    discard(tmp_path, pair[1])
    assert set(versions(tmp_path)) == set(pair)
