"""What becomes of where a patient lies when an Encounter tells something else."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import msgspec
import pytest
from elasticsearch import Elasticsearch

from conf.times import iso_us
from elastic.client import Search
from elastic.search import wards
from fhir.readings import Move
from jobs.streaming.moves import next_stay, store_moves

NOON_US = 1_773_144_000_000_000
SECOND_US = 1_000_000


def move(ward: str | None, seconds: int = 0, encounter_id: str | None = "e-1", bed: str | None = None) -> Move:
    return Move("p-1", encounter_id, ward, bed, NOON_US + seconds * SECOND_US)


def stay(ward: str | None, seconds: int = 0, encounter: str | None = "e-1", **more: Any) -> dict[str, Any]:
    told = {"patient_id": "p-1", "ward": ward, "encounter": encounter, **more}
    known = {name: value for name, value in told.items() if value is not None}
    return known | {"told_at": iso_us(NOON_US + seconds * SECOND_US)}


@pytest.mark.parametrize(
    ("known", "told", "after"),
    [
        (None, move("A", bed="12"), stay("A", bed="12")),
        (stay("A"), move("B", 5), stay("B", 5)),
        (stay("A", bed="12"), move("B", 5), stay("B", 5)),  # the bed is that of the old ward
        (stay("A", 5), move("B"), stay("A", 5)),  # told before
        (stay("A", 5, encounter=None), move("B"), stay("A", 5, encounter=None)),  # by the register, since then
        (stay("A", encounter=None), move("B", 5), stay("B", 5)),
        (stay("A"), move(None, 5), stay(None, 5)),
        (stay("A"), move(None, 5, "e-0"), stay("A")),  # an old visit is closed
        (stay("A"), move(None, 5, None), stay("A")),
        (stay("A", encounter=None), move(None, 5), stay("A", encounter=None)),
        (None, move(None), None),
        (stay(None, 5), move("A"), stay(None, 5)),  # told before the end, and arrived after it
        (stay(None), move("A", 5, "e-2"), stay("A", 5, "e-2")),
        (stay("A"), move("A"), stay("A")),  # once more
    ],
)
def test_what_was_told_last_stands(known: dict[str, Any] | None, told: Move, after: dict[str, Any] | None) -> None:
    assert next_stay(known, told) == after
    assert next_stay(after, told) == after


def test_lists_that_cannot_be_made_stop_no_stream_and_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[Any] = []

    def publish(*_: Any) -> None:
        raise wards.TooManyError("too many")

    monkeypatch.setattr(Search, "get_many", lambda *_: {})
    monkeypatch.setattr(wards, "keep", lambda _, stays: kept.extend(stays))
    monkeypatch.setattr(wards, "all_stays", lambda _: {})
    monkeypatch.setattr(wards, "publish", publish)
    of_tasks = [msgspec.json.encode(found).decode() for found in ([move("B", 5)], [], [move("A")])]
    assert store_moves(cast(Elasticsearch, None), of_tasks) == Counter(moves=2, moved=1)
    assert kept == [stay("B", 5)]
    assert "too many" in caplog.text


def test_without_moves_nothing_is_asked() -> None:
    assert store_moves(cast(Elasticsearch, None), ["[]", "[]"]) == Counter()
