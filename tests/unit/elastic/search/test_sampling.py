"""Aggregations look at all documents as long as these are few, and at a sample of a steady size beyond."""

from __future__ import annotations

from typing import Any

import pytest

from elastic.client import Search
from elastic.search import sampling


class Counted(Search):
    """Holds a number of documents, and remembers the sampler."""

    def __init__(self, number: int) -> None:
        self.__dict__.update(number=number, samplers=[])

    def ask(self, _index: str, body: dict[str, Any]) -> dict[str, Any]:
        if "aggs" in body:
            self.__dict__["samplers"].append(body["aggs"]["sample"]["random_sampler"])
            return {"aggregations": {"sample": {"doc_count": self.__dict__["number"]}}}
        return {"hits": {"total": {"value": self.__dict__["number"]}}}


@pytest.mark.parametrize(
    ("number", "share"), [(0, 1.0), (100, 1.0), (199, 1.0), (200, 0.5), (1_000, 0.1), (10_000_000, 0.00001)]
)
def test_about_so_many_documents_are_looked_at_and_no_more(number: int, share: float) -> None:
    search = Counted(number)
    found = sampling.aggregate(search, "index", {}, {"match_all": {}}, most=100)
    assert (found.share, found.found["doc_count"]) == (share, number)
    assert search.__dict__["samplers"] == [{"probability": share, "seed": sampling.SEED}]
