"""Work that raises is done again in parts, until only what raises by itself is left out."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest
from elasticsearch import TransportError
from hypothesis import given
from hypothesis import strategies as st

from conf.errors import OutsideError, UserError
from jobs.streaming.sparing import spare


@given(st.lists(st.booleans(), max_size=40))
def test_each_is_worked_on_or_given_up_once_and_in_order(good: list[bool]) -> None:
    def work(part: Sequence[tuple[int, bool]]) -> list[tuple[int, bool]]:
        if not all(is_good for _, is_good in part):
            raise ValueError
        return list(part)

    numbered = list(enumerate(good))
    done = [pair for part in spare(work, numbered, lambda part, _: list(part)) for pair in part]
    assert done == numbered


def test_work_that_does_not_raise_is_done_at_once() -> None:
    assert list(spare(len, [1, 2, 3], lambda *_: -1)) == [3]


def test_one_of_many_costs_little_more_work_than_twice_their_halves() -> None:
    parts: list[int] = []

    def work(part: list[int]) -> None:
        parts.append(len(part))
        assert 700 not in part

    list(spare(work, list(range(1024)), lambda *_: None))
    assert len(parts) == 21
    assert sum(parts) < 4 * 1024


def test_work_on_nothing_that_raises_is_given_up_as_it_is() -> None:
    def work(_: list[int]) -> int:
        raise ValueError

    assert list(spare(work, [], lambda part, _: len(part))) == [0]


def test_an_arrow_batch_is_divided_by_its_rows() -> None:
    def work(part: pa.RecordBatch) -> list[str]:
        names: list[str] = part.column("name").to_pylist()
        assert "b" not in names
        return names

    batch = pa.RecordBatch.from_pydict({"name": ["a", "b", "c", "d", "e"]})
    parts = spare(work, batch, lambda part, _: ["not " + name for name in part.column("name").to_pylist()])
    assert [name for part in parts for name in part] == ["a", "not b", "c", "d", "e"]


@pytest.mark.parametrize(
    "error", [UserError("away"), OutsideError("odd"), TransportError("cut off"), OSError("full"), MemoryError()]
)
def test_what_goes_wrong_outside_is_no_message_s_fault(error: Exception) -> None:
    def work(_: list[int]) -> int:
        raise error

    with pytest.raises(type(error)):
        list(spare(work, [1, 2], lambda *_: 0))
