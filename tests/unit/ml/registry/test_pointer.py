from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from ml.registry.files import BundleError, to_json
from ml.registry.pointer import (
    CHALLENGER,
    SERVICE,
    Action,
    Promotion,
    make_promotion,
    move,
    read_journal,
    read_pointer,
    version_before,
)
from tests.support.bundles import CREATED_AT


def promotion(version: str, action: Action = "publish", hour: int = 0) -> Promotion:
    return make_promotion(action, version, "hash", by="ada", why="better", at=CREATED_AT + timedelta(hours=hour))


def journal(history: str) -> list[Promotion]:
    """Return publications of the named versions; a minus is a rollback to it."""
    return [promotion(word.strip("-"), "rollback" if word[0] == "-" else "publish") for word in history.split()]


def moves(model_dir: Path, *versions: str) -> list[Promotion]:
    made = [promotion(version, hour=hour) for hour, version in enumerate(versions)]
    for record in made:
        move(model_dir, record)
    return made


def test_each_move_is_kept_with_who_when_and_why(tmp_path: Path) -> None:
    assert (read_pointer(tmp_path), read_journal(tmp_path)) == (None, [])
    made = moves(tmp_path, "a", "b")
    assert (read_pointer(tmp_path), read_journal(tmp_path)) == (made[1], made)
    first = json.loads((tmp_path / SERVICE.journal).read_text().splitlines()[0])
    assert first == {
        "at": "2025-03-01T12:00:00+00:00",
        "action": "publish",
        "version": "a",
        "manifest_sha256": "hash",
        "by": "ada",
        "why": "better",
    }


def test_a_move_that_ended_before_its_journal_line_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    made = moves(tmp_path, "a")
    (tmp_path / SERVICE.file).write_bytes(to_json(asdict(promotion("b"))))
    assert read_journal(tmp_path) == [*made, promotion("b")]
    move(tmp_path, promotion("c"))
    assert [record.version for record in read_journal(tmp_path)] == ["a", "b", "c"]
    assert (tmp_path / SERVICE.journal).read_text().count("\n") == 3


def test_the_pointer_of_the_challenger_and_its_journal_stand_apart(tmp_path: Path) -> None:
    (in_service,) = moves(tmp_path, "a")
    beside = promotion("b", "appoint")
    move(tmp_path, beside, CHALLENGER)
    assert (read_pointer(tmp_path), read_journal(tmp_path)) == (in_service, [in_service])
    assert (read_pointer(tmp_path, CHALLENGER), read_journal(tmp_path, CHALLENGER)) == (beside, [beside])


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("a b", "a"),
        ("a b c", "b"),
        ("a b c -b", "a"),
        ("a b -a c", "a"),
        ("a b b", "a"),
        ("a b a", "b"),
        ("a b a -b", "a"),
    ],
)
def test_a_rollback_returns_to_what_was_covered_and_never_to_the_same(history: str, expected: str) -> None:
    assert version_before(journal(history)) == expected


@pytest.mark.parametrize("history", ["", "a", "a a", "a b -a", "-a"])
def test_there_is_nothing_before_the_first_publication(history: str) -> None:
    with pytest.raises(BundleError, match="no earlier version"):
        version_before(journal(history))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": "x"}', '"text"', "\xff"])
def test_an_unreadable_pointer_is_an_error_and_not_an_absent_model(tmp_path: Path, content: str) -> None:
    (tmp_path / SERVICE.file).write_text(content, encoding="latin-1")
    with pytest.raises(BundleError, match=r"current\.json is not usable"):
        read_pointer(tmp_path)
