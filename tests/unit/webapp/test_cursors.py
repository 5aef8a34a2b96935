"""A cursor opens only where it was made: same site, same user, same operation, same query, not one bit changed."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.cursors import CursorError, Cursors

SECRET = b"s" * 32
QUERY: dict[str, object] = {"level": "HIGH", "q": None}
POSITION: list[str | int | float] = [1772323200000, "P-0412"]

positions = st.lists(st.integers(-(2**53), 2**53) | st.text(max_size=64) | st.floats(0, 1), min_size=1, max_size=3)


def cursors(
    secret: bytes = SECRET, user: str = "nurse", operation: str = "list_patients", query: dict[str, object] = QUERY
) -> Cursors:
    return Cursors(secret, user, operation, query)


@given(positions)
def test_a_cursor_brings_its_position_back(position: list[str | int | float]) -> None:
    assert cursors().open(cursors().make(position)) == position


@pytest.mark.parametrize(
    "other",
    [
        cursors(secret=b"t" * 32),
        cursors(user="physician"),
        cursors(operation="list_predictions"),
        cursors(query=QUERY | {"level": "LOW"}),
        cursors(query={}),
    ],
    ids=["site", "user", "operation", "query", "no query"],
)
def test_a_cursor_of_another_scope_is_refused(other: Cursors) -> None:
    with pytest.raises(CursorError):
        cursors().open(other.make(POSITION))


def test_the_parts_of_a_scope_cannot_run_into_each_other() -> None:
    made = cursors(user='a", "b', operation="c").make(POSITION)
    with pytest.raises(CursorError):
        cursors(user="a", operation='b", "c').open(made)


@pytest.mark.parametrize("place", range(40))
def test_a_changed_character_is_refused(place: int) -> None:
    made = cursors().make(POSITION)
    changed = made[:place] + ("A" if made[place] != "A" else "B") + made[place + 1 :]
    with pytest.raises(CursorError):
        cursors().open(changed)


@given(st.text(max_size=200))
def test_what_was_made_up_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        cursors().open(text)


@pytest.mark.parametrize("signature", ["", "A", "AAAA", "A" * 22])
def test_a_forged_position_is_refused_whatever_the_signature(signature: str) -> None:
    payload = base64.urlsafe_b64encode(json.dumps([0, ""]).encode()).rstrip(b"=").decode()
    with pytest.raises(CursorError):
        cursors().open(f"{payload}.{signature}")
